"""What msgspec says of an input, in both languages and without the input itself."""

import re
from collections.abc import Callable
from typing import Final

from gongzhi.core.errors import Words

_KINDS: Final = {
    "str": "文字",
    "int": "整数",
    "float": "数字",
    "bool": "是/否",
    "array": "列表",
    "object": "对象",
    "null": "空值",
    "date": "日期",
    "datetime": "日期时间",
    "decimal": "数字",
    "uuid": "编号",
}
_SIDES: Final = {">=": "不能小于", "<=": "不能大于", ">": "须大于", "<": "须小于"}


def _length(found: re.Match[str]) -> str:
    kind, side, limit = found.groups()
    unit = "个字符" if kind == "str" else "项"
    return f"至少须有{limit}{unit}" if side == ">=" else f"最多{limit}{unit}"


def _kind(found: re.Match[str]) -> str:
    return f"应为{_KINDS.get(found[1], found[1])}"


_SAYINGS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(pattern), say)
    for pattern, say in (
        (r"Expected `(str|array|object)` of length (>=|<=) (\d+)", _length),
        (r"Expected `\w+` (>=|<=|>|<) (\S+)", lambda found: f"{_SIDES[found[1]]}{found[2]}"),
        (r"Expected `str` matching regex .*", lambda _found: "格式不符"),
        (r"Expected `(\w+)[^`]*`, got .*", _kind),
        (r"Object missing required field `(\w+)`", lambda found: f"缺少 {found[1]}"),
        (r"Object contains unknown field `(\w+)`", lambda found: f"没有 {found[1]} 这一项"),
        (r"Invalid (?:UUID|decimal string|RFC3339 encoded \w+)", lambda _found: "格式无效"),
    )
)


def worded(complaint: str) -> Words:
    """The complaint for its readers; one that may repeat what the caller wrote is told in general terms."""
    for pattern, say in _SAYINGS:
        if found := pattern.fullmatch(complaint):
            return Words(zh=say(found), en=complaint)
    return Words(zh="不是允许的值", en="this value is not allowed")
