"""An endpoint is its typed signature: what the decorators make of it, and the registry of all.

The function under a decorator is never run. Its arguments named in the template fill the path,
`body` (or `**fields`, a TypedDict) becomes the body, the others the query, and the return
annotation says how to decode. All that is compiled on the first call, so that importing two hundred
declarations stays cheap.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Final,
    NoReturn,
    ParamSpec,
    TypeVar,
    cast,
    get_args,
)

import msgspec

from aconnect._core import decoding
from aconnect._core.message import Answer, Request, Upload, is_idempotent
from aconnect._core.paging import Paged
from aconnect._core.plan import Plan, Spell, as_written, compile_plan
from aconnect._core.styles import PageStyle
from aconnect._core.url import check_header, query_string, timestamp
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="Resource")

_NO_SCOPE: Final[Mapping[str, Any]] = MappingProxyType({})
_FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON_HEADERS: Final = {"Content-Type": "application/json"}

REGISTRY: Final[dict[str, Endpoint]] = {}
"""Every declared operation of every imported service, by `service:resource.name`."""


class Resource:
    """A group of endpoints on one client, perhaps below one object (its `scope`).

    The arguments of `scope` fill the template's names that a signature leaves out:
    `item.bundles.get(id)` and `client.content.handle(guid).bundles.get(id)` are one declaration.
    """

    service: str = ""
    """The service it belongs to; a service's own base class says it once."""
    spell: ClassVar[Spell] = staticmethod(as_written)
    """How the service writes the names of arguments and fields."""
    _name: str = ""

    def __init__(self, client: Any, scope: Mapping[str, Any] = _NO_SCOPE) -> None:
        self._client = client
        self._scope = scope

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._name = name or cls.__name__.lower()
        for attribute, value in vars(cls).items():
            declared = getattr(value, "__endpoint__", None)
            if isinstance(declared, Endpoint):
                declared.register(cls.service, cls._name, attribute, cls.spell)

    def __repr__(self) -> str:
        scope = ", ".join(f"{k}={v!r}" for k, v in self._scope.items())
        return f"<{type(self).__name__}{' of ' if scope else ''}{scope} at {self._client!r}>"


class Endpoint:
    """One declared operation."""

    def __init__(
        self,
        function: Callable[..., Any],
        method: str,
        template: str,
        *,
        idempotent: bool | None = None,
        rename: Mapping[str, str] | None = None,
        separators: Mapping[str, str] | None = None,
        deep: Collection[str] = (),
        style: PageStyle | None = None,
        since: str | None = None,
        until: str | None = None,
        role: str | None = None,
        form: bool = False,
        anonymous: bool = False,
        authorization: str | None = None,
    ) -> None:
        self.function = function
        self.method = method
        self.template = template
        self.idempotent = is_idempotent(method) if idempotent is None else idempotent
        self.rename = rename or {}
        self.separators = separators or {}
        self.deep = deep
        """The names in the template that stand for several segments, such as a file's path."""
        self.style = style
        self.since = since
        """The server version that brought it, where known."""
        self.until = until
        """The first server version without it, or "unknown"; None for what is there still."""
        self.role = role
        """The least role that may call it, in the service's words, where known."""
        self.form = form
        """Whether the body is written as a form instead of JSON."""
        self.anonymous = anonymous
        """Whether it is sent without credentials, as the call that fetches them is."""
        self.authorization = authorization
        """The Authorization header, made from an argument, instead of the client's own."""
        self.spell: Spell = as_written
        self.service = ""
        self.name = function.__qualname__

    def register(self, service: str, resource: str, name: str, spell: Spell) -> None:
        """Enter the declaration into the registry."""
        self.service = service
        self.spell = spell
        self.name = f"{resource}.{name.lstrip('_')}"
        key = f"{service}:{self.name}"
        if key in REGISTRY and REGISTRY[key].function is not self.function:
            raise RuntimeError(f"{key} is declared twice")
        REGISTRY[key] = self

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}: {self.method} {self.template}>"

    @functools.cached_property
    def plan(self) -> Plan:
        """The compiled signature."""
        return compile_plan(
            self.function,
            self.template,
            rename=self.rename,
            deep=self.deep,
            authorization=self.authorization,
            spell=self.spell,
            paged=self.style is not None,
            deletes=self.method == "DELETE",
        )

    def bind(
        self, scope: Mapping[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Request, Mapping[str, Any]]:
        """Turn the arguments of a call into the request and the scope of what it answers."""
        plan = self.plan
        values = self._arguments(plan, args, kwargs)
        target = plan.begin
        if plan.path:
            path: dict[str, Any] = {}
            for name, quote, after in plan.path:
                path[name] = value = values[name] if name in values else scope[name]
                target += quote(name, value) + after
            if plan.keeps_scope:
                scope = path if not scope else {**scope, **path}
        for name in plan.times:
            timestamp(name.rstrip("_"), values.get(name))
        if plan.query:
            query = query_string(
                {wire: values.get(name) for name, wire in plan.query.items()}, self.separators
            )
            if query:
                target += "?" + query
        request = Request(
            operation=self.name,
            method=self.method,
            target=target,
            idempotent=self.idempotent,
            removes=plan.removes,
            anonymous=self.anonymous,
        )
        if self.authorization is not None:
            given = self.authorization.format_map(values)
            check_header("Authorization", given)
            request.credentials = {"Authorization": given}
        if plan.has_body or plan.fields is not None:
            self._fill_body(plan, request, values)
        return request, scope

    def _fill_body(self, plan: Plan, request: Request, values: dict[str, Any]) -> None:
        if plan.fields is not None:
            body: Any = {
                plan.spelled[name]: value
                for name, value in values.items()
                if name in plan.fields and value is not msgspec.UNSET
            }
        else:
            body = values.get("body")
        if isinstance(body, Upload):
            request.body = body
            request.transfer = True
        elif self.form and isinstance(body, Mapping):
            request.body = query_string(cast("Mapping[str, object]", body)).encode()
            request.headers = _FORM_HEADERS
        elif body is not None:
            try:
                request.body = decoding.encode(body)
            except (TypeError, ValueError) as error:
                raise InvalidArgumentError(
                    f"the body of {self.name} cannot be written as JSON: {error}"
                ) from error
            request.headers = _JSON_HEADERS

    def _arguments(
        self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        if len(args) > plan.positional:
            self._refuse(args, kwargs)
        values = dict(zip(plan.arguments, args, strict=False))
        if kwargs:
            values.update(kwargs)
            if len(values) != len(args) + len(kwargs):
                self._refuse(args, kwargs)
            known = plan.fields or ()
            for name in kwargs:
                if name not in plan.arguments and name not in known:
                    self._refuse(args, kwargs)
        if not plan.required <= values.keys():
            self._refuse(args, kwargs)
        return values

    def _refuse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        """Raise the TypeError that calling the declared function with these would, and name it."""
        import difflib  # noqa: PLC0415  only a mistake needs it

        plan = self.plan
        known = {*plan.arguments, *(plan.fields or ())}
        for name in kwargs:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=3)
                hint = (
                    f"did you mean {' or '.join(close)}?"
                    if close
                    else f"it knows {', '.join(sorted(known)) or 'no arguments'}"
                )
                raise TypeError(f"{self.name}() does not know {name!r}; {hint}")
        try:
            inspect.signature(self.function).bind(None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        missing = sorted(plan.required - kwargs.keys() - set(plan.arguments[: len(args)]))
        raise TypeError(f"{self.name}() misses {', '.join(missing)}")

    def decode(self, answer: Answer, client: Any, scope: Mapping[str, Any]) -> Any:
        """Turn a successful answer into what the declaration says it gives."""
        plan = self.plan
        wire = plan.wire
        if plan.plain:
            value = self._decode_plain(answer, wire, client)
        elif not answer.body and type(None) in get_args(wire):
            return None
        else:
            value = decoding.decode(answer, wire, self.title(client), client._hide)
        if plan.bind is not None and value is not None:
            return plan.bind(value, client, scope)
        if plan.build is not None:
            return plan.build(value, answer, client, scope)
        return value

    def title(self, client: Any) -> str:
        """Name the operation on a server in an error message."""
        return f"{self.method} {client._origin}{self.template}"

    def _decode_plain(self, answer: Answer, wire: Any, client: Any) -> Any:
        # Nothing is decoded here that would notice a login page.
        decoding.refuse_page(answer.content_type, self.title(client), answer.body)
        if wire is bytes:
            return answer.body
        if wire is str and answer.content_type == "application/json":
            return decoding.decode(answer, wire, self.title(client), client._hide)
        if wire is str:
            return answer.body.decode("utf-8", "replace")
        return None


def endpoint(
    method: str, template: str, **options: Any
) -> Callable[
    [Callable[Concatenate[R, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
]:
    """Declare an operation; see `Endpoint` for the options."""

    def declare(
        function: Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
        declared = Endpoint(function, method, template, **options)

        @functools.wraps(function)
        async def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            request, scope = declared.bind(self._scope, args, kwargs)
            client = self._client
            result: T = declared.decode(await client._answer(request), client, scope)
            return result

        call.__endpoint__ = declared  # type: ignore[attr-defined]
        return call

    return declare


def paged(
    template: str, *, by: PageStyle, method: str = "GET", **options: Any
) -> Callable[
    [Callable[Concatenate[R, P], Paged[T]]],
    Callable[Concatenate[R, P], Paged[T]],
]:
    """Declare an operation that answers in pages."""

    def declare(
        function: Callable[Concatenate[R, P], Paged[T]],
    ) -> Callable[Concatenate[R, P], Paged[T]]:
        declared = Endpoint(function, method, template, style=by, **options)

        @functools.wraps(function)
        def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Paged[T]:
            request, scope = declared.bind(self._scope, args, kwargs)
            plan = declared.plan
            return Paged(self._client, request, by, plan.wire, plan.bind, scope)

        call.__endpoint__ = declared  # type: ignore[attr-defined]
        return call

    return declare


def declared_by(call: Any) -> tuple[Endpoint, Resource]:
    """Find the declaration and the resource behind a bound method such as `client.users.get`."""
    declared = getattr(call, "__endpoint__", None)
    resource = getattr(call, "__self__", None)
    if not isinstance(declared, Endpoint) or not isinstance(resource, Resource):
        raise InvalidArgumentError(
            f"{call!r} is not an operation; pass one without calling it, such as client.users.get"
        )
    if declared.style is not None:
        raise InvalidArgumentError(
            f"{declared.name} answers in pages; use {declared.name}(...).pages(), or .raw()"
        )
    return declared, resource
