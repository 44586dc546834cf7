"""Files that people write, in YAML or JSON: strict, frozen, every fault in one line that names its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worldlaw.core.errors import BadInput, nearest, shorten

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=80)]
RawRegion = dict[str, Any] | list[dict[str, Any]]
Place = tuple[str | int, ...]  # keys and numbers that lead to a value

LONGEST_YAML = 1_000_000  # characters: what people write is far shorter, and reading it takes 3 s
MOST_VALUES = 50_000  # keys and values in a file of YAML, what its aliases stand for counted every time
MOST_DIGITS = 400  # of a number: no float has more before its point


class Strict(BaseModel):
    """Immutable, no key but the ones that are declared, no number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def parse_yaml(text: str, where: str) -> Any:
    """YAML as plain data.

    Raises BadInput for what is not YAML, a key that is given twice, more than a million characters or 50,000
    values (an alias counts as all that it stands for), a number of more than 400 digits, half a character.
    """
    if len(text) > LONGEST_YAML:
        raise BadInput(f"{where}: {len(text):,} characters; expected YAML of at most {LONGEST_YAML:,}")
    try:
        loader = _UniqueKeys(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _num_values(node, {}) > MOST_VALUES:
                raise BadInput(f"{where}: more than {MOST_VALUES:,} values, an alias being all it stands for")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except BadInput:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-13-45
        raise BadInput(f"{where}: not valid YAML: {shorten(' '.join(str(error).split()), 300)}") from error


def parse_json(text: str) -> Any:
    """JSON as plain data, stricter than Python's own: every key once, finite numbers, whole characters.

    Raises ValueError, which says what is wrong, for anything else.
    """
    try:
        found = json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite, parse_int=_whole
        )
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except UnicodeEncodeError as error:
        raise ValueError("half a character (a lone surrogate)") from error
    return found


def read_json(path: Path, what: str = "", *, absent: str = "cannot be read ({})") -> Any:
    """What a JSON file holds; ``what`` it should be and is not, and what to say if it cannot be opened.

    Raises BadInput in one line; ``{}`` in ``absent`` stands for what the operating system says.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {absent.format(error.strerror)}") from error
    except ValueError as error:
        raise BadInput(f"{path}: {what}not readable as JSON ({error})") from error


def read_yaml(path: Path, what: str) -> Any:
    """A YAML file as plain data; ``what`` it is to be, such as "an experiment file".

    Raises BadInput with one line if it is not there, cannot be read or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such {what.partition(' ')[2]}{_similar(path)}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected {what} in YAML; found bytes that are no text") from error
    except OSError as error:
        raise BadInput(f"{path}: expected {what} in YAML ({error.strerror})") from error
    return parse_yaml(text, str(path))


def explain(error: ValidationError, known_at: Callable[[Place], Iterable[str]]) -> str:
    """The first fault of a validation as one line, and how many more there are.

    ``known_at`` gives the keys that are known at a place in the file.
    """
    # A misspelt key is a missing one, too, and explains more.
    faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    first = faults[0]
    where = _address(first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(known_at(first["loc"][:-1]))
        near = nearest(str(first["loc"][-1]), known)
        text = f"unknown key {where!r}; " + (
            f"did you mean {near!r}?" if near else f"expected one of: {', '.join(known)}"
        )
    elif first["type"] == "missing":
        text = f"missing key {where!r}"
    elif first["type"] == "value_error":
        text = str(first["ctx"]["error"])
    elif first["type"] == "string_pattern_mismatch":
        text = f"{where}: expected lower-case letters, digits, _ and -; found {first['input']!r:.80}"
    else:
        said = first["msg"].replace("Tuple", "list").replace("tuple", "list")
        said = said.replace("Dictionary", "mapping").replace("dictionary", "mapping")
        text = f"{where}: {said[0].lower()}{said[1:]}; found {first['input']!r:.80}"
    more = len({_address(fault["loc"]) for fault in faults}) - 1
    return text + (f" (and {more} more fault{'s' if more > 1 else ''})" if more else "")


def inherit(train: RawRegion, test: RawRegion, where: str) -> RawRegion:
    """The test region with what it does not name taken from the training region.

    Raises BadInput if the training region has several boxes and a test box leaves some of it unsaid.
    """
    if not train:
        return test
    if isinstance(train, list):
        if test == {}:
            return train
        named = {attribute for box in train for attribute in box}
        for box in test if isinstance(test, list) else [test]:
            unsaid = sorted(named - box.keys())
            if unsaid:
                raise BadInput(
                    f"{where}: the training region has several boxes, so a test region must name all they "
                    f"name; missing: {', '.join(unsaid)}"
                )
        return test
    if isinstance(test, list):
        return [{**train, **box} for box in test]
    return {**train, **test}


def _address(location: Place) -> str:
    """The place in the file, without pydantic's names for the branches of a union."""
    return ".".join(shorten(str(part)) for part in location if "[" not in str(part))


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a key that is given twice is an error; the plain loader silently drops the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _fault(f"{shorten(key.value)!r} is given twice", key)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _num_values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for; ``known`` are those of nodes counted before, 0 while one is counted.

    Raises what the loader raises for a node within itself and for a scalar that no number or text is.
    """
    if id(node) in known:
        if not known[id(node)]:
            raise _fault("an alias within what it stands for", node)
        return known[id(node)]
    known[id(node)] = 0
    inner: Iterable[yaml.Node] = (node,)
    if isinstance(node, yaml.MappingNode):
        inner = (part for pair in node.value for part in pair)
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    total = 0 if isinstance(node, yaml.ScalarNode) else 1
    for one in inner:
        if not isinstance(one, yaml.ScalarNode):
            total += _num_values(one, known)
            continue
        total += 1  # here, not in a call of its own: a large file is nearly all scalars
        if one.tag.endswith((":int", ":float")) and len(one.value) > MOST_DIGITS:
            raise _fault(f"a number of {len(one.value):,} digits", one)
        if not one.value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in one.value):
            raise _fault("half a character (a lone surrogate)", one)
    known[id(node)] = total
    return total


def _fault(said: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, said, node.start_mark)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shorten(name)!r} is given twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not abs(value) < float("inf"):
        raise ValueError(f"{shorten(text)} is not a finite number")
    return value


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _similar(path: Path) -> str:
    beside = path.parent.glob("[!.]*.yaml") if path.parent.is_dir() else ()
    names = [str(one) for one in beside]
    near = nearest(str(path), names)
    return f"; did you mean {near}?" if near else ""
