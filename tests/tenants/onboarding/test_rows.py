"""Each bad row is named with its line, its kind and a remedy in both languages; the rest is taken."""

from pathlib import Path

import pytest

from gongzhi.tenants.onboarding.complaints import Complaint
from gongzhi.tenants.onboarding.refusals import CountyAbsent, CountyMalformed
from gongzhi.tenants.onboarding.rows import Survey, survey
from gongzhi.tenants.onboarding.sheet import read_sheet, read_sheet_bytes

DIVISIONS = Path(__file__).parents[2] / "data" / "divisions"
HEADER = "code,name,level,parent_code"
#: Lines 2 to 6 of every table below; what is tested stands on line 7.
SOUND = (
    "53,云南省,province,",
    "5304,玉溪市,city,53",
    "530425,易门县,county,5304",
    "530425001,龙泉街道,street,530425",
    "530425001006,梅营社区居民委员会,community,530425001",
)


def surveyed(*lines: str, county: str = "530425") -> Survey:
    return survey(read_sheet_bytes("divisions.csv", "\n".join(lines).encode()), county=county)


def with_row(*rows: str) -> Survey:
    return surveyed(HEADER, *SOUND, *rows)


def told(found: Survey, code: str, line: int | None) -> Complaint:
    """The only complaint of this kind on this line, which must say how to mend it twice."""
    [complaint] = [one for one in found.complaints if (one.code, one.line) == (code, line)]
    assert complaint.remedy_zh
    assert complaint.remedy_en
    assert complaint.zh
    assert complaint.en
    return complaint


class TestRealFiles:
    @pytest.mark.parametrize(
        ("county", "streets", "communities"),
        [
            ("530425", 7, 58),
            ("370883", 16, 714),
            ("370826", 15, 435),
            ("510129", 11, 147),
            ("530181", 9, 102),
        ],
    )
    def test_are_taken_whole_and_without_a_word(self, county, streets, communities):
        [path] = DIVISIONS.glob(f"{county}-*.csv")

        found = survey(read_sheet(path), county=county)

        assert found.complaints == []
        assert (len(found.streets), len(found.communities)) == (streets, communities)
        assert found.county is not None
        assert path.stem == f"{county}-{found.county.name}"
        assert [(ancestor.level, ancestor.code) for ancestor in found.ancestors] == [
            ("province", county[:2]),
            ("city", county[:4]),
        ]

    def test_keep_rare_characters(self):
        [path] = DIVISIONS.glob("510129-*.csv")

        found = survey(read_sheet(path), county="510129")

        assert [street.name for street in found.streets if street.code == "510129106"] == ["䢺江镇"]

    def test_name_the_community_of_the_seed(self):
        [path] = DIVISIONS.glob("530425-*.csv")

        [meiying] = [
            one for one in survey(read_sheet(path), county="530425").communities if one.code[6:] == "001006"
        ]

        assert (meiying.line, meiying.short_name, meiying.kind) == (17, "梅营社区", "居民委员会")
        assert meiying.parent_code == "530425001"


class TestRefusedRow:
    @pytest.mark.parametrize(
        ("row", "code", "column", "value"),
        [
            (",中屯社区居民委员会,community,530425001", "ROW_CODE_MISSING", "code", ""),
            ("合计,7,,", "ROW_CODE_NOT_DIGITS", "code", "合计"),
            ("53042500l004,中屯,community,530425001", "ROW_CODE_NOT_DIGITS", "code", "53042500l004"),
            ("#REF!,中屯,community,530425001", "ROW_CODE_NOT_DIGITS", "code", "#REF!"),
            ("5.30425E+11,中屯,community,530425001", "ROW_CODE_SCIENTIFIC", "code", "5.30425E+11"),
            ("5.30425e11,中屯,community,", "ROW_CODE_SCIENTIFIC", "code", "5.30425e11"),
            ("530425001004,中屯,community,5.30425E+08", "ROW_CODE_SCIENTIFIC", "parent_code", "5.30425E+08"),
            ("53042500100,中屯,community,530425001", "ROW_CODE_LENGTH", "code", "53042500100"),
            ("5304250010041,中屯,,530425001", "ROW_CODE_LENGTH", "code", "5304250010041"),
            ("530425001004,中屯,street,530425", "ROW_CODE_LENGTH", "code", "530425001004"),
            ("530425002,六街街道,社区,530425001", "ROW_CODE_LENGTH", "code", "530425002"),
            ("530425002000,六街街道,community,530425002", "ROW_CODE_LEVEL", "code", "530425002000"),
            ("530425001004,中屯,hamlet,530425001", "ROW_LEVEL_UNKNOWN", "level", "hamlet"),
            ("530425001004,中屯,5,530425001", "ROW_LEVEL_UNKNOWN", "level", "5"),
            ("530425001004,,community,530425001", "ROW_NAME_MISSING", "name", ""),
            ("530425001004,　 ,community,530425001", "ROW_NAME_MISSING", "name", ""),
            ("530425001004,#N/A,community,530425001", "ROW_CELL_BROKEN", "name", "#N/A"),
            ('530425001004,"中屯\n社区",community,530425001', "ROW_NAME_CONTROL", "name", "中屯␊社区"),
            ("530425001004,中\u202e屯,community,530425001", "ROW_NAME_CONTROL", "name", "中�屯"),
            (
                "530425001004," + "中" * 61 + ",community,530425001",
                "ROW_NAME_LENGTH",
                "name",
                "中" * 59 + "…",
            ),
            ("530425001004,?屯社区,community,530425001", "ROW_NAME_LOST_CHARACTER", "name", "?屯社区"),
            ("530425001004,中屯,社区,community,530425001", "ROW_CELLS_SURPLUS", None, "530425001"),
            ("530425001004,中屯,community,53042", "ROW_PARENT_MALFORMED", "parent_code", "53042"),
            ("530425001004,中屯,community,龙泉街道", "ROW_CODE_NOT_DIGITS", "parent_code", "龙泉街道"),
        ],
    )
    def test_is_told_what_and_where(self, row, code, column, value):
        found = with_row(row)

        complaint = told(found, code, 7)
        assert (complaint.severity, complaint.column, complaint.value) == ("error", column, value)
        assert found.refused == [7]
        assert [community.line for community in found.communities] == [6]

    def test_does_not_move_the_lines_behind_it(self):
        found = with_row('530425001004,"中屯\n社区",community,530425001', "530425001005,罗所,community,x")

        assert told(found, "ROW_CODE_NOT_DIGITS", 9).value == "x"

    def test_may_have_several_faults_and_hears_of_all(self):
        found = with_row("5304,,hamlet,x")

        assert {one.code for one in found.errors} == {
            "ROW_LEVEL_UNKNOWN",
            "ROW_NAME_MISSING",
            "ROW_CODE_NOT_DIGITS",
        }


class TestMendedRow:
    @pytest.mark.parametrize(
        ("row", "code", "severity"),
        [
            ("５３０４２５００１００４,中屯,community,530425001", "ROW_FULLWIDTH_MENDED", "warning"),
            ("530425001004,中屯,ｃｏｍｍｕｎｉｔｙ,530425001", "ROW_FULLWIDTH_MENDED", "warning"),
            ("530425001004,中屯,community,５３０４２５００１", "ROW_FULLWIDTH_MENDED", "warning"),
            ("530425001004.0,中屯,community,530425001", "ROW_CODE_NUMBER_MENDED", "warning"),
            ("530425001004,中屯,community,530425001.0", "ROW_CODE_NUMBER_MENDED", "warning"),
            ("'530425001004,中屯,community,530425001", "ROW_BLANKS_MENDED", "note"),
            (" 530425 001 004\u00a0,中屯,community,530425001", "ROW_BLANKS_MENDED", "note"),
            ("\ufeff530425001004,中屯,community,530425001", "ROW_BLANKS_MENDED", "note"),
            ("530425001004,　中　屯 ,community,530425001", "ROW_BLANKS_MENDED", "note"),
            ("530425001004,中屯,,530425001", "ROW_LEVEL_DERIVED", "note"),
            ("530425001004,中屯,community,", "ROW_PARENT_DERIVED", "note"),
        ],
    )
    def test_is_taken_and_told(self, row, code, severity):
        found = with_row(row)

        assert told(found, code, 7).severity == severity
        assert found.errors == []
        mended = found.communities[1]
        assert (mended.code, mended.name, mended.parent_code) == ("530425001004", "中屯", "530425001")

    def test_has_its_fullwidth_name_made_narrow(self):
        found = with_row("530425001004,第１２Ｂ社区（东）,community,530425001")

        assert found.communities[1].name == "第12B社区（东）"
        assert told(found, "ROW_FULLWIDTH_MENDED", 7).column == "name"

    def test_warns_of_characters_from_a_private_font(self):
        assert told(
            with_row("530425001004,\ue863江社区,community,530425001"), "ROW_NAME_PRIVATE_CHARACTER", 7
        )

    def test_loses_the_zeros_that_pad_upper_levels(self):
        found = surveyed(
            HEADER,
            "530000000000,云南省,province,0",
            "530400,玉溪市,city,530000000000",
            "530425000000,易门县,county,530400000000",
            "530425001000,龙泉街道,street,530425000000",
            "530425001006,梅营社区,community,530425001000",
            "530425001007,曾所社区,,530425001000",
        )

        assert found.errors == []
        assert {one.code for one in found.complaints} == {"ROW_CODE_UNPADDED", "ROW_LEVEL_DERIVED"}
        assert told(found, "ROW_CODE_UNPADDED", 5).severity == "note"
        assert [one.code for one in (*found.ancestors, *found.streets)] == ["53", "5304", "530425001"]
        assert [one.parent_code for one in found.communities] == ["530425001", "530425001"]

    def test_may_name_its_level_in_chinese(self):
        levels = ("省", "市", "县(区、市)", "街道（镇、乡）", "社区（村）")
        english = ("province", "city", "county", "street", "community")
        lines = [row.replace(word, level) for row, word, level in zip(SOUND, english, levels, strict=True)]

        found = surveyed("代码,名称,级别,上级代码", *lines)

        assert found.complaints == []
        assert [one.code for one in found.communities] == ["530425001006"]

    def test_of_a_county_level_city_may_say_city(self):
        """安宁市 is 县级市; people write 市."""
        found = surveyed(HEADER, "530181,安宁市,市,5301", county="530181")

        assert found.county is not None
        assert (found.county.level, found.county.kind) == ("county", "县级市")


class TestCounty:
    @pytest.mark.parametrize(
        "county", ["", "53", "5304", "530425001", "易门县", "53042x", "530000", "030425", "٥٣٠٤٢٥"]
    )
    def test_malformed_is_refused(self, county):
        with pytest.raises(CountyMalformed) as caught:
            surveyed(HEADER, *SOUND, county=county)

        assert caught.value.code == "ONBOARDING_COUNTY_MALFORMED"
        assert "请" in caught.value.message("zh")
        assert "530425" in caught.value.message("en")

    @pytest.mark.parametrize("county", ["530425", " ５３０４２５ ", "530425000000"])
    def test_is_read_generously(self, county):
        assert len(surveyed(HEADER, *SOUND, county=county).communities) == 1

    def test_absent_is_refused_with_what_the_file_holds(self):
        with pytest.raises(CountyAbsent) as caught:
            surveyed(HEADER, *SOUND, "370883001,钢山街道,street,370883", "合计,,,", county="530181")

        assert caught.value.code == "ONBOARDING_COUNTY_ABSENT"
        assert caught.value.facts["held"] == "530425 易门县; 370883"
        assert caught.value.facts["unclear"] == 1
        assert "请核对" in caught.value.message("zh")
        assert "Check" in caught.value.message("en")

    def test_absent_from_a_file_of_the_whole_country_lists_ten(self):
        rows = [f"5301{number},某县,county,5301" for number in range(20, 40)]

        with pytest.raises(CountyAbsent) as caught:
            surveyed(HEADER, *rows, county="530425")

        assert str(caught.value.facts["held"]).endswith("530129 某县; … (20)")

    def test_without_towns_below_a_city_keeps_its_own_code(self):
        """东莞 441900 stands at county level with the padded code of its city."""
        found = surveyed(
            HEADER,
            "4419,东莞市,city,44",
            "441900,东莞市,county,4419",
            "441900003,东城街道,street,441900",
            "441900003001,岗贝社区居委会,community,441900003",
            county="441900",
        )

        assert found.errors == []
        assert found.county is not None
        assert (found.county.code, found.county.kind) == ("441900", "不设区的市")
        assert len(found.communities) == 1
