"""An onboarding is safe to repeat, to interrupt and to do twice at once."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import date

import pytest

from gongzhi.tenants.onboarding.plan import CountyRefused, FileOutdated, OnboardingStopped
from gongzhi.tenants.onboarding.provision import onboard, preview

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


class Killed(Exception):  # noqa: N818  # nothing went wrong in the code
    """The process ends here."""


def killed_after(chunks: int):
    """A progress that raises once so many chunks are done."""
    told = []

    async def progress(done, total):
        told.append((done, total))
        if len(told) > chunks:
            raise Killed

    return progress


@pytest.fixture
def fresh(make_kernel):
    return make_kernel()


class TestSecondRun:
    async def test_changes_nothing(self, fresh, divisions, asking, contents):
        asked = asking(fresh, divisions("530425"), "530425", blueprint="mediation")
        await onboard(fresh, asked)
        before = contents(fresh)

        again = await onboard(fresh, asked)

        assert contents(fresh) == before
        assert again.counts() == {
            "created": 0,
            "renamed": 0,
            "unchanged": 66,
            "refused": 0,
            "not_asked_for": 0,
            "communities": 58,
        }

    async def test_brings_what_is_new(self, fresh, asking):
        await onboard(fresh, asking(fresh, table(COUNTY, WEST, PLUM), "990101"))

        outcome = await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))

        assert (outcome.created, outcome.unchanged, outcome.communities) == (3, 3, 3)

    async def test_leaves_what_the_file_lacks(self, fresh, asking, contents):
        """Who is missing in a file has not ceased to exist."""
        await onboard(fresh, asking(fresh, table(*WHOLE), "990101"))
        before = contents(fresh)

        outcome = await onboard(fresh, asking(fresh, table(COUNTY, WEST, PLUM), "990101"))

        assert contents(fresh) == before
        [lacking] = outcome.complaints
        assert lacking.code == "FILE_LACKS_KNOWN"
        assert (lacking.severity, lacking.line, lacking.value) == ("note", None, "990101001002")
        assert lacking.en.startswith("3 areas of the platform are not in the file (the first: 990101001002)")


class TestInterrupted:
    async def test_between_two_streets_continues(self, fresh, divisions, asking, rows_of):
        asked = asking(fresh, divisions("530425"), "530425")
        with pytest.raises(Killed):
            await onboard(fresh, asked, progress=killed_after(2))
        # The county and its first street with the communities beneath.
        [(half,)] = rows_of(fresh, "select count(*) from tenants.area")
        first_street = asked.survey.streets[0].code
        beneath = sum(one.parent_code == first_street for one in asked.survey.communities)
        assert half == 1 + 1 + beneath

        outcome = await onboard(fresh, asked)

        assert (outcome.created, outcome.unchanged) == (66 - half, half)
        assert rows_of(fresh, "select count(*) from tenants.tenant") == [(58,)]

    def test_by_sigkill_continues(self, fresh, divisions, asking, rows_of, event_loop, tmp_path):
        """Killed with the third chunk written but not committed: nothing of it stays, and no lock."""
        file = tmp_path / "530425.csv"
        file.write_bytes(divisions("530425"))
        options = fresh.database.address.options
        url = f"postgresql:///{fresh.database.address.database}?host={options['host']}&port={options['port']}"
        environment = os.environ | {
            "GONGZHI_DATABASE_URL": url,
            "GONGZHI_DATA_DIR": str(fresh.settings.data_dir),
        }
        with subprocess.Popen(
            [sys.executable, "-c", DIES_IN_THE_THIRD_CHUNK, "onboard", str(file), "--county", "530425"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert said == "in the third chunk\n"
        asked = asking(fresh, divisions("530425"), "530425")
        [(half,)] = rows_of(fresh, "select count(*) from tenants.area")
        first_street = asked.survey.streets[0].code
        assert half == 2 + sum(one.parent_code == first_street for one in asked.survey.communities)

        outcome = event_loop.run(onboard(fresh, asked))

        assert (outcome.created, outcome.unchanged) == (66 - half, half)
        assert rows_of(fresh, "select count(*) from tenants.tenant") == [(58,)]


DIES_IN_THE_THIRD_CHUNK = """
import asyncio, sys
from gongzhi.core.cli import main
from gongzhi.tenants.onboarding.chunk import Chunk

count, carry_out = 0, Chunk.carry_out

async def dying(self, *told, **named):
    global count
    count += 1
    await carry_out(self, *told, **named)
    if count == 3:
        print("in the third chunk", file=sys.stderr, flush=True)
        await asyncio.Event().wait()

Chunk.carry_out = dying
main()
"""


class TestTwoAtOnce:
    async def test_of_one_county_are_safe(self, fresh, divisions, asking, rows_of):
        asked = asking(fresh, divisions("530425"), "530425")

        outcomes = await asyncio.gather(onboard(fresh, asked), onboard(fresh, asked))

        assert sum(outcome.created for outcome in outcomes) == 66
        assert rows_of(fresh, "select count(*), count(distinct code) from tenants.area") == [(66, 66)]
        assert rows_of(fresh, "select count(*) from tenants.division") == [(68,)]

    async def test_of_one_city_are_safe(self, fresh, asking, rows_of):
        """Both bring the same province and city."""
        other = [line.replace("990101", "990102") for line in WHOLE]

        await asyncio.gather(
            onboard(fresh, asking(fresh, table(*WHOLE), "990101")),
            onboard(fresh, asking(fresh, table(*other), "990102")),
        )

        rows = rows_of(fresh, "select code, count(*) from tenants.division where length(code) < 6 group by 1")
        assert sorted(rows) == [("99", 1), ("9901", 1)]


class TestDryRun:
    async def test_changes_nothing(self, fresh, divisions, asking, contents):
        before = contents(fresh)

        await preview(fresh, asking(fresh, divisions("530425"), "530425"))

        assert contents(fresh) == before

    async def test_tells_what_will_be(self, fresh, asking):
        await onboard(fresh, asking(fresh, table(COUNTY, WEST, PLUM), "990101"))
        renamed = PLUM.replace("梅花", "梅林")
        file = table(COUNTY, WEST, EAST, renamed, WELL, "990101009001,无主社区居民委员会,community,990101009")
        asked = asking(fresh, file, "990101", on_error="skip")

        foreseen = await preview(fresh, asked)
        done = await onboard(fresh, asked)

        assert foreseen.counts() == done.counts()
        assert done.counts() == {
            "created": 2,
            "renamed": 1,
            "unchanged": 2,
            "refused": 1,
            "not_asked_for": 0,
            "communities": 2,
        }
        assert foreseen.complaints == done.complaints
        assert (foreseen.dry_run, done.dry_run) == (True, False)


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


class TestBlueprint:
    async def test_gives_every_community_what_it_says(self, fresh, divisions, asking, rows_of):
        await onboard(fresh, asking(fresh, divisions("530425"), "530425", blueprint="mediation"))

        switches = "select plugin, switched_on, settings->>'due_days', count(*) from tenants.plugin_switch group by 1, 2, 3"
        assert rows_of(fresh, switches) == [("mediation", True, "30", 58)]
        grid = (
            "select g.code, g.name, g.kind, v.valid_to from tenants.grid g join tenants.grid_version v "
            "on v.tenant_id = g.tenant_id and v.grid_id = g.id where g.code like '530425001006%%'"
        )
        assert rows_of(fresh, grid) == [("530425001006001", "第1网格", "basic", None)]
        assert rows_of(fresh, "select count(*) from tenants.grid") == [(58,)]
        roles = ["community_admin", "community_officer", "mediator", "grid_worker"]
        assert rows_of(fresh, "select distinct blueprint, roles from tenants.tenant") == [
            ("mediation", roles)
        ]


class TestCounty:
    async def test_with_padding_is_the_same(self, fresh, asking):
        """530425000000 is how the statistics bureau writes a county."""
        outcome = await onboard(fresh, asking(fresh, table(*WHOLE), "990101000000"))

        assert outcome.created == 6

    async def test_of_thirty_thousand_rows_is_looked_up(self, fresh, asking):
        """PostgreSQL takes 32,767 parameters; a stranger's file may have more rows."""
        streets = [f"990101{street:03},第{street}街道,street,990101" for street in range(1, 50)]
        lines = [
            f"990101{street:03}{number:03},第{number}村民委员会,community,990101{street:03}"
            for street in range(1, 50)
            for number in range(200, 900)
            if number not in (498, 598)
        ]

        foreseen = await preview(fresh, asking(fresh, table(COUNTY, *streets, *lines), "990101"))

        assert foreseen.communities == len(lines)
