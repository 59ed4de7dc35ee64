"""Another division code for an area: a county that becomes a city, a village that becomes a community.

The area keeps its id and with it all that happened; reports of a year use the code that held at its end. Grids
keep their codes, which begin with the community's of their day, until they are redrawn.
"""

import re
from datetime import date

from sqlalchemy import select

from gongzhi.core.api import Invalid, Kernel, system_work
from gongzhi.tenants.callers import find_area
from gongzhi.tenants.desk import area_at
from gongzhi.tenants.models import AreaCode, CodeStatus

_CODE = re.compile(r"(?:\d{6}|\d{9}|\d{12})P?", re.ASCII)


class CodeUnfit(Invalid):
    """The code is malformed, or some area has it or had it."""

    code = "AREA_CODE_UNFIT"
    zh = "代码“{given}”不可用：须为6、9或12位数字（暂定代码以P结尾），且从未使用过"
    en = "The code “{given}” can't be used: 6, 9 or 12 digits (with P at the end if provisional), never used before"


class RecodedTooEarly(Invalid):
    """A code does not end before it began."""

    code = "AREA_RECODED_TOO_EARLY"
    zh = "新代码的起用日期须晚于现代码的起用日期{since}"
    en = "The new code begins after the present one did, on {since}"


async def recode(kernel: Kernel, code: str, new: str, *, on: date) -> None:
    """Give an area another code from a day on; it is still found by the old one.

    :raises CodeUnfit: the new code is malformed, or some area has it or had it.
    :raises RecodedTooEarly: the day is not after the one on which the present code began.
    """
    async with system_work(kernel) as work:
        area = await area_at(work.session, code)
        if not _CODE.fullmatch(new) or await find_area(work.session, new) is not None:
            raise CodeUnfit(path="code", given=new[:20])
        query = select(AreaCode).where(AreaCode.area_id == area.id, AreaCode.valid_to.is_(None))
        present = (await work.session.scalars(query)).one()
        if on <= present.valid_from:
            raise RecodedTooEarly(path="on", since=present.valid_from.isoformat())
        present.valid_to, present.status, area.code = on, CodeStatus.HISTORICAL, new
        status = CodeStatus.PROVISIONAL if new.endswith("P") else CodeStatus.OFFICIAL
        work.session.add(AreaCode(area_id=area.id, code=new, valid_from=on, status=status))
        work.audit("tenants.area.recode", area, fields=("code",))
