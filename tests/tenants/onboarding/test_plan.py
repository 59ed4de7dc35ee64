"""What a file would change: rows left out or stopping, names that changed, places that did not."""

from datetime import date

import pytest

from gongzhi.tenants.onboarding.plan import CountyRefused, FileOutdated, OnboardingStopped
from gongzhi.tenants.onboarding.provision import onboard

HEAD = ["code,name,level,parent_code", "99,试验省,province,", "9901,试验市,city,99"]
COUNTY = "990101,试验县,county,9901"
WEST, EAST = "990101001,西街街道,street,990101", "990101002,东街街道,street,990101"
PLUM, PEAR, WELL = (
    "990101001001,梅花社区居民委员会,community,990101001",
    "990101001002,梨园社区居民委员会,community,990101001",
    "990101002201,井边村民委员会,community,990101002",
)
WHOLE = (COUNTY, WEST, EAST, PLUM, PEAR, WELL)


def table(*lines: str) -> bytes:
    return "\n".join((*HEAD, *lines)).encode()


class TestOnError:
    ORPHAN = "990101009001,无主社区居民委员会,community,990101009"

    async def test_stop_does_nothing_at_all(self, fresh, asking, contents):
        before = contents(fresh)

        with pytest.raises(OnboardingStopped, match="1 errors"):
            await onboard(fresh, asking(fresh, table(*WHOLE, self.ORPHAN), "990101"))

        assert contents(fresh) == before

    async def test_skip_takes_the_rest(self, fresh, asking, rows_of):
        asked = asking(fresh, table(*WHOLE, self.ORPHAN), "990101", on_error="skip")

        outcome = await onboard(fresh, asked)

        assert (outcome.created, outcome.refused) == (6, 1)
        assert [found.code for found in outcome.complaints] == ["ROW_PARENT_MISSING"]
        assert rows_of(fresh, "select code from tenants.area where code like '990101009%%'") == []

    async def test_skip_leaves_out_what_lies_under_a_refused_row(self, fresh, asking, rows_of):
        """No community without its street."""
        nameless = WEST.replace("西街街道", "")

        outcome = await onboard(
            fresh, asking(fresh, table(COUNTY, nameless, EAST, PLUM, PEAR, WELL), "990101", on_error="skip")
        )

        assert (outcome.created, outcome.refused, outcome.communities) == (3, 3, 1)
        assert rows_of(fresh, "select code from tenants.area order by code") == [
            ("990101",),
            ("990101002",),
            ("990101002201",),
        ]

    @pytest.mark.parametrize("on_error", ["skip", "stop"])
    async def test_a_county_that_is_refused_brings_nothing(self, on_error, fresh, asking, contents):
        nameless = COUNTY.replace("试验县", "")
        before = contents(fresh)

        with pytest.raises(CountyRefused):
            await onboard(fresh, asking(fresh, table(nameless, WEST), "990101", on_error=on_error))

        assert contents(fresh) == before


class TestRename:
    async def test_keeps_id_and_code(self, fresh, asking, rows_of):
        """“单纯更名不更改代码”: the old name's division is closed, the new one's begins."""
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))
        area = "select id, path from tenants.area where code = '990101001001'"
        before = rows_of(fresh, area)

        outcome = await onboard(
            fresh,
            asking(
                fresh,
                table(COUNTY, WEST, EAST, PLUM.replace("梅花", "梅林"), PEAR, WELL),
                "990101",
                as_of=date(2025, 3, 1),
            ),
        )

        assert (outcome.renamed, outcome.created, outcome.unchanged) == (1, 0, 5)
        assert rows_of(fresh, area) == before
        named = "select name, short_name from tenants.area where code = '990101001001'"
        assert rows_of(fresh, named) == [("梅林社区居民委员会", "梅林社区")]
        division = (
            "select name, valid_from, valid_to from tenants.division where code = '990101001001' order by 2"
        )
        assert rows_of(fresh, division) == [
            ("梅花社区居民委员会", date(2024, 1, 1), date(2025, 3, 1)),
            ("梅林社区居民委员会", date(2025, 3, 1), None),
        ]
        assert rows_of(fresh, "select count(*) from core.audit where action = 'tenants.area.rename'") == [
            (1,)
        ]

    async def test_of_the_same_day_corrects(self, fresh, asking, rows_of):
        """A name that never held for a day was a slip of the pen."""
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))

        await onboard(fresh, asking(fresh, table(COUNTY, WEST, EAST, PLUM.replace("梅花", "梅林")), "990101"))

        division = "select name, valid_from, valid_to from tenants.division where code = '990101001001'"
        assert rows_of(fresh, division) == [("梅林社区居民委员会", date(2024, 1, 1), None)]

    async def test_by_an_older_file_is_refused(self, fresh, asking, contents):
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))
        before = contents(fresh)
        older = asking(fresh, table(COUNTY, WEST.replace("西街", "老街")), "990101", as_of=date(2023, 6, 30))

        with pytest.raises(FileOutdated, match="990101001 from 2024-01-01 on, later than 2023-06-30"):
            await onboard(fresh, older)

        assert contents(fresh) == before


class TestMoved:
    MOVED = "990101001002,梨园社区居民委员会,community,990101002"

    async def test_row_is_refused(self, fresh, asking, contents):
        """A move is a decision of its own, not a line in a file."""
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))
        before = contents(fresh)
        file = table(COUNTY, WEST, EAST, PLUM, self.MOVED, WELL)

        outcome = await onboard(fresh, asking(fresh, file, "990101", on_error="skip"))

        assert contents(fresh) == before
        assert (outcome.refused, outcome.unchanged, outcome.communities) == (1, 5, 2)
        [found] = [found for found in outcome.complaints if found.severity == "error"]
        assert found.code == "ROW_PARENT_CHANGED"
        assert (found.line, found.column, found.value) == (8, "parent_code", "990101002")
        assert "990101001" in found.en

    async def test_row_stops_the_rest(self, fresh, asking, contents):
        await onboard(fresh, asking(fresh, table(COUNTY, WEST, EAST, PLUM, PEAR), "990101"))
        before = contents(fresh)

        with pytest.raises(OnboardingStopped):
            await onboard(fresh, asking(fresh, table(COUNTY, WEST, EAST, self.MOVED, WELL), "990101"))

        assert contents(fresh) == before

    async def test_street_keeps_its_communities_out(self, fresh, asking, rows_of):
        """A street that lies elsewhere on the platform takes no new community from this file."""
        other = [line.replace("990101", "990102") for line in WHOLE]
        await onboard(fresh, asking(fresh, table(COUNTY, WEST), "990101"))
        await onboard(fresh, asking(fresh, table(*other), "990102"))
        move = (
            "update tenants.area a set path = p.path || 'moved.', parent_id = p.id from tenants.area p "
            "where a.code = '990101001' and p.code = '990102' returning a.code"
        )
        assert rows_of(fresh, move) == [("990101001",)]

        outcome = await onboard(fresh, asking(fresh, table(*WHOLE), "990101", on_error="skip"))

        assert [found.code for found in outcome.complaints if found.severity == "error"] == [
            "ROW_PARENT_CHANGED",
            "ROW_PARENT_REFUSED",
            "ROW_PARENT_REFUSED",
        ]
        assert (outcome.created, outcome.refused, outcome.communities) == (2, 3, 1)
        assert rows_of(fresh, "select count(*) from tenants.area where code like '990101001___'") == [(0,)]

    async def test_is_not_who_got_an_area_in_between(self, fresh, asking, rows_of):
        """An uncoded area (管区) between street and community changes nothing about the file."""
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))
        between = (
            "with area as (insert into tenants.area (id, parent_id, path, level, name, short_name, sort_key, "
            "search_keys, created_at) select gen_random_uuid(), id, path || 'between.', 'area', '一管区', '一管区', "
            "'', '', now() from tenants.area where code = '990101001' returning id, path) "
            "update tenants.area c set parent_id = area.id, path = area.path || 'x.' from area "
            "where c.code = '990101001001' returning c.code"
        )
        assert rows_of(fresh, between) == [("990101001001",)]

        outcome = await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))

        assert (outcome.unchanged, outcome.refused, outcome.complaints) == (6, 0, [])
