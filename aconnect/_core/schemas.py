"""The schema of a model, as pydantic has it, so that a web service can return the model.

FastAPI and others ask pydantic what the class in an annotation is. The answer describes
`to_dict(json=True)`. Models are returned, not received: pydantic makes none of JSON.

Only the hooks that pydantic calls import this module.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import Struct
from pydantic import TypeAdapter
from pydantic_core import SchemaSerializer, core_schema as cs

from aconnect._core.model import Id, LogTime, union_members
from aconnect._core.plain import concealed

_PLAIN: Final[dict[Any, Callable[[], cs.CoreSchema]]] = {
    Id: cs.str_schema,
    LogTime: cs.datetime_schema,
    datetime: cs.datetime_schema,
    str: cs.str_schema,
    bool: cs.bool_schema,
    int: cs.int_schema,
    float: cs.float_schema,
}


def core_schema_of(kind: Any) -> cs.CoreSchema:
    """Return the schema of a class; of its objects, what is confidential is not sent.

    It is a new one each time, because pydantic changes it.
    """
    forms: dict[type, cs.CoreSchema] = {}

    def check(value: Any, _validate: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise ValueError(f"this is no object of the class {kind.__name__} of aconnect")

    # A schema that is wrapped, but never used, is how pydantic before 2.10 learns the JSON schema.
    schema = cs.no_info_wrap_validator_function(
        check,
        _schema(kind, forms),
        serialization=cs.plain_serializer_function_ser_schema(
            _sent, info_arg=True, return_schema=_schema(kind, forms)
        ),
    )
    return cs.definitions_schema(schema, list(forms.values()))


_SELECTING: Final = SchemaSerializer(cs.any_schema())


def _sent(value: Any, info: Any) -> dict[str, Any]:
    """Return what is sent of an object."""
    values: dict[str, Any] = concealed(value)
    if info.include is None and info.exclude is None:
        return values
    # Pydantic does not apply them to what a function returns.
    selected: dict[str, Any] = _SELECTING.to_python(
        values, include=info.include, exclude=info.exclude
    )
    return selected


@cache
def serializer_of(kind: Any) -> Any:
    """Return what serializes the objects of a class where no annotation names it."""
    return TypeAdapter(kind).serializer


def _schema(hint: Any, forms: dict[type, cs.CoreSchema]) -> cs.CoreSchema:
    """Return the schema of the values of a type; those of models are added to `forms`."""
    if hint in _PLAIN:
        return _PLAIN[hint]()
    members = union_members(hint)
    if len(members) > 1:
        others: list[cs.CoreSchema | tuple[cs.CoreSchema, str]] = [
            _schema(each, forms) for each in members if each is not type(None)
        ]
        schema = cs.union_schema(others)  # one of one, if there is one
        return cs.nullable_schema(schema) if type(None) in members else schema
    if get_origin(hint) is list:
        return cs.list_schema(_schema(get_args(hint)[0], forms))
    if get_origin(hint) is dict:
        return cs.dict_schema(cs.str_schema(), _schema(get_args(hint)[1], forms))
    if isinstance(hint, type) and issubclass(hint, Enum):
        # Later servers have other values.
        return cs.int_schema() if issubclass(hint, int) else cs.str_schema()
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _form(hint, forms)
    return cs.any_schema()


def _form(kind: type[Struct], forms: dict[type, cs.CoreSchema]) -> cs.CoreSchema:
    # Pydantic names the schema by what is between the last dot and the colon. If it were pydantic's
    # own reference to the class, the class itself would get this schema where it is named again.
    name = f"{kind.__module__}.{kind.__qualname__}:form of {id(kind)}"
    if kind not in forms:
        forms[kind] = cs.any_schema()  # for a model that is inside itself
        hidden: tuple[str, ...] = getattr(kind, "_hidden", ())  # stars, whatever their type
        fields = {
            field.name: cs.typed_dict_field(
                _schema(Any if field.name in hidden else field.type, forms)
            )
            for field in msgspec.structs.fields(kind)
        }
        forms[kind] = cs.typed_dict_schema(fields, ref=name)
    return cs.definition_reference_schema(name)
