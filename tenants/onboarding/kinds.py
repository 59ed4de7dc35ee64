"""What sort of place a division is: by the digits of its code, and by its name where they leave it open."""

from gongzhi.tenants.onboarding.codes import Level
from gongzhi.tenants.onboarding.complaints import Findings

MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
AUTONOMOUS_REGIONS = frozenset({"15", "45", "54", "64", "65"})
SPECIAL_REGIONS = frozenset({"81", "82"})

LIKE_A_TOWN = "类似乡级单位"
LIKE_A_RESIDENTS_COMMITTEE = "类似居委会"
LIKE_A_VILLAGE_COMMITTEE = "类似村委会"

#: Endings of names, longest first where one ends in another.
_STREET_NAMES = (
    ("街道办事处", "街道"),
    ("街道", "街道"),
    ("镇", "镇"),
    ("镇人民政府", "镇"),
    ("乡", "乡"),
    ("乡人民政府", "乡"),
    ("苏木", "乡"),
)
_COMMUNITY_NAMES = (
    ("居民委员会", "居民委员会"),
    ("居委会", "居民委员会"),
    ("村民委员会", "村民委员会"),
    ("村委会", "村民委员会"),
    ("嘎查", "村民委员会"),
    ("嘎查委员会", "村民委员会"),
)


def kind_of(level: Level, code: str, name: str, findings: Findings | None = None) -> str:
    """The kind of the division with this code and name; notes where digits and name disagree."""
    match level:
        case "province":
            return _province(code)
        case "city":
            return _city(code, name)
        case "county":
            return _county(code)
        case "street":
            by_digits, certain = _street(int(code[6:9]))
            by_name = _by_name(name, _STREET_NAMES)
        case "community":
            by_digits, certain = _community(int(code[9:12]))
            by_name = _by_name(name, _COMMUNITY_NAMES)
    taken = by_digits if certain or by_name is None else by_name
    if findings is not None and by_name not in {None, by_digits}:
        findings.add("ROW_KIND_BY_NAME", column="name", value=name, by_digits=by_digits, taken=taken)
    return taken


def _by_name(name: str, endings: tuple[tuple[str, str], ...]) -> str | None:
    return next((kind for ending, kind in endings if name.endswith(ending)), None)


def _province(code: str) -> str:
    if code in MUNICIPALITIES:
        return "直辖市"
    if code in AUTONOMOUS_REGIONS:
        return "自治区"
    return "特别行政区" if code in SPECIAL_REGIONS else "省"


def _city(code: str, name: str) -> str:
    number = int(code[2:4])
    if code[:2] in MUNICIPALITIES:
        return "县" if number == 2 else "市辖区"
    if number == 90:
        return "省直辖县级行政区划"
    if 21 <= number <= 50:
        return next((kind for kind in ("自治州", "地区", "盟") if name.endswith(kind)), "地区、自治州、盟")
    return "地级市"


def _county(code: str) -> str:
    number = int(code[4:6])
    if number == 0:
        # 东莞 441900 and its like have towns and no counties.
        return "不设区的市"
    if 21 <= number <= 50:
        return "县"
    return "县级市" if number >= 81 else "市辖区"


def _street(number: int) -> tuple[str, bool]:
    """The kind by digits 7–9 and whether they settle it.

    From 300 on they do not: 81 streets have codes of 400 and more, and names at 3xx are odd.
    """
    if number < 100:
        return "街道", True
    if number < 200:
        return "镇", True
    if number < 300:
        return "乡", True
    return LIKE_A_TOWN, False


def _community(number: int) -> tuple[str, bool]:
    """The kind by digits 10–12 and whether they settle it."""
    if number < 200:
        return "居民委员会", True
    if number < 400:
        return "村民委员会", True
    return (LIKE_A_VILLAGE_COMMITTEE if 500 <= number < 600 else LIKE_A_RESIDENTS_COMMITTEE), False
