"""Files that people write, in YAML: strict, frozen, and every fault in one line that names its place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worldlaw.core.errors import BadInput

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=80)]
RawRegion = dict[str, Any] | list[dict[str, Any]]
Place = tuple[str | int, ...]  # keys and numbers that lead to a value


class Strict(BaseModel):
    """Immutable, no key but the ones that are declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def parse_yaml(text: str, where: str) -> Any:
    """YAML as plain data. Raises BadInput for what is not YAML and for a key that is given twice."""
    try:
        return yaml.load(text, _UniqueKeys)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-13-45
        raise BadInput(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


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
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    first = faults[0]
    where = _address(first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(known_at(first["loc"][:-1]))
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        text = f"unknown key {where!r}; " + (
            f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(known)}"
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
    return ".".join(str(part) for part in location if "[" not in str(part))


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error; the plain loader silently drops the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} is given twice", key.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _similar(path: Path) -> str:
    names = [str(p) for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(str(path), names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""
