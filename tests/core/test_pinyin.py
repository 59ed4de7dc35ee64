"""Keys for Chinese order and search, as pypinyin reads the names."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongzhi.core.pinyin import initials, search_keys, sort_key


class TestSortKey:
    def test_is_the_reading_and_then_the_name(self):
        assert sort_key("梅营社区") == "mei'ying'she'qu 梅营社区"

    @pytest.mark.parametrize(
        "names",
        [
            ["安宁", "大邑", "微山", "易门", "邹城"],
            ["梅", "梅营", "梅营社区"],
            ["西安", "先锋"],  # xi'an comes before xian
            ["第2网格", "第10网格", "第15网格"],
            ["A座", "B座", "梅营"],
        ],
    )
    def test_sorts_by_bytes_as_people_do(self, names):
        keys = [sort_key(name).encode() for name in names]
        assert keys == sorted(set(keys))

    def test_parts_names_that_read_alike(self):
        assert sort_key("县街") != sort_key("现街")

    @pytest.mark.parametrize(
        ("name", "reading"),
        [
            ("重庆", "chong'qing"),
            ("重阳", "chong'yang"),
            ("乐山", "le'shan"),
            ("音乐", "yin'yue"),
            ("长江", "chang'jiang"),
            ("六安", "lu'an"),
            ("女儿红", "nv'er'hong"),
            ("阿依古丽·买买提", "a'yi'gu'li'mai'mai'ti"),
            ("浦贝彝族乡", "pu'bei'yi'zu'xiang"),
            ("Ａ3栋（东）", "a000003'dong'dong"),
            ("", ""),
        ],
    )
    def test_reads(self, name, reading):
        assert sort_key(name) == f"{reading} {name}"

    def test_lets_traditional_characters_stand_beside_simplified(self):
        assert sort_key("東嶽花苑").split()[0] == sort_key("东岳花苑").split()[0] == "dong'yue'hua'yuan"

    @pytest.mark.parametrize("rare", ["\ue000", "\U000323b0"])
    def test_keeps_a_character_without_a_reading(self, rare):
        """One from a local font's private area, one newer than this Python's tables."""
        assert sort_key(f"{rare}江镇").startswith(f"{rare}'jiang'zhen ")
        assert initials(f"{rare}江镇") == f"{rare}jz"


class TestInitials:
    @pytest.mark.parametrize(
        ("name", "letters"),
        [
            ("梅营社区", "mysq"),
            ("张家庄", "zjz"),
            ("安宁市", "ans"),
            ("東嶽花苑", "dyhy"),
            ("KTV广场", "ktvgc"),
            ("阿依古丽·买买提", "ayglmmt"),
            ("", ""),
        ],
    )
    def test_are_what_people_type(self, name, letters):
        assert initials(name) == letters

    def test_take_the_rare_character_along(self):
        """䢺 reads chú where the tables know it, and stands for itself where they do not."""
        assert initials("䢺江镇") in {"cjz", "䢺jz"}


class TestSearchKeys:
    def test_hold_name_reading_and_initials(self):
        assert search_keys("梅营社区") == "梅营社区 meiyingshequ mysq"

    def test_find_either_script_by_its_sound(self):
        assert "dongyue" in search_keys("東嶽花苑")
        assert "dongyue" in search_keys("东岳花苑")

    @given(name=st.text(st.characters(exclude_categories=["Cs"])))
    def test_answer_any_name(self, name):
        assert search_keys(name) == search_keys(name).lower()
        assert sort_key(name).endswith(name)


class TestLoading:
    def test_waits_until_a_name_is_read(self):
        code = "import sys, gongzhi.core.pinyin; sys.exit('pypinyin' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
