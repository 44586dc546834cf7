"""What a name in an experiment stands for: a class of the right kind, and an object with its options."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from worldlaw.core.errors import BadInput, blame, unknown
from worldlaw.models.model import limit_time

T = TypeVar("T")


def check_class(
    kind: object, contract: type, *, what: str, name: str, address: str, options: Mapping
) -> None:
    """That something is a class of a kind (``what``: model, codec) and takes the options of its entry.

    Raises BadInput otherwise, and for options that are no plain data.
    """
    if not (isinstance(kind, type) and issubclass(kind, contract)):
        raise BadInput(
            f"{what} {address!r}: expected a class derived from {contract.__name__}; found {kind!r:.80}"
        )
    if inspect.isabstract(kind):
        abstract: frozenset[str] = getattr(kind, "__abstractmethods__", frozenset())
        missing = ", ".join(map(repr, sorted(abstract)))
        raise BadInput(f"{what} {address!r}: the class has no {missing}")
    takes = inspect.signature(kind).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        for option in options:
            if option not in takes and not takes:
                raise BadInput(f"{what}s.{name}.options: {address} takes no options; found {option!r}")
            if option not in takes:
                raise unknown(f"option of {address}", option, takes)
    try:
        json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{what}s.{name}.options: expected numbers, texts, lists and mappings; {error}"
        ) from error


def build(
    kind: type[T], options: dict[str, Any], *, what: str, name: str, address: str, time_limit: float | None
) -> T:
    """An object with these options. Raises BadInput for options that its class refuses.

    A time limit in s goes to what takes one, unless its own is shorter.
    """
    options = limit_time(options, getattr(kind, "runtime_options", ()), time_limit)
    with blame(f"{what} {name}"):
        try:
            return kind(**options)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{what} {name}: options {options} do not fit {address}: {error}") from error
