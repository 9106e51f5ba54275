"""An operation is its typed signature: what a declaration means, and the registry of all.

The declared function never runs. Its arguments named in the template fill the path, `body` (or
`**fields`, a TypedDict) becomes the body, the others the query, and the return annotation decides
how the response is decoded. `Operation.call` is the one place where a call is bound, sent and
decoded.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, Protocol, TypedDict, Unpack, cast

import msgspec

from aconnect._client.bound import Origin, Scope
from aconnect._client.signature import (
    Naming,
    OperationSignature,
    Quote,
    as_written,
    compile_signature,
    placeholders,
    wire_name,
)
from aconnect._core import decoding
from aconnect._core.channel import Channel
from aconnect._core.message import (
    NO_OPTIONS,
    Base,
    CallOptions,
    Request,
    Response,
    Upload,
    is_idempotent,
)
from aconnect._core.paging import PageStyle
from aconnect._core.redaction import Secret, secrets_of
from aconnect._core.url import check_filter, check_header, query_string
from aconnect.errors import DecodeError

_FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON_HEADERS: Final = {"Content-Type": "application/json"}
_PAGING: Final = ("limit", "offset", "page", "page_size", "per_page")
"""What APIs call the arguments that select a page."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Role = Literal[
    "anonymous",
    "viewer",
    "publisher",
    "administrator",
    "content viewer",
    "collaborator",
    "collaborator only",
    "group owner",
]
"""The least role that may call an operation, in the vendor's terms.

A `content viewer` may view the content that the operation is about, a `collaborator` may edit it.
`collaborator only` excludes administrators that are not.
"""

REGISTRY: Final[dict[str, Operation]] = {}
"""Every declared operation of every imported service, by `service:resource.name`."""


class Owner(Protocol):
    """What an operation needs of the resource it is called on."""

    @property
    def origin(self) -> Origin: ...

    @property
    def channel(self) -> Channel: ...

    @property
    def scope(self) -> Scope: ...


class OperationOptions(TypedDict, total=False):
    """What a declaration may specify beyond method, path and signature."""

    idempotent: bool
    """Whether it can safely be sent twice, if HTTP's method does not determine that."""
    rename: Mapping[str, str]
    """The names of arguments in the query, if they differ."""
    separators: Mapping[str, str]
    """What joins the items of a list in the query, by parameter; a comma by default."""
    multi_segment: Collection[str]
    """The placeholders that stand for several segments, such as the path of a file."""
    since: str
    """The server version that added it."""
    until: str
    """The first server version without it, or "unknown"."""
    role: Role
    """The least role that may call it."""
    form: bool
    """Whether the body is a form instead of JSON."""
    anonymous: bool
    """Whether it is sent without credentials, like the call that fetches them."""
    authorization: str
    """A format for the Authorization header, filled from an argument; replaces the client's own."""
    upload: Callable[[Path], Upload]
    """Makes the body from a file, for the command line; reads that file."""
    secret: Collection[str] | Callable[[Mapping[str, Any]], Iterable[object]]
    """The arguments that no message may repeat, or a function that finds such values in them."""
    query: Mapping[str, str]
    """Query parameters that are always sent."""
    base: Base
    """What the path is below: the API, or, with "server", the server's address."""


class Operation:
    """One declared operation."""

    def __init__(
        self,
        function: Callable[..., Any],
        method: Method,
        template: str,
        *,
        style: PageStyle | None = None,
        **options: Unpack[OperationOptions],
    ) -> None:
        self.function = function
        self.method = method
        self.template = template
        self.style = style
        """How the response is paged; None if it is not."""
        self.idempotent: bool = options.get("idempotent", is_idempotent(method))
        self.since: str | None = options.get("since")
        self.until: str | None = options.get("until")
        self.role: Role | None = options.get("role")
        self.form: bool = options.get("form", False)
        self.anonymous: bool = options.get("anonymous", False)
        self.upload: Callable[[Path], Upload] | None = options.get("upload")
        self.base: Base = options.get("base", "api")
        self.constant_query: Mapping[str, str] = options.get("query", {})
        """Query parameters that are always sent."""
        self.service: str = ""
        self.name: str = function.__qualname__
        self.naming: Naming = as_written
        self._options = options

    def register(
        self, service: str, resource: str, name: str, *, naming: Naming, scope: Collection[str]
    ) -> None:
        """Enter the operation into the registry; `scope` are the path arguments of its resource."""
        self.service = service
        self.name = f"{resource}.{name.lstrip('_')}"
        self.naming = naming
        self._check_path(scope)
        key = f"{service}:{self.name}"
        if key in REGISTRY and REGISTRY[key].function is not self.function:
            raise RuntimeError(f"{key} is declared twice")
        REGISTRY[key] = self

    @property
    def raises(self) -> dict[str, str]:
        """The errors of a call, by class name: when each is raised."""
        raises = {"InvalidArgumentError": "An argument is invalid; no request was made."}
        if placeholders(self.template):
            raises["NotFoundError"] = "There is no such object, or the caller cannot see it."
        if self.role is not None:
            raises["PermissionDeniedError"] = f"The caller is not allowed to; role: {self.role}."
        if self.until is not None:
            raises["EndpointMissingError"] = "The version of the server no longer has it."
        elif self.since is not None:
            raises["EndpointMissingError"] = f"The server is older than {self.since}."
        if self.style is not None and self.style.controls:
            raises["PageLoopError"] = (
                "The server returned the same page twice, or only empty pages."
            )
        raises["ApiError"] = "The server refused the request for another reason."
        raises["TransportError"] = (
            "The request could not be sent, or its response was lost or late."
        )
        raises["DecodeError"] = "The response does not have the declared type."
        return raises

    def docstring(self, text: str) -> str:
        """Return the docstring of the declaration with a section about the errors."""
        lines = [f"    {name}: {when}" for name, when in self.raises.items()]
        return "\n".join([inspect.cleandoc(text), "", "Raises:", *lines])

    def _check_path(self, scope: Collection[str]) -> None:
        code = self.function.__code__
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        rename = self._options.get("rename", {})
        arguments = {wire_name(name, rename, self.naming) for name in names}
        for name in placeholders(self.template):
            if name not in arguments and name not in scope:
                raise TypeError(
                    f"{self.name}: {{{name}}} of {self.template} is neither an argument nor in the "
                    f"resource's scope {tuple(scope)}"
                )

    def __repr__(self) -> str:
        return f"<Operation {self.name}: {self.method} {self.template}>"

    @functools.cached_property
    def signature(self) -> OperationSignature:
        """The compiled signature."""
        options = self._options
        return compile_signature(
            self.function,
            self.template,
            rename=options.get("rename", {}),
            multi_segment=options.get("multi_segment", ()),
            authorization=options.get("authorization"),
            naming=self.naming,
            is_paged=self.style is not None,
            controls=() if self.style is None else self.style.controls,
        )

    @functools.cached_property
    def _path_only(self) -> tuple[int, list[tuple[str, Quote, str, int | None]]]:
        """The number of path arguments, and the path with their positions.

        -1 if a call has to pass more than that, or if more depends on the arguments.
        """
        signature, options = self.signature, self._options
        own = [name for name, *_ in signature.path if name in signature.arguments]
        simple = (
            frozenset(own) == signature.required
            and tuple(own) == signature.arguments[: len(own)]
            and not any(name in own for name, *_ in signature.converters)
            and not options.keys() & {"secret", "authorization"}
            and not signature.has_body
            and signature.fields is None
        )
        parts = [
            (name, quote, suffix, own.index(name) if name in own else None)
            for name, quote, suffix in signature.path
        ]
        query = self._query(signature, signature.defaults) if simple else ""
        if query and parts:
            name, quote, suffix, position = parts[-1]
            parts[-1] = (name, quote, suffix + query, position)
        return (len(own) if simple and (parts or not query) else -1), parts

    @functools.cached_property
    def _deletes(self) -> bool:
        return self.method == "DELETE" and self.signature.response_type is type(None)

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return decoding.decoder_for(self.signature.response_type)

    async def call(
        self,
        owner: Owner,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions = NO_OPTIONS,
    ) -> Any:
        """Bind the arguments, send the request and decode the response."""
        request, scope = self.bind(owner.scope, args, kwargs)
        response = await owner.channel.send(request, options)
        return self.decode(response, (owner.origin[0], scope), request)

    def bind(
        self, scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Request, Scope]:
        """Turn the arguments of a call into the request and the scope of its value."""
        count, parts = self._path_only
        if len(args) == count and not kwargs:
            return self._bind_path(parts, scope, args)
        signature = self.signature
        values = self._arguments(signature, args, kwargs)
        target = signature.prefix
        path: dict[str, Any] = {}
        if signature.path:
            for name, quote, suffix in signature.path:
                path[name] = value = values[name] if name in values else scope[name]
                target += quote(name, value) + suffix
            if signature.keeps_scope:
                scope = path if not scope else {**scope, **path}
        if signature.query or self.constant_query:
            target += self._query(signature, values)
        headers, body = None, None
        if signature.has_body or signature.fields is not None:
            headers, body = self._body(signature, values)
        secrets: tuple[Secret, ...] = ()
        if "secret" in self._options:
            secret = self._options["secret"]
            secrets = secrets_of(
                secret(values) if callable(secret) else [values.get(name) for name in secret]
            )
        if "authorization" in self._options:
            header = self._options["authorization"].format_map(values)
            headers = {**(headers or {}), "Authorization": check_header("Authorization", header)}
            secrets = (*secrets, *secrets_of([header.rpartition(" ")[2]]))
        request = Request(
            operation=self.name,
            method=self.method,
            target=target,
            body=body,
            headers=headers,
            secrets=secrets,
            anonymous=self.anonymous,
            idempotent=self.idempotent,
            deletes=self._deletes,
            path_arguments=path,
            base=self.base,
        )
        return request, scope

    def _bind_path(
        self,
        parts: list[tuple[str, Quote, str, int | None]],
        scope: Scope,
        args: tuple[Any, ...],
    ) -> tuple[Request, Scope]:
        """Bind a call that passes path arguments only, in a third of the time."""
        signature = self.signature
        target, path = signature.prefix, dict(scope)
        for name, quote, suffix, position in parts:
            path[name] = value = scope[name] if position is None else args[position]
            target += quote(name, value) + suffix
        request = Request(
            self.name,
            self.method,
            target,
            None,
            None,
            (),
            self.anonymous,
            self.idempotent,
            self._deletes,
            path,
            self.base,
        )
        return request, path

    def _query(self, signature: OperationSignature, values: Mapping[str, Any]) -> str:
        for name in signature.identifiers:
            check_filter(name, values.get(name))
        pairs = {wire: values.get(name) for name, wire in signature.query.items()}
        pairs.update(self.constant_query)
        query = query_string(pairs, self._options.get("separators"))
        return f"?{query}" if query else ""

    def _body(
        self, signature: OperationSignature, values: dict[str, Any]
    ) -> tuple[Mapping[str, str] | None, bytes | Upload | None]:
        if signature.fields is not None:
            body: Any = {
                signature.fields[name]: value
                for name, value in values.items()
                if name in signature.fields and value is not msgspec.UNSET
            }
        else:
            body = values.get("body")
        if body is None or isinstance(body, Upload):
            return None, body
        if self.form and isinstance(body, Mapping):
            return _FORM_HEADERS, query_string(cast("Mapping[str, object]", body)).encode()
        return _JSON_HEADERS, decoding.encode_body(body, self.name)

    def _arguments(
        self, signature: OperationSignature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        values = dict(zip(signature.arguments, args, strict=False))
        valid = len(args) <= signature.positional
        if kwargs:
            values.update(kwargs)
            fields = signature.fields or ()
            valid = (
                valid
                and len(values) == len(args) + len(kwargs)
                and all(name in signature.arguments or name in fields for name in kwargs)
            )
        if not valid or not signature.required <= values.keys():
            self._refuse(args, kwargs)
        if signature.defaults:
            passed = {k: value for k, value in values.items() if value is not msgspec.UNSET}
            values = {**signature.defaults, **passed}
        for name, label, convert in signature.converters:
            if name in values:
                values[name] = convert(label, values[name])
        return values

    def _refuse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        """Raise the TypeError that calling the declared function with these arguments would."""
        import difflib  # noqa: PLC0415  only a mistake needs it

        signature = self.signature
        allowed = {*signature.arguments, *(signature.fields or ())}
        controls = () if self.style is None else self.style.controls
        for name in kwargs:
            if name not in allowed:
                matches = difflib.get_close_matches(name, allowed, n=3)
                if controls and name in {*controls, *_PAGING}:
                    hint = (
                        "pages are requested as needed: .take(n) of the result has the first items "
                        "only, and .page_size(n) sets the size of pages"
                    )
                elif matches:
                    hint = f"did you mean {' or '.join(matches)}?"
                else:
                    hint = f"it accepts {', '.join(sorted(allowed)) or 'no arguments'}"
                raise TypeError(
                    f"{self.name}() got an unexpected keyword argument {name!r}; {hint}"
                )
        try:
            inspect.signature(self.function).bind(None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        passed = kwargs.keys() | set(signature.arguments[: len(args)])
        missing = ", ".join(repr(name) for name in sorted(signature.required - passed))
        raise TypeError(f"{self.name}(): missing required argument: {missing}")

    def decode(self, response: Response, origin: Origin, request: Request) -> Any:
        """Turn a successful response into the value that the declaration promises."""
        signature = self.signature
        if signature.is_plain:
            value = self._decode_plain(response, origin[0].channel, request)
        elif signature.is_optional and not response.body:
            return None
        else:
            value = self._decode_json(response, origin[0].channel, request)
        if signature.bind is not None and value is not None:
            signature.bind(value, origin)
        if signature.factory is not None:
            return signature.factory.from_response(
                value, response, *origin, optional=signature.is_factory_optional
            )
        return value

    def _decode_json(self, response: Response, channel: Channel, request: Request) -> Any:
        """Decode as `decoding.decode` does, but name the call only if that fails."""
        try:
            return self._decode(response.body)
        except decoding.FAILURES as error:
            type_ = self.signature.response_type
            try:
                return decoding.decode_leniently(
                    response,
                    type_,
                    self.title(channel),
                    lambda text: channel.redact(text, request.secrets),
                    error,
                )
            except DecodeError as unusable:
                if self.method == "GET":
                    raise
                return decoding.value_of_lost_response(response, type_, unusable)

    def title(self, channel: Channel) -> str:
        """Return method and address, for an error message."""
        root = channel.api_root if self.base == "api" else channel.server
        return f"{self.method} {root}{self.template}"

    def _decode_plain(self, response: Response, channel: Channel, request: Request) -> Any:
        if response.body:
            # Nothing is decoded here that would notice a login page. Flask labels an empty response
            # as a page too.
            decoding.refuse_page(response.content_type, self.title(channel), response.body)
        response_type = self.signature.response_type
        if response_type is bytes:
            return response.body
        if response_type is not str:
            return None
        if response.content_type != "application/json":
            return response.body.decode("utf-8", "replace")
        return self._decode_json(response, channel, request)
