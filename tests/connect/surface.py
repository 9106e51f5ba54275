"""The public surface of a library, read from its classes: their members, and what those accept.

Decides which members and parameters count, for posit-sdk and for this library. The comparison is in
`parity.py`.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar, get_args, get_origin, get_overloads

from aconnect._client.resource import ResourceBelow


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a method."""

    names: tuple[str, ...] = ()
    """The parameters that can be passed by name."""
    positional: int = 0
    """The number of parameters that can be passed by position."""
    nameless: tuple[str, ...] = ()
    """Positional-only parameters, in order."""
    required: frozenset[str] = frozenset()
    """The names without which the method cannot be called."""
    any_name: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A public method or attribute."""

    holder: type
    name: str
    called: bool
    gives: tuple[type, ...] = ()
    """The library's own classes that it returns."""
    parameters: Parameters = field(default_factory=Parameters)
    settable: bool = False
    deletable: bool = False


@dataclass(frozen=True, slots=True)
class Library:
    """How to read the classes of a package."""

    package: str
    through: frozenset[str] = frozenset()
    """Generic classes that only contain what they return, such as pages."""
    gives: Mapping[str, str] = field(default_factory=dict)
    """The results of members without annotations: `Class.member` to the name of a class."""
    behind: Callable[[type, Callable[..., Any]], Collection[str] | None] = lambda _, __: None
    """Returns the names behind `**kwargs` that no annotation lists; None if any is accepted."""

    def member(self, holder: type, name: str) -> Member | None:
        """Return a member regardless of how it is defined, or None."""
        value = inspect.getattr_static(holder, name, None)
        origin, annotation = _annotated(holder, name)
        known = self._known(holder, name)
        if isinstance(value, ResourceBelow):
            return Member(holder, name, called=False, gives=known or (value.kind,))
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if inspect.isfunction(value):
            forms: list[Any] = [*get_overloads(inspect.unwrap(value)), value]
            return Member(
                holder,
                name,
                called=True,
                gives=known or self._merged(self._returned(one) for one in forms),
                parameters=_joined([self._parameters(one, holder) for one in forms]),
            )
        if isinstance(value, property | functools.cached_property) and annotation is None:
            getter = value.fget if isinstance(value, property) else value.func
            assert getter is not None
            return Member(
                holder,
                name,
                called=False,
                gives=known or self._returned(getter),
                settable=isinstance(value, property) and value.fset is not None,
                deletable=isinstance(value, property) and value.fdel is not None,
            )
        if annotation is not None:
            gives = self._classes(self._resolve(annotation, origin))
            return Member(holder, name, called=False, gives=known or gives)
        return Member(holder, name, called=False, gives=known) if known or value else None

    def own(self, holder: type) -> Iterator[type]:
        """Yield the bases that belong to the library."""
        return (base for base in holder.__mro__ if self.holds(base))

    def holds(self, kind: type) -> bool:
        """Return True if a class belongs to the library."""
        return f"{kind.__module__}.".startswith(f"{self.package}.")

    def _known(self, holder: type, name: str) -> tuple[type, ...]:
        for base in self.own(holder):
            if given := self.gives.get(f"{base.__name__}.{name}"):
                return self._classes(self._resolve(given, base))
        return ()

    def _merged(self, found: Iterator[tuple[type, ...]]) -> tuple[type, ...]:
        return tuple(dict.fromkeys(kind for kinds in found for kind in kinds))

    def _returned(self, function: Callable[..., Any]) -> tuple[type, ...]:
        function = inspect.unwrap(function)
        annotation = function.__annotations__.get("return")
        return () if annotation is None else self._classes(self._resolve(annotation, function))

    def _resolve(
        self, annotation: Any, origin: Any, nested: Mapping[str, Any] = MappingProxyType({})
    ) -> Any:
        """Evaluate an annotation in its module, with imports for type checkers."""
        if not isinstance(annotation, str):
            return annotation
        module = sys.modules[origin.__module__]
        names = {**nested, **_late(module), **vars(module)}
        return eval(annotation, names)  # noqa: S307  words of a library that is run anyway

    def _classes(self, hint: Any) -> tuple[type, ...]:
        if isinstance(hint, TypeVar):
            return ()
        kind = get_origin(hint) or hint
        if isinstance(kind, type) and self.holds(kind) and kind.__name__ not in self.through:
            return (kind,)
        return self._merged(self._classes(one) for one in get_args(hint))

    def _parameters(self, function: Callable[..., Any], holder: type) -> Parameters:
        function = inspect.unwrap(function)
        names, nameless, positional, any_name = list[str](), list[str](), 0, False
        required = set[str]()
        for one in list(inspect.signature(function).parameters.values())[1:]:
            positional += one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
            if one.kind is one.POSITIONAL_ONLY:
                nameless.append(one.name)
            elif one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}:
                names.append(one.name)
                required |= {one.name} if one.default is one.empty else set()
            elif one.kind is one.VAR_KEYWORD:
                fields = self._fields(one.annotation, function, holder)
                if fields is None:
                    found = self.behind(holder, function)
                    any_name |= found is None
                    names.extend(name for name in found or () if name not in nameless)
                else:
                    names.extend(sorted(fields.__annotations__))
                    required |= _required(fields)
        return Parameters(
            tuple(dict.fromkeys(names)), positional, tuple(nameless), frozenset(required), any_name
        )

    def _fields(self, annotation: Any, function: Callable[..., Any], holder: type) -> Any:
        """Return the TypedDict of `**fields: Unpack[SomeTypedDict]`; None if there is none."""
        # A TypedDict can be defined in the class whose method uses it.
        nested = {name: kind for base in self.own(holder) for name, kind in vars(base).items()}
        hint = self._resolve(annotation, function, nested)
        # `typing_extensions` has an Unpack of its own.
        if not str(get_origin(hint)).endswith(".Unpack"):
            return None
        (kind,) = get_args(hint)
        return kind


def _annotated(holder: type, name: str) -> tuple[type, Any]:
    for base in holder.__mro__:
        annotation = inspect.get_annotations(base).get(name)
        if annotation is not None:
            return base, annotation
    return holder, None


@functools.cache
def _late(module: ModuleType) -> dict[str, Any]:
    """Import what a module imports for type checkers only."""
    names: dict[str, Any] = {}
    for block in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(block, ast.If) or "TYPE_CHECKING" not in ast.dump(block.test):
            continue
        for one in block.body:
            if isinstance(one, ast.ImportFrom):
                found = importlib.import_module(
                    f"{'.' * one.level}{one.module}", module.__package__
                )
                names |= {
                    alias.asname or alias.name: vars(found)[alias.name] for alias in one.names
                }
    return names


def _required(fields: Any) -> set[str]:
    """Return the required keys of a TypedDict, also of one in a module of postponed annotations."""
    required = set(fields.__required_keys__)
    for name, hint in fields.__annotations__.items():
        marker = re.match(
            r"(?:\w+\.)*(Not)?Required\[", getattr(hint, "__forward_arg__", str(hint))
        )
        if marker:
            (required.discard if marker[1] else required.add)(name)
    return required


def documented(_holder: type, function: Callable[..., Any]) -> list[str] | None:
    """Return the parameters in the docstring of a function, which is in numpy's style."""
    _, _, rest = inspect.cleandoc(function.__doc__ or "").partition("Parameters\n----------\n")
    section = re.split(r"\n\w[\w ]*\n-{4,}\n", rest)[0]
    return re.findall(r"^(\w+) *:", section, re.MULTILINE) or None


def _joined(forms: Sequence[Parameters]) -> Parameters:
    """Merge the parameters of the overloads of a method, and of its implementation at the end."""
    declared = forms[:-1] or forms
    names = {name for one in declared for name in one.names}
    # An overload with `**kwargs` only says nothing about a name.
    optional = {n for one in declared for n in one.names if n not in one.required}
    return Parameters(
        names=tuple(dict.fromkeys(name for one in forms for name in one.names)),
        positional=max(one.positional for one in forms),
        nameless=max((one.nameless for one in forms), key=len),
        required=frozenset(names - optional),
        any_name=forms[-1].any_name,
    )


def _set_at_birth(holder: type) -> list[str]:
    """Return the public attributes that a class's own constructor sets."""
    made = vars(holder).get("__init__")
    # The constructor of a protocol or a dataclass is not written in the class.
    written = sys.modules[holder.__module__].__file__
    if not inspect.isfunction(made) or made.__code__.co_filename != written:
        return []
    tree = ast.parse(textwrap.dedent(inspect.getsource(made)))
    return [
        one.attr
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute)
        and isinstance(one.ctx, ast.Store)
        and isinstance(one.value, ast.Name)
        and one.value.id == "self"
        and not one.attr.startswith("_")
    ]


def is_thing(kind: type) -> bool:
    """Return True if a class of posit-sdk is an object of the server, not a resource."""
    return issubclass(kind, dict) or any(base.__name__ == "Resource" for base in kind.__mro__)


def is_keyed(kind: type) -> bool:
    """Return True if a class is a TypedDict, which has keys and no attributes."""
    return hasattr(kind, "__optional_keys__")


def public(library: Library, holder: type, plain: Collection[str] = ()) -> list[str]:
    """List the public methods and attributes of a class that are the library's own."""
    names: dict[str, None] = {}
    for base in library.own(holder):
        if base.__name__ in plain:
            continue
        # Nested classes and type aliases are not members.
        members = [name for name in vars(base) if not name[:1].isupper()]
        fields = inspect.get_annotations(base)
        names |= dict.fromkeys([*members, *fields, *_set_at_birth(base)])
    return [name for name in names if not name.startswith("_")]
