"""The parameters of operations on the command line, made from their Python signatures.

Path parameters are arguments, all others options. Decides how a value is written for each type,
when `@` means a file, and what Python is passed. It knows no command.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args, get_origin, is_typeddict

import click
import msgspec
from click.shell_completion import CompletionItem

from aconnect._client.signature import call_parameters
from aconnect._core.message import Upload
from aconnect._core.model import union_members
from aconnect.cli.docstrings import argument_docs
from aconnect.cli.options import TIME, decode_text
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect._client.client import BaseClient
    from aconnect._client.operation import Operation
    from aconnect._client.resource import Resource

    _ValueType = click.ParamType[Any]
else:
    _ValueType = click.ParamType  # generic only since click 8.4

_NULL: Final = object()
"""The JSON value null, because click takes None for "not given"."""


def operation_parameters(operation: Operation) -> list[click.Parameter]:
    """Return the arguments and options of an operation; `bind` accepts their values.

    An argument that only accepts objects of the library is left out.
    """
    function = function_of(operation)
    docs = argument_docs(function)
    scope, positional = _arguments(operation, function)
    parameters: list[click.Parameter] = [PathArgument(name, help=docs.get(name)) for name in scope]
    nullable: list[str] = []
    for parameter in call_parameters(function):
        name, required = parameter.name, parameter.default is parameter.empty
        doc = docs.get(name)
        value = Value.of(parameter.annotation, operation.upload if name == "body" else None)
        if name in positional:
            parameters.append(PathArgument(name, help=doc, required=required))
        elif value is not None:
            parameters.append(ValueOption(name, value, parameter, help=doc))
            if value.is_optional and parameter.default is not None:
                nullable.append(name)
    # Arguments first: their order is that of the path.
    parameters.sort(key=lambda parameter: isinstance(parameter, click.Option))
    if nullable:
        parameters.append(NullOption(nullable))
    return parameters


def bind(operation: Operation, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the scope of a call and its arguments, from the values that click has parsed.

    Values of other parameters of the command are ignored.
    """
    function = function_of(operation)
    scope, _ = _arguments(operation, function)
    given = {name: value for name, value in values.items() if value is not None and value != ()}
    arguments = {
        parameter.name: None if given[parameter.name] is _NULL else given[parameter.name]
        for parameter in call_parameters(function)
        if parameter.name in given
    }
    arguments.update(dict.fromkeys(given.get(NullOption.key, ())))
    return {name: given[name] for name in scope}, arguments


def method_of(
    client: BaseClient, operation: Operation, scope: Mapping[str, Any]
) -> Callable[..., Any]:
    """Return the bound method whose parameters `operation_parameters` describes."""
    resource = _resource_of(operation)(client, scope)
    method: Callable[..., Any] = getattr(resource, function_of(operation).__name__)
    return method


def function_of(operation: Operation) -> Callable[..., Any]:
    """Return the function whose signature counts.

    If a public method makes an operation more convenient, that is the method. A file is read by the
    operation itself.
    """
    return operation.function if operation.upload is not None else public_function_of(operation)


def public_function_of(operation: Operation) -> Callable[..., Any]:
    """Return the public method of an operation, which has its docstring."""
    name = operation.function.__name__.lstrip("_")
    method: Callable[..., Any] = getattr(_resource_of(operation), name, operation.function)
    function: Callable[..., Any] = inspect.unwrap(method)
    return function


def _resource_of(operation: Operation) -> type[Resource]:
    function = operation.function
    name = function.__qualname__.partition(".")[0]
    return cast("type[Resource]", getattr(sys.modules[function.__module__], name))


def _arguments(operation: Operation, function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """Return the path parameters of the resource, and those of the function."""
    path = [name for name, *_ in operation.signature.path]
    own = [name for name in path if name in operation.signature.arguments]
    scope = [name for name in path if name not in own]
    if function is operation.function:
        return scope, own
    # The method may name them otherwise.
    positional = [
        parameter.name
        for parameter in call_parameters(function)
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return scope, positional[: len(own)]


class PathArgument(click.Argument):
    """A parameter of the path."""

    def __init__(self, name: str, *, help: str | None, required: bool = True) -> None:  # noqa: A002  click's name
        super().__init__([name], required=required)
        self.doc = help
        """What the command's help says; click itself has that since 8.5."""


class ValueOption(click.Option):
    """A parameter of the query or of the body; a list if it is given several times."""

    def __init__(
        self,
        name: str,
        value: Value,
        parameter: inspect.Parameter,
        *,
        help: str | None,  # noqa: A002  click's name
    ) -> None:
        default = parameter.default
        required = default is parameter.empty
        notes = [help or "", value.notes]
        if not required and default not in (None, msgspec.UNSET):
            is_tuple = isinstance(default, tuple)
            values = cast("tuple[object, ...]", default if is_tuple else (default,))
            notes.append(f"Default: {', '.join(map(str, values))}.")
        super().__init__(
            [name, f"--{name.strip('_').replace('_', '-')}"],
            type=value,
            multiple=value.is_list,
            required=required,
            help=" ".join(filter(None, notes)) or None,
        )
        self.value = value

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert the values; a JSON array among them is a part of the list."""
        values = super().type_cast_value(ctx, value)
        if not self.multiple or values == ():
            return values
        if len(values) == 1 and (values[0] is _NULL or self.value.is_single):
            return values[0]
        parts: list[list[Any]] = [one if isinstance(one, list) else [one] for one in values]
        return [item for part in parts for item in part]


class NullOption(click.Option):
    """`--null NAME` passes None."""

    key: Final = "null"

    def __init__(self, names: Iterable[str]) -> None:
        self.options: dict[str, str] = {name.strip("_").replace("_", "-"): name for name in names}
        super().__init__(
            [self.key, "--null"],
            type=_OptionName(list(self.options)),
            multiple=True,
            metavar="NAME",
            help=f"Send null for {', '.join(self.options)}.",
        )

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the names that Python uses."""
        return tuple(self.options[name] for name in super().type_cast_value(ctx, value))


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice


class _OptionName(_Choice):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(super().convert(value.removeprefix("--").replace("_", "-"), param, ctx))


class Value(_ValueType):
    """How a value is written: by the type of the parameter, perhaps in a file.

    Text as it is, times as a date or in RFC 3339, everything else as JSON.
    """

    name = "value"

    def __init__(
        self,
        types: list[Any],
        *,
        is_list: bool,
        is_single: bool,
        is_optional: bool,
        upload: Callable[[Path], Upload] | None,
    ) -> None:
        classes = [type_ for type_ in types if isinstance(type_, type)]
        self.types = types
        self.is_list = is_list
        """Whether several are accepted."""
        self.is_single = is_single
        """Whether one is accepted that is not in a list."""
        self.is_optional = is_optional
        """Whether None is accepted."""
        self.literals: tuple[str, ...] = tuple(_literals(types))
        """Known values; the server may know more."""
        self.is_time: bool = datetime in types
        self.is_text: bool = bool(self.literals) or any(issubclass(type_, str) for type_ in classes)
        self.upload = upload

    @classmethod
    def of(cls, hint: Any, upload: Callable[[Path], Upload] | None = None) -> Value | None:
        """Return it for a type hint; None if there is nothing that could be written."""
        members = union_members(hint)
        lists = [member for member in members if _is_list(member)]
        single = [member for member in members if member not in lists and member is not NoneType]
        types = [*single, *(m for item in lists for m in union_members(get_args(item)[0]))]
        types = [type_ for type_ in dict.fromkeys(types) if not _is_model(type_)]
        if not types or (upload is None and Upload in types):
            return None
        return cls(
            types,
            is_list=bool(lists),
            is_single=any(type_ in single for type_ in types),
            is_optional=NoneType in members,
            upload=upload,
        )

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return how the help shows the type."""
        return self.label

    @property
    def label(self) -> str:
        """What is to be written."""
        if self.upload is not None:
            return "@FILE"
        if self.is_time:
            return "DATE|TIME"
        names = {bool: "true|false", int: "INTEGER", float: "FLOAT"}
        labels = [names[type_] for type_ in self.types if type_ in names]
        if self.is_text:
            labels.insert(0, "TEXT")
        return "|".join(labels) or "JSON"

    @property
    def notes(self) -> str:
        """What the help says about the values."""
        notes: list[str] = []
        if self.literals:
            notes.append(f"Known values: {', '.join(self.literals)}.")
        objects = filter(is_typeddict, self.types)
        notes += [f"An object with {', '.join(type_.__annotations__)}." for type_ in objects]
        if self.is_list:
            notes.append("Can be repeated.")
        return " ".join(notes)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a value."""
        # A known value is never a file: `@me` is the user, `@./me` the file.
        if not isinstance(value, str) or value in self.literals:
            return value
        try:
            return (
                self._upload(value) if self.upload is not None else self._parse(value, param, ctx)
            )
        except InvalidArgumentError as error:
            self.fail(str(error), param, ctx)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            # The value as it was given: a file may contain a secret.
            if self.label != "JSON" and not self.is_list:
                self.fail(f"it must be {self.label}, not {value!r}", param, ctx)
            self.fail(f"it must be JSON ({self.label}), not {value!r}: {error}", param, ctx)

    def _upload(self, value: str) -> Upload:
        if self.upload is None or not value.startswith("@") or value == "@-":
            raise InvalidArgumentError(f"it must be a file: write @FILE, not {value!r}")
        return self.upload(Path(value[1:]))

    def _parse(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = value[1:] if value.startswith("@@") else value
        if text is value and value.startswith("@"):
            text = _read(value[1:])
        if self.is_time:
            return TIME.convert(text, param, ctx)
        if not self.is_text:
            return self._from_json(text)
        if bool in self.types and text in {"true", "false"}:
            return text == "true"
        if self.is_list and text.startswith("["):
            try:
                return self._from_json(text)
            except msgspec.DecodeError:
                if not self.is_single:
                    raise
                # It only begins with a bracket.
        return text

    def _from_json(self, text: str) -> Any:
        types = [Any if self.is_text else _shape(type_) for type_ in self.types]
        if self.is_list:
            types.append(list[Any])
        value = msgspec.json.decode(text, type=_union([*types, None]))
        if value is None and not self.is_optional:
            raise msgspec.ValidationError("it cannot be null")
        return _NULL if value is None else value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete known values."""
        values = (*self.literals, *(("true", "false") if bool in self.types else ()))
        return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def _is_list(hint: Any) -> bool:
    origin = get_origin(hint)
    return (
        isinstance(origin, type)
        and issubclass(origin, Iterable)
        and not issubclass(origin, Mapping)
    )


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _literals(types: Iterable[Any]) -> Iterator[str]:
    for type_ in types:
        if get_origin(type_) is Literal:
            yield from get_args(type_)
        elif isinstance(type_, type) and issubclass(type_, Enum) and issubclass(type_, str):
            yield from (str(member) for member in type_)


def _shape(hint: Any) -> Any:
    """Return what JSON must be for a type; the server decides about the rest."""
    if hint in {bool, int, float}:
        return hint
    if is_typeddict(hint):
        return dict[str, Any]
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, _shape(get_args(hint)[1])]  # type: ignore[misc]
    return list[Any] if _is_list(hint) else Any


def _union(types: Iterable[Any]) -> Any:
    return functools.reduce(lambda one, other: one | other, types)


def _read(name: str) -> str:
    """Read a file or standard input, without the last line break."""
    try:
        with click.open_file(name, "rb") as file:
            text = decode_text(file.read(), repr(name))
    except OSError as error:
        raise click.UsageError(
            f"cannot read {name!r}: {error.strerror or error}; for a string that begins with @, "
            f"write @@{name}"
        ) from error
    return text.removesuffix("\n")
