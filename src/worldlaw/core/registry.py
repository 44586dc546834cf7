"""Names to things: what ships with us, what an installed plugin adds, and ``module:Thing`` for a file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from worldlaw.core.errors import BadInput, blame, unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name.

    Built-in modules are imported at the first look-up, not at start-up. An installed package adds its own
    through the entry-point group ``worldlaw.<plural>``, the kind with an s unless it is given; anything
    importable is reachable as ``"package.module:Thing"``. What needs an extra that not everybody installs is
    ``optional``: name -> (address, extra), imported only when it is asked for.
    """

    def __init__(
        self,
        kind: str,
        modules: Iterable[str] = (),
        optional: Mapping[str, tuple[str, str]] | None = None,
        plural: str = "",
    ) -> None:
        self.kind = kind
        self._plural = plural or f"{kind}s"
        self._modules = tuple(modules)
        self._optional = dict(optional or {})
        self._things: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str, thing: T) -> T:
        """Add a thing under a name. Raises ValueError if another thing has that name already."""
        if self._things.get(name, thing) is not thing:
            raise ValueError(f"two {self._plural} are called {name!r}")
        self._things[name] = thing
        return thing

    def registering(self, name: str) -> Callable[[T], T]:
        """A decorator that registers what it decorates and returns it unchanged."""
        return lambda thing: self.register(name, thing)

    def names(self) -> list[str]:
        """All names: built-in ones in order of their modules, then plugins, then what needs an extra."""
        self._load()
        return list(dict.fromkeys([*self._things, *self._optional]))

    def get(self, name: str) -> T:
        """The thing of that name.

        Raises BadInput, with the nearest known name if there is none, or with the extra to install.
        """
        if ":" in name:
            return self._import(name)
        if name in self._optional:
            address, extra = self._optional[name]
            try:
                return self._import(address)
            except BadInput as error:
                said = str(error).replace(repr(address), repr(name))
                raise BadInput(f"{said}; install the extra: pip install 'worldlaw[{extra}]'") from error
        self._load()
        if name not in self._things:
            raise unknown(self.kind, name, self.names())
        return self._things[name]

    def missing_extra(self, name: str) -> str:
        """What to install before an optional thing can be had, in one line; empty if nothing is missing."""
        if name in self._optional:
            try:
                self.get(name)
            except BadInput as error:
                return str(error)
        return ""

    def code(self, name: str) -> str:
        """Hash of the file that a ``module:Thing`` stands in; empty for what is registered and has a version.

        What is only a file is edited without raising a version, so its text belongs to the key of what it
        makes.
        """
        if ":" not in name:
            return ""
        self.get(name)
        file = getattr(importlib.import_module(name.partition(":")[0]), "__file__", None)
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16] if file else ""

    def _load(self) -> None:
        if self._loaded:
            return
        # In the order of the modules and of their lines, whichever was imported first: orders are part of
        # keys.
        lines = [value for name in self._modules for value in vars(importlib.import_module(name)).values()]
        place = {id(value): number for number, value in reversed(list(enumerate(lines)))}
        ours = sorted(self._things.items(), key=lambda item: place.get(id(item[1]), len(lines)))
        self._things = dict(ours)
        for entry in importlib.metadata.entry_points(group=f"worldlaw.{self._plural}"):
            with blame(f"{self.kind} {entry.name!r} of an installed package"):
                self.register(entry.name, entry.load())
        self._loaded = True

    def _import(self, address: str) -> T:
        module, _, attribute = address.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute)):
            raise BadInput(f"{self.kind} {address!r}: expected an address such as package.module:Thing")
        with blame(f"{self.kind} {address!r}"):
            try:
                home = importlib.import_module(module)
            except ModuleNotFoundError as error:
                raise BadInput(
                    f"{self.kind} {address!r}: no module {error.name!r} on the Python path"
                ) from error
        if not hasattr(home, attribute):
            raise BadInput(f"{self.kind} {address!r}: module {module!r} has no {attribute!r}")
        return getattr(home, attribute)
