"""Short names, kinds and levels, as people say them."""

import pytest

from gongzhi.tenants.onboarding.codes import lead, level_of, levels_of_word
from gongzhi.tenants.onboarding.complaints import Findings
from gongzhi.tenants.onboarding.kinds import kind_of
from gongzhi.tenants.onboarding.names import short_name


class TestShortName:
    @pytest.mark.parametrize(
        ("name", "short"),
        [
            ("梅营社区居民委员会", "梅营社区"),
            ("文化路社区居委会", "文化路社区"),
            ("六街居民委员会", "六街社区"),
            ("铁厂村民委员会", "铁厂村"),
            ("石庄村村民委员会", "石庄村"),
            ("石庄村委会", "石庄村"),
            ("西村村委会", "西村"),
            ("西村民委员会", "西村"),
            ("新建村村民委员会", "新建村"),
            ("石庄村居民委员会", "石庄村"),
            ("石庄村委员会", "石庄村"),
            ("巴音嘎查村民委员会", "巴音嘎查"),
            ("巴音嘎查委员会", "巴音嘎查"),
            ("某社区村民委员会", "某社区"),
            ("开发区虚拟生活区", "开发区虚拟生活区"),
            ("村民委员会", "村民委员会"),
            ("居委会", "居委会"),
        ],
    )
    def test_of_a_community_is_the_place_not_the_committee(self, name, short):
        assert short_name("community", name) == short

    @pytest.mark.parametrize(
        ("name", "short"),
        [
            ("龙泉街道办事处", "龙泉街道"),
            ("绿汁镇人民政府", "绿汁镇"),
            ("浦贝彝族乡", "浦贝彝族乡"),
            ("某农场办事处", "某农场办事处"),
        ],
    )
    def test_of_a_street_is_the_place_not_the_office(self, name, short):
        assert short_name("street", name) == short

    def test_of_a_county_is_its_name(self):
        assert short_name("county", "易门县") == "易门县"


class TestKind:
    @pytest.mark.parametrize(
        ("code", "name", "kind"),
        [
            ("530425001", "龙泉街道", "街道"),
            ("530425100", "绿汁镇", "镇"),
            ("530425201", "浦贝彝族乡", "乡"),
            ("152500300", "某苏木", "乡"),
            ("530425300", "某农场", "类似乡级单位"),
            ("530425400", "某开发区", "类似乡级单位"),
            ("530425401", "某街道办事处", "街道"),
            ("530425500", "某林场", "类似乡级单位"),
            ("530425600", "某镇", "镇"),
        ],
    )
    def test_of_a_street_is_by_digits_and_from_300_on_by_name(self, code, name, kind):
        assert kind_of("street", code, name) == kind

    @pytest.mark.parametrize(
        ("code", "name", "kind"),
        [
            ("530425001001", "中心街社区居民委员会", "居民委员会"),
            ("530425001199", "某", "居民委员会"),
            ("530425001200", "铁厂村民委员会", "村民委员会"),
            ("530425001300", "某嘎查", "村民委员会"),
            ("530425001400", "某社区", "类似居委会"),
            ("530425001401", "某社区居委会", "居民委员会"),
            ("530425001500", "某生活区", "类似村委会"),
            ("530425001601", "某合并社区", "类似居委会"),
        ],
    )
    def test_of_a_community_is_by_digits_and_from_400_on_by_name(self, code, name, kind):
        assert kind_of("community", code, name) == kind

    @pytest.mark.parametrize(
        ("level", "code", "name", "kind"),
        [
            ("province", "53", "云南省", "省"),
            ("province", "11", "北京市", "直辖市"),
            ("province", "65", "新疆维吾尔自治区", "自治区"),
            ("province", "81", "香港特别行政区", "特别行政区"),
            ("city", "5304", "玉溪市", "地级市"),
            ("city", "5323", "楚雄彝族自治州", "自治州"),
            ("city", "5323", "", "地区、自治州、盟"),
            ("city", "4190", "", "省直辖县级行政区划"),
            ("city", "5001", "市辖区", "市辖区"),
            ("city", "5002", "县", "县"),
            ("county", "530402", "红塔区", "市辖区"),
            ("county", "530425", "易门县", "县"),
            ("county", "530181", "安宁市", "县级市"),
            ("county", "441900", "东莞市", "不设区的市"),
        ],
    )
    def test_of_upper_levels_is_by_digits(self, level, code, name, kind):
        assert kind_of(level, code, name) == kind

    def test_notes_where_name_and_digits_disagree(self):
        findings = Findings(9)

        assert kind_of("street", "530425101", "某街道", findings) == "镇"
        assert kind_of("street", "530425401", "某街道", findings) == "街道"
        assert [(one.code, one.severity, one.line) for one in findings.complaints] == [
            ("ROW_KIND_BY_NAME", "note", 9),
            ("ROW_KIND_BY_NAME", "note", 9),
        ]
        assert findings.complaints[0].en == "The code says 镇, the name is '某街道'; it is taken as 镇"
        assert not findings.refused


class TestCodes:
    @pytest.mark.parametrize(
        ("word", "levels"),
        [
            ("Province", ("province",)),
            ("市", ("city", "county")),
            ("县(区、市)", ("county",)),
            ("县（区、市）", ("county",)),
            ("街道(镇、乡)", ("street",)),
            ("社区（村）", ("community",)),
            (" 村 ", ("community",)),
            ("hamlet", ()),
            ("", ()),
        ],
    )
    def test_have_levels_named_in_two_languages(self, word, levels):
        assert levels_of_word(word) == levels

    @pytest.mark.parametrize(
        ("code", "level"),
        [
            ("53", "province"),
            ("530000", "province"),
            ("5304", "city"),
            ("530425", "county"),
            ("530425000000", "county"),
            ("530425001", "street"),
            ("530425001000", "street"),
            ("530425001006", "community"),
            ("530", None),
            ("5304250010060", None),
            ("", None),
        ],
    )
    def test_tell_their_level_by_length_without_padding(self, code, level):
        assert level_of(code) == level

    @pytest.mark.parametrize(
        ("code", "digits"),
        [
            ("530425001006", "530425"),
            ("530400000000", "5304"),
            ("53O425", "53"),
            ("5.30425E+11", "53042"),
            ("合计", ""),
            ("", ""),
        ],
    )
    def test_tell_where_they_belong_even_broken(self, code, digits):
        assert lead(code, county="530425") == digits
