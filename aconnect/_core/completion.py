"""What completion and `help()` show: the names for users, and the fields behind `**fields`.

Decides nothing about calls: those are bound by compiled signatures of their own.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator
from types import FunctionType
from typing import (
    Any,
    ClassVar,
    Final,
    ForwardRef,
    NotRequired,
    Required,
    TypeVar,
    cast,
    get_origin,
    get_type_hints,
)

from msgspec import UNSET

F = TypeVar("F", bound=Callable[..., Any])

_TAKES_KEYWORDS: Final = inspect.CO_VARKEYWORDS
_UNPACK: Final = "Unpack["
_QUALIFIED: Final = re.compile(r"(?:Not)?Required\[(.*)\]", re.DOTALL)


class Completed:
    """Leaves the names in `_inner`, of the class and of its bases, out of `dir()`.

    The signatures of its methods show the fields that `**fields` stands for.
    """

    __slots__ = ()

    _inner: ClassVar[Collection[str]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for value in vars(cls).values():
            if isinstance(value, FunctionType) and value.__code__.co_flags & _TAKES_KEYWORDS:
                shows_fields(value)

    def __dir__(self) -> list[str]:
        inner = {name for kind in type(self).__mro__ for name in vars(kind).get("_inner", ())}
        return [name for name in super().__dir__() if name not in inner]


def shows_fields(function: F) -> F:
    """Let the signature of a function show the fields of its `**fields: Unpack[...]`, if any."""
    for name, annotation in function.__annotations__.items():
        if isinstance(annotation, str) and annotation.startswith(_UNPACK):
            signature = _LazySignature.of(function, name)
            cast("Any", function).__signature__ = signature
    return function


class _LazySignature(inspect.Signature):
    """A signature that is computed when a tool looks at it: at import, they would cost too much."""

    __slots__ = ("_function", "_keywords", "_own")

    _function: Callable[..., Any]
    _keywords: str
    _own: inspect.Signature | None

    @classmethod
    def of(cls, function: Callable[..., Any], keywords: str) -> _LazySignature:
        """Return the signature of a function, of which `keywords` is the `**` parameter."""
        self = cls.__new__(cls)
        self._function = function
        self._keywords = keywords
        self._own = vars(function).get("__signature__")
        return self

    def __getattr__(self, name: str) -> Any:
        # The slots of the base class are empty until then.
        if name not in inspect.Signature.__slots__:
            raise AttributeError(name)
        own = self._own or inspect.signature(_bare(inspect.unwrap(self._function)))
        parameters = [one for one in own.parameters.values() if one.name != self._keywords]
        parameters += field_parameters(_typed_dict(self._function, self._keywords))
        super().__init__(parameters, return_annotation=own.return_annotation)
        return getattr(self, name)


def _bare(function: Any) -> FunctionType:
    """Return the function without the signature that is shown for it."""
    bare = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    bare.__kwdefaults__ = function.__kwdefaults__
    bare.__annotations__ = function.__annotations__
    return bare


def _typed_dict(function: Callable[..., Any], keywords: str) -> Any:
    annotation = function.__annotations__[keywords].removeprefix(_UNPACK).removesuffix("]")
    names = {**package_names(function), **vars(sys.modules[function.__module__])}
    return eval(annotation, names)  # noqa: S307  our own source, as typing.get_type_hints does


def package_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the public names of the packages that a function is in.

    What a module imports only for type checking is one of them.
    """
    packages = function.__module__.split(".")[:-1]
    names: dict[str, Any] = {}
    for end in range(2, len(packages) + 1):
        names |= vars(sys.modules[".".join(packages[:end])])
    return names


def field_parameters(typed_dict: Any) -> Iterator[inspect.Parameter]:
    """Yield the fields of a TypedDict as keyword parameters; UNSET if one can be left out."""
    required = required_keys(typed_dict)
    for name, annotation in typed_dict.__annotations__.items():
        shown = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
        if isinstance(shown, str):
            shown = _QUALIFIED.sub(r"\1", shown)
        default = inspect.Parameter.empty if name in required else UNSET
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=shown
        )


def required_keys(fields: Any) -> set[str]:
    """Return the keys that a TypedDict requires."""
    # Where annotations are text, a TypedDict does not see Required and NotRequired itself.
    required: set[str] = set()
    for key, hint in get_type_hints(fields, include_extras=True).items():
        qualifier = get_origin(hint)
        if qualifier is Required or (
            qualifier is not NotRequired and key in fields.__required_keys__
        ):
            required.add(key)
    return required
