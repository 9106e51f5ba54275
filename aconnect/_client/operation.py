"""An endpoint is its typed signature: what a declaration says, and the registry of all.

The declared function is never run. Its arguments named in the template fill the path, `body` (or
`**fields`, a TypedDict) becomes the body, the others the query, and the return annotation says how
to decode. All that is compiled on the first call, so that importing two hundred declarations stays
cheap.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, cast, get_args

import msgspec

from aconnect._client.signature import Naming, OperationSignature, as_written, compile_signature
from aconnect._core import decoding
from aconnect._core.message import Request, Response, Upload, is_idempotent
from aconnect._core.paging import PageStyle
from aconnect._core.redaction import Secret, redact, secrets_of
from aconnect._core.url import check_header, query_string, timestamp
from aconnect.errors import InvalidArgumentError

_FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON_HEADERS: Final = {"Content-Type": "application/json"}

REGISTRY: Final[dict[str, Endpoint]] = {}
"""Every declared operation of every imported service, by `service:resource.name`."""


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
        upload: Callable[[Path], Upload] | None = None,
        secret: Collection[str] | Callable[[Mapping[str, Any]], Iterable[object]] = (),
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
        self.upload = upload
        """What makes the body of a file, where it is one; it reads that file."""
        self.secret = secret
        """The arguments that no message may repeat, or what finds such values in them."""
        self.naming: Naming = as_written
        self.service = ""
        self.name = function.__qualname__

    def register(self, service: str, resource: str, name: str, naming: Naming) -> None:
        """Enter the declaration into the registry."""
        self.service = service
        self.naming = naming
        self.name = f"{resource}.{name.lstrip('_')}"
        key = f"{service}:{self.name}"
        if key in REGISTRY and REGISTRY[key].function is not self.function:
            raise RuntimeError(f"{key} is declared twice")
        REGISTRY[key] = self

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}: {self.method} {self.template}>"

    @functools.cached_property
    def plan(self) -> OperationSignature:
        """The compiled signature."""
        return compile_signature(
            self.function,
            self.template,
            rename=self.rename,
            deep=self.deep,
            authorization=self.authorization,
            naming=self.naming,
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
            target += self._query(plan, values)
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
        if self.secret:
            find = self.secret
            found = find(values) if callable(find) else [values.get(name) for name in find]
            request.secrets = secrets_of(found)
        return request, scope

    def _query(self, plan: OperationSignature, values: dict[str, Any]) -> str:
        for name in plan.guids:
            if values.get(name) == "":
                raise InvalidArgumentError(
                    f"{name} is '', which would find everything; pass its real value, or leave it "
                    "out"
                )
        wires = {wire: values.get(name) for name, wire in plan.query.items()}
        query = query_string(wires, self.separators)
        return f"?{query}" if query else ""

    def _fill_body(
        self, plan: OperationSignature, request: Request, values: dict[str, Any]
    ) -> None:
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
        self, plan: OperationSignature, args: tuple[Any, ...], kwargs: dict[str, Any]
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

    def decode(
        self,
        response: Response,
        client: Any,
        scope: Mapping[str, Any],
        secrets: Collection[Secret] = (),
    ) -> Any:
        """Turn a successful answer into what the declaration says it gives.

        `secrets` are those of the request.
        """
        plan = self.plan
        hide = client._hide
        if secrets:
            hide = functools.partial(redact, secrets=[*client._pipeline.secrets, *secrets])
        wire = plan.wire
        if plan.plain:
            value = self._decode_plain(response, wire, client, hide)
        elif not response.body and type(None) in get_args(wire):
            return None
        else:
            value = decoding.decode(response, wire, self.title(client), hide)
        if plan.bind is not None and value is not None:
            return plan.bind(value, client, scope)
        if plan.build is not None:
            return plan.build(value, response, client, scope)
        return value

    def title(self, client: Any) -> str:
        """Name the operation on a server in an error message."""
        return f"{self.method} {client._origin}{self.template}"

    def _decode_plain(
        self, response: Response, wire: Any, client: Any, hide: Callable[[str], str]
    ) -> Any:
        # Nothing is decoded here that would notice a login page.
        decoding.refuse_page(response.content_type, self.title(client), response.body)
        if wire is bytes:
            return response.body
        if wire is str and response.content_type == "application/json":
            return decoding.decode(response, wire, self.title(client), hide)
        if wire is str:
            return response.body.decode("utf-8", "replace")
        return None
