"""Whatever comes in: a survey whose communities all have a street, or a refusal; nothing else."""

import contextlib
import io

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from gongzhi.core.errors import Refusal
from gongzhi.tenants.onboarding.complaints import report_csv
from gongzhi.tenants.onboarding.refusals import OnboardingRefused
from gongzhi.tenants.onboarding.rows import Survey, survey
from gongzhi.tenants.onboarding.sheet import RawRow, Sheet, read_sheet_bytes

COLUMNS = ("code", "name", "level", "parent_code")
COUNTY = "530425"

# Few codes, so that rows meet: doubles, parents, children, neighbours, and each of them broken.
CODES = st.sampled_from(
    [
        "53", "5304", "530425", "530425001", "530425002", "530425001006", "530425001007", "530425002201",
        "530425001498", "530425000000", "530425001000", "530400", "530426001", "530426001001", "441900",
        "5.30425E+11", "530425001.0", "５３０４２５００１", "'530425001", "53042500", "53042500x", "", "0", "合计",
    ]
)  # fmt: skip
NAMES = st.sampled_from(["梅营社区居民委员会", "铁厂村民委员会", "龙泉街道", "", "?江", "a\x00b", "#REF!"])
LEVELS = st.sampled_from(["province", "city", "county", "street", "community", "市", "", "hamlet"])
#: What a person may have typed, pasted or broken, lone surrogates included.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=14)
CELLS = st.fixed_dictionaries(
    {},
    optional={
        "code": CODES | ANYTHING,
        "name": NAMES | ANYTHING,
        "level": LEVELS | ANYTHING,
        "parent_code": CODES | ANYTHING,
    },
)
PLAUSIBLE = st.fixed_dictionaries({"code": CODES, "name": NAMES, "level": LEVELS, "parent_code": CODES})


def sheet_of(cells: list[dict[str, str]]) -> Sheet:
    return Sheet("x.csv", COLUMNS, [RawRow(line, row) for line, row in enumerate(cells, 2)])


def hangs_together(found: Survey) -> None:
    streets = {street.code for street in found.streets}
    assert all(community.parent_code in streets for community in found.communities)
    assert all(found.county and street.parent_code == found.county.code for street in found.streets)
    codes = [one.code for one in (*found.streets, *found.communities)]
    assert len(codes) == len(set(codes))
    assert all(one.name and one.short_name and one.kind for one in (*found.streets, *found.communities))
    kept = {one.line for one in (*found.streets, *found.communities)}
    assert kept.isdisjoint(found.refused)
    assert set(found.refused) == {complaint.line for complaint in found.errors}
    report_csv(found.complaints)


class TestSurvey:
    @given(rows=st.lists(PLAUSIBLE | CELLS, max_size=30))
    @settings(max_examples=300, deadline=None)
    def test_hangs_together_or_is_refused(self, rows):
        with contextlib.suppress(OnboardingRefused):
            hangs_together(survey(sheet_of(rows), county=COUNTY))

    @given(rows=st.lists(PLAUSIBLE, max_size=8), order=st.randoms(use_true_random=False))
    @settings(max_examples=100, deadline=None)
    def test_accounts_for_every_row(self, rows, order):
        """Kept, refused, skipped, an ancestor or another county's: no row is lost without a word."""
        table = [
            {"code": "530425", "name": "易门县", "level": "county", "parent_code": "5304"},
            {"code": "530425001", "name": "龙泉街道", "level": "street", "parent_code": "530425"},
            *rows,
        ]
        order.shuffle(table)
        found = survey(sheet_of(table), county=COUNTY)

        hangs_together(found)
        kept = [one.line for one in (*found.ancestors, *found.streets, *found.communities) if one.line]
        kept += [found.county.line] if found.county and found.county.line else []
        accounted = len({*kept, *found.refused, *found.skipped}) + found.not_asked_for
        assert accounted == len(table)

    @given(county=ANYTHING)
    def test_of_any_county_is_a_survey_or_a_refusal(self, county):
        with contextlib.suppress(OnboardingRefused):
            survey(sheet_of([]), county=county)


def book() -> bytes:
    made = openpyxl.Workbook()
    made.active.append(COLUMNS)
    made.active.append(("530425", "易门县", "county", "5304"))
    page = io.BytesIO()
    made.save(page)
    return page.getvalue()


BOOK = book()
CSV = "code,name,level,parent_code\n530425,易门县,county,5304\n530425001,龙泉街道,street,530425\n".encode()


def read_and_survey(data: bytes) -> None:
    with contextlib.suppress(Refusal):
        hangs_together(survey(read_sheet_bytes("x", data), county=COUNTY))


class TestBytes:
    @given(data=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode()))
    @settings(max_examples=200, deadline=None)
    def test_of_any_kind_are_read_or_refused(self, data):
        read_and_survey(data)
        read_and_survey(CSV + data)
        read_and_survey(b"code,name\n" + data)
        read_and_survey(b"PK\x03\x04" + data)

    @given(place=st.integers(0, len(BOOK) - 1), noise=st.binary(min_size=1, max_size=6))
    @settings(max_examples=200, deadline=None)
    def test_of_a_damaged_workbook_are_read_or_refused(self, place, noise):
        read_and_survey(BOOK[:place] + noise + BOOK[place + len(noise) :])

    @given(place=st.integers(0, len(CSV) - 1), noise=st.binary(max_size=4))
    @settings(max_examples=200, deadline=None)
    def test_of_a_damaged_csv_are_read_or_refused(self, place, noise):
        read_and_survey(CSV[:place] + noise + CSV[place + 1 :])

    @given(share=st.integers(0, len(BOOK) - 1))
    @settings(max_examples=50, deadline=None)
    def test_of_a_workbook_cut_short_are_refused(self, share):
        with contextlib.suppress(OnboardingRefused):
            read_sheet_bytes("x", BOOK[:share])
            raise AssertionError(share)
