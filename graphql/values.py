"""Columns as the JSON that the schema promises, and cursors as :mod:`gongzhi.core.ids` writes them, in SQL."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import Date, Integer, LargeBinary, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, dialect
from sqlalchemy.sql.elements import ColumnElement

from gongzhi.core.api import MOST, CodeEnum, Order, Reading, split_global_id, unopaque
from gongzhi.graphql.plan import Unplanned

_POSTGRESQL: Any = dialect()  # type: ignore[no-untyped-call]  # sqlalchemy leaves it so


def quoted(table: Any) -> str:
    return f'"{table.schema}"."{table.name}"'


def column_of(reading: Reading, attribute: str) -> Any:
    """The table's column behind an attribute of the model."""
    return getattr(reading.model, attribute).property.columns[0]


def plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def row_id(reading: Reading, global_id: str) -> Any:
    """The row's id behind a global one of this type."""
    type_name, found = split_global_id(global_id)
    if type_name != (reading.ids_of or reading.name):
        raise Unplanned("an id of another type")
    return found


def many_ids(part: int, ids: Sequence[str]) -> list[Any]:
    """The type names (part 0) or the rows' ids (part 1) of these global ids."""
    if len(ids) > MOST:
        raise Unplanned("too many ids")
    return [split_global_id(one)[part] for one in ids]


def global_id_of(reading: Reading, column: str) -> str:
    return f"'{reading.name}:' || {column}"


def _base64url(raw: str) -> str:
    return f"translate(encode({raw}, 'base64'), E'+/=\\n', '-_')"


def value_of(kind: Any, shown: str) -> str:
    """A column or an expression of this type as the JSON value the schema promises."""
    if isinstance(kind, CodeEnum):
        members = list(kind.enum_class)
        if all(member.name == member.value.upper() for member in members):
            # The C collation's is many times as quick, and codes are ASCII.
            return f'upper({shown} collate "C")'
        cases = " ".join(f"when '{member.value}' then '{member.name}'" for member in members)
        return f"case {shown} {cases} end"
    if isinstance(kind, Numeric):
        return f"{shown}::text"
    if isinstance(kind, LargeBinary):
        raise Unplanned("bytes")
    return shown


def raw_of(kind: Any, shown: str) -> str:
    """A column as JSON from which :func:`python_type` is had back."""
    if isinstance(kind, LargeBinary):
        return f"translate(encode({shown}, 'base64'), E'\\n', '')"
    return f"{shown}::text" if isinstance(kind, Numeric) else shown


def python_type(kind: Any) -> Any:
    """The Python type of a column's values; JSON is whatever it is."""
    if isinstance(kind, CodeEnum):
        return kind.enum_class
    return Any if isinstance(kind, JSONB | ARRAY) else kind.python_type


_KEY_TYPES = (Text, Uuid, Integer, Date)


def key_names(order: Order) -> list[str]:
    return ["id"] if order.source == "id" else [order.source, "id"]


def key_columns(reading: Reading, order: Order) -> list[str]:
    return [column_of(reading, name).name for name in key_names(order)]


def cursor_of(reading: Reading, order: Order, alias: str) -> str:
    """The cursor of a row, as :func:`gongzhi.core.ids.opaque` would write it."""
    parts = []
    for name in key_names(order):
        column = column_of(reading, name)
        if not isinstance(column.type, _KEY_TYPES):
            raise Unplanned(f"a cursor over {column.type}")
        shown = f'{alias}."{column.name}"'
        shown = shown if isinstance(column.type, Integer) else f"to_json({shown}::text)"
        parts.append(f"{shown}::text")
    start = f"""'["{reading.name}","{order.name}",'"""
    joined = " || ',' || ".join(parts)
    return _base64url(f"convert_to({start} || {joined} || ']', 'UTF8')")


def cursor_values(reading: Reading, order: Order, cursor: str) -> list[Any]:
    told = unopaque(cursor)
    keys = [column_of(reading, name) for name in key_names(order)]
    if told[:2] != [reading.name, order.name] or len(told) != 2 + len(keys):
        raise Unplanned("a cursor of another list")
    values = told[2:]
    return [_typed(column.type.python_type, value) for column, value in zip(keys, values, strict=True)]


def _typed(kind: Any, value: Any) -> Any:
    """A cursor's value as the column's Python type; a number for a number, a text for everything else."""
    if isinstance(value, int) is not (kind is int):
        raise Unplanned("a damaged cursor")
    try:
        return kind.fromisoformat(value) if hasattr(kind, "fromisoformat") else kind(value)
    except (AttributeError, TypeError, ValueError) as error:
        raise Unplanned("a damaged cursor") from error


def sql_type_of(column: Any) -> str:
    """The column's type as a cast of a parameter; a collation belongs to the column, not to the cast."""
    if isinstance(column.type, CodeEnum | Text):
        return "text"
    return str(column.type.compile(_POSTGRESQL)).lower()


def rendered(expression: ColumnElement[Any], reading: Reading, alias: str) -> str:
    """A declared expression as SQL on this alias."""
    compiled = expression.compile(dialect=_POSTGRESQL, compile_kwargs={"literal_binds": True})
    table: Any = reading.model.__table__
    return "(" + str(compiled).replace(f"{table.schema}.{table.name}.", f"{alias}.") + ")"


#: A row on its way to JSON; no response key is called so, and a column of its name would win over it.
ROW = '"@row"'

#: PostgreSQL cuts longer names off, and takes no more columns in one row.
_LONGEST, _MOST = 63, 1600


def named(columns: Mapping[str, str]) -> str:
    """A select list: response key to SQL. A key is a GraphQL name, so it needs no escape.

    :raises Unplanned: a key is longer than PostgreSQL's names, or there are too many.
    """
    if len(columns) > _MOST or any(len(key) > _LONGEST for key in columns):
        raise Unplanned("names beyond PostgreSQL's")
    return ", ".join(f'{sql} as "{key}"' for key, sql in columns.items())


def bounded(wanted: int) -> int:
    """How many rows, within what a list shows at most."""
    if not 1 <= wanted <= MOST:
        raise Unplanned("a page out of bounds")
    return wanted
