"""An onboarding is safe to repeat, to interrupt and to do twice at once."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

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
