"""Phone and identity numbers checked and written one way, and what is left of them and of names when masked."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func

from gongzhi.core import clock
from gongzhi.core.errors import Invalid

_MOBILE: Final = re.compile(r"(?:\+?86|0086)?-?(1[3-9]\d)-?(\d{4})-?(\d{4})", re.ASCII)
_LANDLINE: Final = re.compile(
    r"(?:0|(?:\+86|0086)-?0?)(10|2\d|[3-9]\d\d)-?(\d{7,8})(?:(?:-|转|EXT\.?|X)(\d{1,6}))?", re.ASCII
)
_SERVICE: Final = re.compile(r"([48]00)-?(\d{3})-?(\d{4})", re.ASCII)
_ID_NUMBER: Final = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_HAN: Final = re.compile(r"[\u3007\u3400-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF]+")

# A shorter number is a service's or an extension: two digits of it would say too much.
_LONG_ENOUGH: Final = 7
_STARS: Final = "***"
# A surname of two characters and a given name of three; what is longer was spelt from another language.
_LONGEST_NAME: Final = 5

_COMPOUND_SURNAME: Final = re.compile(
    "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|司空|夏侯|轩辕|端木|独孤|南宫|长孙|宇文|闻人|"
    "百里|呼延|东郭|西门|东门|申屠|太史|太叔|赫连|澹台|濮阳|公冶|公羊|公良|宗政|淳于|单于|拓跋|仲孙|钟离|"
    "完颜|纳兰|鲜于|闾丘|万俟|梁丘|左丘|谷梁|宰父|巫马|第五|贺兰|叶赫|耶律|歐陽|司馬|諸葛|東方|尉遲|公孫|"
    "軒轅|獨孤|南宮|長孫|聞人|東郭|西門|東門|澹臺|濮陽|單于|仲孫|鍾離|鐘離|完顏|納蘭|鮮于|閭丘|萬俟|穀梁|"
    "巫馬|賀蘭|葉赫|赫連"
)


class NoSuchPhone(Invalid):
    """A text that is no phone number of the mainland."""

    zh = "填写有误：请填写11位手机号，或带区号的固定电话（例如0871-65123456）"
    en = "The input does not fit: give a mobile number of 11 digits, or a landline with its area code"


class NoSuchIdNumber(Invalid):
    """A text that is no citizen identity number."""

    zh = "填写有误：请核对18位公民身份号码（出生日期或末位校验码不符）"
    en = "The input does not fit: check the identity number (18 characters, with a real date and check digit)"


def compact(text: str) -> str:
    """The text as it is compared: narrow letters, capitals, no white space, hyphens or invisible characters."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(char for char in folded if not _is_gap(char) and not _is_hyphen(char))


def check_phone(text: str, *, path: str | None = None) -> str:
    """The phone number in its one spelling: ``13800138000``, ``0871-65123456``, ``0871-65123456-801``, ``4001234567``.

    The mainland's country code is dropped; numbers of other countries are refused.

    :raises Invalid: the message does not repeat the number.
    """
    folded = unicodedata.normalize("NFKC", text).upper()
    dialled = "".join(
        "-" if _is_hyphen(char) else char for char in folded if not _is_gap(char) and char not in "()"
    )
    if found := _MOBILE.fullmatch(dialled):
        return "".join(found.groups())
    if found := _LANDLINE.fullmatch(dialled):
        area, number, extension = found.groups()
        return f"0{area}-{number}" + (f"-{extension}" if extension else "")
    if found := _SERVICE.fullmatch(dialled):
        return "".join(found.groups())
    raise NoSuchPhone(path=path)


def check_id_number(text: str, *, path: str | None = None) -> str:
    """The citizen identity number in capitals, without gaps (Resident Identity Card Law art. 3; GB 11643-1999).

    Birth date and check digit are checked, the division's code is not: divisions come and go, numbers stay.
    Residence cards for foreigners and for people from Hong Kong, Macao and Taiwan follow the same form.

    :raises Invalid: the message does not repeat the number.
    """
    number = compact(text)
    if not (
        _ID_NUMBER.fullmatch(number) and _is_birth_date(number[6:14]) and _check_digit(number) == number[-1]
    ):
        raise NoSuchIdNumber(path=path)
    return number


def mask_phone(number: str) -> str:
    """138****8000 of a mobile number; of a landline the area code and the last two digits."""
    if found := _MOBILE.fullmatch(compact(number)):
        return f"{found[1]}****{found[3]}"
    if found := _LANDLINE.fullmatch(number):
        return f"0{found[1]}-{_keep_last_two(found[2])}"
    return _keep_last_two(compact(number))


def mask_id_number(number: str) -> str:
    """The last two characters alone: the first six tell the home county, the next eight the birthday."""
    return _keep_last_two(compact(number))


def mask_name(name: str) -> str:
    """The surname and a star for each further character: 张**, 欧阳**.

    A name with a middle dot, in other letters or longer than Chinese names are keeps its first character and
    three stars, whatever its length; a single character keeps nothing.
    """
    # Two-character names are often set with a gap, to stand as wide as those of three.
    run_together = "".join(name.split())
    if not _HAN.fullmatch(run_together) or len(run_together) > _LONGEST_NAME:
        return f"{run_together[0]}{_STARS}" if len(run_together) > 1 else "*" * len(run_together)
    if len(run_together) == 1:
        return "*"
    surname = 2 if len(run_together) > 2 and _COMPOUND_SURNAME.match(run_together) else 1
    return run_together[:surname] + "*" * (len(run_together) - surname)


def first_character(name: Any) -> ColumnElement[str]:
    """The same for a column, in SQL: the first character and two stars, for a surname is not always one."""
    return func.left(name, 1) + "**"


def small_cell(least: int) -> Callable[[Any], ColumnElement[Any]]:
    """Leaves a count out (null) where it is so small that it may point at somebody: from one to below ``least``."""

    def suppressed(count: Any) -> ColumnElement[Any]:
        return case((count.between(1, least - 1), None), else_=count)

    return suppressed


def _keep_last_two(number: str) -> str:
    shown = 2 if len(number) >= _LONG_ENOUGH else 0
    return "*" * (len(number) - shown) + number[len(number) - shown :]


def _is_gap(char: str) -> bool:
    # Cf holds the invisible marks that phones put around a copied number.
    return char.isspace() or unicodedata.category(char) == "Cf"


def _is_hyphen(char: str) -> bool:
    return unicodedata.category(char) == "Pd" or char == "−"


def _is_birth_date(digits: str) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    # 1880 is the earliest year in the standard's own examples; nobody older is alive.
    return date(1880, 1, 1) <= born <= clock.today()


def _check_digit(number: Sequence[str]) -> str:
    """The eighteenth character of an identity number (ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11]
