"""The GraphQL input of a command, made from its Struct: types, limits and descriptions stand in one place."""

import datetime as dt
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import strawberry

from gongzhi.core.commands import Input
from gongzhi.core.deprecation import reason_in

_PLAIN = (str, int, bool, float, dt.date, dt.datetime, Decimal)

_made: dict[type[Input], type] = {}


def input_type(struct: type[Input]) -> type:
    """The GraphQL input made from this Struct; the same one each time."""
    if struct not in _made:
        kinds: dict[str, Any] = {}
        namespace: dict[str, Any] = {"__annotations__": kinds}
        hints = get_type_hints(struct, include_extras=True)
        for field in msgspec.structs.fields(struct):
            kind, description = _graphql_kind(hints[field.name])
            kinds[field.name] = kind if field.required else kind | None
            settings: dict[str, Any] = {} if field.required else {"default": strawberry.UNSET}
            settings["deprecation_reason"] = reason_in(hints[field.name])
            namespace[field.name] = strawberry.field(description=description, **settings)
        made = type(f"{struct.__name__}Input", (), namespace)
        _made[struct] = strawberry.input(made, description=" ".join((struct.__doc__ or "").split()))
    return _made[struct]


def _graphql_kind(hint: Any) -> tuple[Any, str]:
    """(the type strawberry shall see, the description) of a Struct's field."""
    if get_origin(hint) is Annotated:
        kind, *told = get_args(hint)
        metas = [meta for meta in told if isinstance(meta, msgspec.Meta)]
        inner, description = _graphql_kind(kind) if not _is_ref(metas) else (strawberry.ID, "")
        return inner, next((meta.description for meta in metas if meta.description), description)
    if get_origin(hint) is list:
        inner, description = _graphql_kind(get_args(hint)[0])
        return list[inner], description  # type: ignore[valid-type]
    if get_origin(hint) in (UnionType, Union):
        [kind] = [argument for argument in get_args(hint) if argument is not NoneType]
        inner, description = _graphql_kind(kind)
        return inner | None, description
    if isinstance(hint, type) and issubclass(hint, Input):
        return input_type(hint), ""
    if hint in _PLAIN or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint, ""
    raise TypeError(f"no GraphQL input type for {hint!r}")


def _is_ref(metas: list[msgspec.Meta]) -> bool:
    return any("ref" in (meta.extra or {}) for meta in metas)


def told_values(given: Any) -> Any:
    """What a client told, as plain values; fields it left out stay out."""
    if isinstance(given, list):
        return [told_values(item) for item in given]
    if isinstance(given, Enum):
        return given.value
    if hasattr(type(given), "__strawberry_definition__"):
        return {
            name: told_values(value) for name, value in vars(given).items() if value is not strawberry.UNSET
        }
    return given
