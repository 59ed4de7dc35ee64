"""The five real counties come on board, whole, whatever the file is made of."""

import time

import pytest

from gongzhi.tenants.onboarding.chunk import step_of
from gongzhi.tenants.onboarding.provision import onboard, preview

COUNTIES = {
    "370826": ("微山县", 15, 435),
    "370883": ("邹城市", 16, 714),
    "510129": ("大邑县", 11, 147),
    "530181": ("安宁市", 9, 102),
    "530425": ("易门县", 7, 58),
}

NOTHING_ELSE = {"refused": 0, "renamed": 0, "not_asked_for": 0}


def levels(rows_of, kernel):
    return dict(rows_of(kernel, "select level, count(*) from tenants.area group by level"))


class TestCounty:
    @pytest.mark.parametrize("county", COUNTIES)
    async def test_comes_on_board_whole(self, county, fresh, divisions, asking, rows_of):
        name, streets, communities = COUNTIES[county]
        areas = 1 + streets + communities
        asked = asking(fresh, divisions(county), county)

        began = time.perf_counter()
        outcome = await onboard(fresh, asked)
        spent = time.perf_counter() - began

        print(f"{county}: {communities} communities in {spent:.2f} s, {communities / spent:.0f} a second")  # noqa: T201  # a figure to look at
        assert outcome.counts() == NOTHING_ELSE | {
            "created": areas,
            "unchanged": 0,
            "communities": communities,
        }
        assert outcome.complaints == []
        assert levels(rows_of, fresh) == {"county": 1, "street": streets, "community": communities}
        assert rows_of(fresh, "select name from tenants.area where code = %s", county) == [(name,)]
        assert rows_of(
            fresh, "select count(*), count(distinct node_id) from tenants.tenant where state = 'active'"
        ) == [(communities, communities)]
        # Province and city are divisions without being nodes.
        assert rows_of(fresh, "select count(*) from tenants.division") == [(areas + 2,)]
        assert rows_of(fresh, "select count(*) from tenants.area_code") == [(areas,)]
        told = "select count(*) from core.outbox where name = 'tenants.community_onboarded/1'"
        assert rows_of(fresh, told) == [(communities,)]
        seen = "select count(*) from core.audit where action = 'tenants.area.create' and outcome = 'done'"
        assert rows_of(fresh, seen) == [(areas,)]

    async def test_hangs_together(self, fresh, divisions, asking, rows_of):
        """Every path is its parent's and one step more; every parent's code begins its child's."""
        await onboard(fresh, asking(fresh, divisions("530425"), "530425"))

        astray = rows_of(
            fresh,
            "select c.code from tenants.area c left join tenants.area p on p.id = c.parent_id "
            "where case when c.parent_id is null then c.level <> 'county' else not starts_with(c.path, p.path) "
            "or c.path !~ (p.path || '[0-9a-z]+[.]$') or not starts_with(c.code, p.code) end",
        )

        assert astray == []

    async def test_keeps_the_order_of_the_file(self, fresh, divisions, asking, rows_of):
        """The tree is walked as the statistics list it: each street, then its communities."""
        asked = asking(fresh, divisions("370883"), "370883")
        await onboard(fresh, asked)

        in_order = [asked.survey.county.code]
        for street in asked.survey.streets:
            beneath = [one.code for one in asked.survey.communities if one.parent_code == street.code]
            in_order += [street.code, *beneath]
        found = rows_of(fresh, "select code from tenants.area order by path")
        assert [code for (code,) in found] == in_order

    async def test_finds_a_rare_character(self, fresh, divisions, asking, rows_of):
        """䢺江镇 lies outside the characters that old spreadsheets know."""
        await onboard(fresh, asking(fresh, divisions("510129"), "510129"))

        assert rows_of(fresh, "select name from tenants.area where code = '510129106'") == [("䢺江镇",)]

    async def test_is_taken_out_of_a_file_of_several(self, fresh, divisions, asking, rows_of):
        first, second = divisions("530425").decode(), divisions("530181").decode()
        both = first + "\n".join(second.splitlines()[1:])

        outcome = await onboard(fresh, asking(fresh, both.encode(), "530425"))

        # 安宁市's own row, 9 streets, 102 communities and 昆明市, the city it belongs to.
        assert outcome.counts() == NOTHING_ELSE | {
            "created": 66,
            "unchanged": 0,
            "communities": 58,
            "not_asked_for": 113,
        }
        assert rows_of(fresh, "select count(*) from tenants.area where code like '530181%%'") == [(0,)]
        assert "FILE_OTHER_COUNTIES" in {found.code for found in outcome.complaints}


class TestEncoding:
    @pytest.mark.parametrize("kind", ["gb18030", "utf-8-sig", "xlsx"])
    async def test_changes_nothing(self, kind, fresh, divisions, asking, workbook, rows_of):
        """A file in another encoding or an XLSX is the same county: nothing is left to create or rename."""
        plain = divisions("510129")
        other = workbook(plain) if kind == "xlsx" else plain.decode().encode(kind)
        await onboard(fresh, asking(fresh, other, "510129"))
        of_other = rows_of(fresh, "select code, name, level, kind, parent_code from tenants.division")

        again = await preview(fresh, asking(fresh, plain, "510129"))

        assert again.counts() == NOTHING_ELSE | {"created": 0, "unchanged": 159, "communities": 147}
        assert len(of_other) == 161


class TestStep:
    def test_sorts_as_its_number(self):
        steps = [step_of(number) for number in range(1, 50_000)]

        assert steps == sorted(steps)
        assert steps[:1] + steps[34:36] == ["11", "1z", "210"]
