"""What follows from a declared `find`: `find_one`, `count` and `find_by`, with its signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from types import FunctionType
from typing import Any, ClassVar, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, cast

from aconnect._client.lazy import LazySequence
from aconnect._client.operation import Operation
from aconnect._client.resource import Resource

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Resource)

_signature: Final = functools.cache(inspect.signature)
"""Three methods derive from each `find`."""


class _Derived(Generic[P, T_co]):
    """A method that is derived from `find`."""

    takes_arguments: ClassVar[bool] = True
    """Whether its arguments are those of `find`."""

    def __init__(
        self,
        find: Callable[..., LazySequence[Any]],
        call: Callable[..., Coroutine[Any, Any, Any]],
        summary: str,
        returns: str,
    ) -> None:
        call.__doc__ = f"{summary}\n\nRaises:\n    AconnectError: As `find`."
        call.__module__ = find.__module__
        # What tools see: its arguments, and what it returns.
        item = str(find.__annotations__.get("return", "")).partition("[")[2].removesuffix("]")
        returned = returns.format(item=item)
        arguments = find if self.takes_arguments else call
        call.__annotations__ = {**arguments.__annotations__, "return": returned}
        if self.takes_arguments:
            signature = _signature(find).replace(return_annotation=returned)
            cast("Any", call).__signature__ = signature
        self._call = call

    def __set_name__(self, owner: type, name: str) -> None:
        self._call.__name__ = name
        self._call.__qualname__ = f"{owner.__qualname__}.{name}"
        # The function itself becomes the method, as if it were written in the class.
        setattr(owner, name, self._call)

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, T_co]]:
        raise NotImplementedError  # for type checkers: `__set_name__` replaces this object


def first_of(find: Callable[Concatenate[R, P], LazySequence[T]]) -> _Derived[P, T | None]:
    """Derive `find_one` from `find`, with its arguments."""

    async def find_one(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        return await find(self, *args, **kwargs).first()

    summary = "Return the first item that `find` returns, or None."
    return _Derived(find, find_one, summary, "{item} | None")


def total_of(find: Callable[Concatenate[R, P], LazySequence[Any]]) -> _Derived[P, int]:
    """Derive `count` from `find`, with its arguments."""

    async def count(self: R, /, *args: P.args, **kwargs: P.kwargs) -> int:
        return await find(self, *args, **kwargs).total()

    summary = "Return the number of items that `find` returns; the server may have to list them."
    return _Derived(find, count, summary, "int")


class _ByFields(Protocol[T_co]):
    def __call__(self, **fields: object) -> Coroutine[Any, Any, T_co]: ...


class _Matching(_Derived[..., T_co]):
    takes_arguments: ClassVar[bool] = False

    def __get__(self, instance: object, owner: type | None = None) -> _ByFields[T_co]:
        raise NotImplementedError  # as above


def match_of(find: Callable[Concatenate[R, P], LazySequence[T]]) -> _Matching[T | None]:
    """Derive `find_by` from `find`: the first item whose attributes have the given values.

    A text is also passed to `find` if that has an argument of the same name, so that the server
    returns fewer items.
    """
    code = cast("FunctionType", inspect.unwrap(find)).__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]

    async def find_by(self: R, /, **fields: object) -> T | None:
        _check_fields(find, fields)
        arguments = {k: v for k, v in fields.items() if k in names and isinstance(v, str)}
        items = cast("Callable[..., LazySequence[T]]", find)(self, **arguments)
        return await items.first_match(fields)

    summary = "Return the first item whose attributes have these values, or None."
    return _Matching(find, find_by, summary, "{item} | None")


def _check_fields(find: Callable[..., Any], fields: Mapping[str, object]) -> None:
    operation = getattr(find, "__operation__", None)
    if not isinstance(operation, Operation):
        return
    item = operation.signature.response_type
    for name in fields:
        # A misspelt name would otherwise look like no match.
        if name.startswith("_") or not hasattr(item, name):
            raise TypeError(f"find_by() got {name!r}, which is not a field of {item.__name__}")
