"""Ids that rise with time, and the opaque texts in which clients meet ids and cursors."""

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from gongzhi.core.errors import Invalid

#: What a list can be ordered by, as it stands in a cursor.
CursorKey: TypeAlias = str | int | None

_TYPE_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_GLOBAL_ID: Final = re.compile(
    rf"({_TYPE_NAME.pattern}):([0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})"
)
# Whole numbers beyond eight bytes would fail in the database, where the caller learns nothing from it.
_Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_KEYS: Final[msgspec.json.Decoder[list[str | _Int64 | None]]] = msgspec.json.Decoder(
    list[str | _Int64 | None]
)


class NoSuchId(Invalid):
    """A text that this platform never gave out as an id."""

    zh = "填写有误：该编号无法识别，请原样传回系统给出的编号"
    en = "The input does not fit: this is no id of this platform; send ids back as they were given"


class NoSuchCursor(Invalid):
    """A text that this platform never gave out as a cursor."""

    zh = "填写有误：该翻页游标无法识别，请从第一页重新查询"
    en = "The input does not fit: this is no cursor of this platform; start again from the first page"


def new_id() -> UUID:
    """A UUIDv7, above every one this process made before."""
    return uuid7()


def global_id(type_name: str, id: UUID) -> str:  # noqa: A002  # the word GraphQL uses
    """The id of one object of a GraphQL type: ``Grid:01a2010e-1d6d-76f9-922f-2cab243565e9``.

    Clients send it back as it came. It is written plainly, for the database writes it for every row it shows.
    """
    if not _TYPE_NAME.fullmatch(type_name):
        raise ValueError(f"{type_name!r} is no name of a GraphQL type")
    return f"{type_name}:{id}"


def parse_global_id(text: str, *, path: str | None = None) -> tuple[str, UUID]:
    """The type's name and the id behind a global id; each object has one spelling only.

    :param path: where the text stood in the caller's input.
    :raises Invalid: for anything that ``global_id`` does not write.
    """
    type_name, digits = split_global_id(text, path=path)
    return type_name, UUID(digits)


def split_global_id(text: str, *, path: str | None = None) -> tuple[str, str]:
    """The same with the id as text, for whoever hands it on to the database.

    :raises Invalid: for anything that ``global_id`` does not write.
    """
    found = _GLOBAL_ID.fullmatch(text)
    if found is None:
        raise NoSuchId(path=path)
    return found[1], found[2]


def opaque(values: Sequence[CursorKey]) -> str:
    """The cursor that stands for these order keys."""
    return _encode(msgspec.json.encode(list(values)))


def unopaque(text: str) -> list[CursorKey]:
    """The order keys behind a cursor.

    :raises Invalid: for anything that ``opaque`` does not write, and for keys no database column can hold.
    """
    try:
        values: list[CursorKey] = [*_KEYS.decode(_decode(text))]
        canonical = opaque(values) == text
    except ValueError:
        canonical = False
    # PostgreSQL's text has no room for the character NUL.
    if not canonical or any(isinstance(value, str) and "\0" in value for value in values):
        raise NoSuchCursor
    return values


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    padding = "=" * (-len(text) % 4)
    return base64.b64decode(text + padding, altchars=b"-_", validate=True)
