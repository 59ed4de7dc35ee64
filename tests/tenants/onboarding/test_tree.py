"""Rows among each other: parents, doubles, other counties, and what is left out."""

import pytest

from gongzhi.tenants.onboarding.complaints import Complaint
from gongzhi.tenants.onboarding.rows import Survey, survey
from gongzhi.tenants.onboarding.sheet import RawRow, Sheet, read_sheet_bytes

HEADER = "code,name,level,parent_code"
PROVINCE, CITY, COUNTY, STREET, COMMUNITY = SOUND = (
    "53,云南省,province,",
    "5304,玉溪市,city,53",
    "530425,易门县,county,5304",
    "530425001,龙泉街道,street,530425",
    "530425001006,梅营社区居民委员会,community,530425001",
)


def surveyed(*lines: str) -> Survey:
    return survey(read_sheet_bytes("divisions.csv", "\n".join([HEADER, *lines]).encode()), county="530425")


def told(found: Survey, code: str, line: int | None) -> Complaint:
    [complaint] = [one for one in found.complaints if (one.code, one.line) == (code, line)]
    assert complaint.remedy_zh
    assert complaint.remedy_en
    return complaint


class TestParent:
    def test_missing_is_named_so_that_it_can_be_added(self):
        found = surveyed(*SOUND, "530425002001,六街社区,community,530425002")

        complaint = told(found, "ROW_PARENT_MISSING", 7)
        assert complaint.severity == "error"
        assert "530425002" in complaint.remedy_zh
        assert "530425002" in complaint.remedy_en

    def test_left_empty_and_missing_is_named_too(self):
        assert (
            "530425002"
            in told(surveyed(*SOUND, "530425002001,六街社区,community,"), "ROW_PARENT_MISSING", 7).zh
        )

    @pytest.mark.parametrize(
        "row",
        [
            "530425001007,曾所社区,community,530425",
            "530425001007,曾所社区,community,530425001006",
            "530425001007,曾所社区,community,530425000000",
            "530425002,六街街道,street,5304",
            "530425002,六街街道,street,530425001",
        ],
    )
    def test_of_the_wrong_level_is_refused(self, row):
        found = surveyed(*SOUND, row)

        assert told(found, "ROW_PARENT_LEVEL", 7).severity == "error"
        assert found.refused == [7]

    def test_of_the_county_must_be_a_city(self):
        found = surveyed("530425,易门县,county,53", STREET, COMMUNITY)

        assert told(found, "ROW_PARENT_LEVEL", 2)
        assert found.county is None

    @pytest.mark.parametrize(
        "row",
        [
            "530426001007,曾所社区,community,530425001",
            "530425001007,曾所社区,community,530426001",
            "530425002,六街街道,street,530426",
        ],
    )
    def test_in_another_county_is_a_contradiction(self, row):
        """A typing error in either code, and a community must not fall silently to the neighbours."""
        assert told(surveyed(*SOUND, row), "ROW_COUNTY_CONFLICT", 7).severity == "error"

    def test_in_another_city_is_a_contradiction(self):
        assert told(surveyed("530425,易门县,county,5301"), "ROW_COUNTY_CONFLICT", 2)

    def test_named_in_the_row_outweighs_the_code(self):
        found = surveyed(*SOUND, "530425002,六街街道,street,530425", "530425001007,曾所,community,530425002")

        assert told(found, "ROW_PARENT_NOT_PREFIX", 8).severity == "warning"
        assert found.communities[1].parent_code == "530425002"

    def test_refused_takes_its_children_with_it(self):
        """So that ``--on-error skip`` leaves a consistent set."""
        found = surveyed(*SOUND, "530425002,,street,530425", "530425002001,六街社区,community,530425002")

        assert told(found, "ROW_NAME_MISSING", 7)
        assert told(found, "ROW_PARENT_REFUSED", 8).remedy_zh == "先改正第 7 行"
        assert [street.code for street in found.streets] == ["530425001"]
        assert found.refused == [7, 8]

    def test_refused_county_takes_everything_with_it(self):
        found = surveyed("530425,,county,5304", STREET, COMMUNITY)

        assert found.county is None
        assert (found.streets, found.communities) == ([], [])
        assert [told(found, "ROW_PARENT_REFUSED", line).column for line in (3, 4)] == [
            "parent_code",
            "parent_code",
        ]

    def test_county_without_a_row_is_missing(self):
        found = surveyed(STREET, COMMUNITY)

        assert "530425" in told(found, "ROW_PARENT_MISSING", 2).remedy_en
        assert told(found, "ROW_PARENT_REFUSED", 3)
        assert found.county is None

    def test_may_stand_below_its_children(self):
        found = surveyed(*reversed(SOUND))

        assert found.complaints == []
        assert [one.line for one in (*found.streets, *found.communities)] == [3, 2]


class TestAncestors:
    def test_missing_are_known_by_code_alone(self):
        found = surveyed(COUNTY, STREET, COMMUNITY)

        assert [(one.line, one.code, one.name, one.kind) for one in found.ancestors] == [
            (None, "53", "", "省"),
            (None, "5304", "", "地级市"),
        ]
        notes = [one for one in found.complaints if one.code == "COUNTY_ANCESTOR_UNNAMED"]
        assert [(one.severity, one.line) for one in notes] == [("note", None), ("note", None)]
        assert ["53 " in notes[0].en, "5304 " in notes[1].en] == [True, True]
        assert found.errors == []

    def test_with_an_error_are_known_by_code_alone_and_do_no_harm_below(self):
        found = surveyed(PROVINCE, "5304,,city,53", COUNTY, STREET, COMMUNITY)

        assert [one.name for one in found.ancestors] == ["云南省", ""]
        assert told(found, "ROW_NAME_MISSING", 3)
        assert len(found.communities) == 1

    def test_are_derived_where_the_county_names_none(self):
        found = surveyed("530425,易门县,county,")

        assert told(found, "ROW_PARENT_DERIVED", 2).severity == "note"
        assert found.county is not None
        assert found.county.parent_code == "5304"


class TestDouble:
    def test_row_is_kept_once_with_a_note(self):
        found = surveyed(*SOUND, COMMUNITY, "530425001006,梅营社区居民委员会,社区,")

        assert [told(found, "ROW_DUPLICATE", line).severity for line in (7, 8)] == ["note", "note"]
        assert told(found, "ROW_DUPLICATE", 7).en == "The row repeats line 6; it is kept once"
        assert [one.line for one in found.communities] == [6]
        assert found.skipped == [7, 8]
        assert found.errors == []

    def test_code_with_two_names_is_an_error_on_both_lines(self):
        found = surveyed(*SOUND, "530425001006,曾所社区居民委员会,community,530425001")

        assert "第 7 行" in told(found, "ROW_CODE_TWICE", 6).zh
        assert "line 6" in told(found, "ROW_CODE_TWICE", 7).en
        assert found.communities == []

    def test_code_with_two_parents_is_an_error_too(self):
        found = surveyed(
            *SOUND, "530425002,六街街道,street,530425", COMMUNITY.replace(",530425001", ",530425002")
        )

        assert found.refused == [6, 8]

    def test_street_refuses_its_communities(self):
        found = surveyed(*SOUND, "530425001,六街街道,street,530425")

        assert told(found, "ROW_PARENT_REFUSED", 6)
        assert found.communities == []

    def test_code_of_a_broken_row_leaves_the_sound_one(self):
        found = surveyed(*SOUND, "530425001006,,community,530425001")

        assert found.refused == [7]
        assert [one.line for one in found.communities] == [6]

    def test_name_under_one_parent_is_a_warning(self):
        found = surveyed(*SOUND, "530425001007,梅营社区居民委员会,community,530425001")

        assert told(found, "ROW_NAME_TWICE", 7).severity == "warning"
        assert len(found.communities) == 2

    def test_name_under_two_parents_is_common(self):
        found = surveyed(
            *SOUND, "530425002,六街街道,street,530425", "530425002006,梅营社区居民委员会,community,530425002"
        )

        assert found.complaints == []


class TestLeftOut:
    @pytest.mark.parametrize("row", ["530425001498,虚拟社区,community,530425001", "530425001598,,村,x"])
    def test_are_virtual_rows(self, row):
        found = surveyed(*SOUND, row)

        assert told(found, "ROW_VIRTUAL", 7).severity == "note"
        assert found.skipped == [7]
        assert found.errors == []

    def test_are_not_streets_that_end_alike(self):
        found = surveyed(*SOUND, "530425498,某农场,street,530425")

        assert [street.code for street in found.streets] == ["530425001", "530425498"]

    def test_are_rows_of_other_counties_even_broken_ones(self):
        found = surveyed(
            *SOUND,
            "37,山东省,province,",
            "5301,昆明市,city,53",
            "530402,红塔区,county,5304",
            "530402001,,street,530402",
            "5304020010,x,hamlet,",
            "530181ABC,?,community,zzz",
            ",某社区,community,530402001",
            "5.30181E+11,某社区,community,",
            "530100000000,昆明市,city,53",
        )

        complaint = told(found, "FILE_OTHER_COUNTIES", None)
        assert complaint.severity == "note"
        assert complaint.en.startswith("9 rows do not belong to 530425")
        assert "7, 8, 9, 10, 11" in complaint.zh
        assert found.not_asked_for == 9
        assert len(found.complaints) == 1

    def test_are_not_rows_in_doubt(self):
        """A broken code that could be ours is ours to complain of."""
        found = surveyed(
            *SOUND, "5.30425E+11,a,community,", "53O425001,b,street,", ",c,community,", "530,d,,"
        )

        assert found.not_asked_for == 0
        assert found.refused == [7, 8, 9, 10]


class TestFile:
    def test_without_level_and_parent_is_taken_by_the_codes(self):
        """One note for each column, not one for each row."""
        lines = ["区划代码,单位名称,备注", *(",".join(row.split(",")[:2]) + ",x" for row in SOUND)]

        found = survey(read_sheet_bytes("divisions.csv", "\n".join(lines).encode()), county="530425")

        assert [(one.code, one.line, one.severity) for one in found.complaints] == [
            ("FILE_LEVEL_COLUMN_ABSENT", 1, "note"),
            ("FILE_PARENT_COLUMN_ABSENT", 1, "note"),
            ("FILE_COLUMNS_IGNORED", 1, "note"),
        ]
        assert [one.parent_code for one in found.communities] == ["530425001"]

    def test_with_further_worksheets_is_a_warning(self):
        rows = [RawRow(2, {"code": "530425", "name": "易门县", "level": "", "parent_code": "5304"})]
        sheet = Sheet(
            "x.xlsx", ("code", "name", "level", "parent_code"), rows, ignored_worksheets=("绿汁镇",)
        )

        complaint = told(survey(sheet, county="530425"), "FILE_OTHER_WORKSHEETS", None)

        assert (complaint.severity, complaint.value) == ("warning", "绿汁镇")
