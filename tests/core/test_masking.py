"""Masks and checks: what is shown of a number or a name, and which numbers are none."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongzhi.core import clock
from gongzhi.core.errors import Invalid
from gongzhi.core.masking import check_id_number, check_phone, compact, mask_id_number, mask_name, mask_phone

# The standard's own examples: GB 11643-1999 prints them, and they belong to nobody.
EXAMPLES = ["11010519491231002X", "440524188001010014"]


class TestMaskPhone:
    @pytest.mark.parametrize(
        ("number", "shown"),
        [
            ("13800138000", "138****8000"),
            ("+86 138-0013-8000", "138****8000"),
            ("0871-65123456", "0871-******56"),
            ("010-65123456-801", "010-******56"),
            ("65123456", "******56"),
            ("4001234567", "********67"),
            ("+85212345678", "**********78"),
            ("12345", "*****"),
            ("110", "***"),
            ("", ""),
        ],
    )
    def test_shows(self, number, shown):
        assert mask_phone(number) == shown


class TestMaskIdNumber:
    @pytest.mark.parametrize(
        ("number", "shown"),
        [
            ("110105194912310012", "****************12"),
            ("11010519491231002x", "****************2X"),
            ("110105491231002", "*************02"),
            ("123456", "******"),
            ("", ""),
        ],
    )
    def test_shows_the_end_alone(self, number, shown):
        assert mask_id_number(number) == shown


class TestMaskName:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("张三", "张*"),
            ("张三丰", "张**"),
            ("张　三", "张*"),
            (" 张三 ", "张*"),
            ("王李小明", "王***"),
            ("欧阳锋", "欧阳*"),
            ("歐陽修文", "歐陽**"),
            ("欧阳", "欧*"),
            ("万俟长卿", "万俟**"),
            ("阿依古丽·买买提", "阿***"),
            ("卓玛•才让", "卓***"),
            ("阿卜杜热西提", "阿***"),
            ("𠮷田", "𠮷*"),
            ("䢺三", "䢺*"),
            ("John Smith", "J***"),
            ("Li", "L***"),
            ("张", "*"),
            ("X", "*"),
            ("", ""),
        ],
    )
    def test_shows(self, name, shown):
        assert mask_name(name) == shown

    @given(name=st.text(min_size=1))
    def test_never_shows_more_than_a_surname(self, name):
        assert len(mask_name(name).replace("*", "")) <= 2


class TestCheckPhone:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("13800138000", "13800138000"),
            (" 138 0013 8000 ", "13800138000"),
            ("138-0013-8000", "13800138000"),
            ("+86-138-0013-8000", "13800138000"),
            ("+8613800138000", "13800138000"),
            ("008613800138000", "13800138000"),
            ("86 13800138000", "13800138000"),
            ("１３８００１３８０００", "13800138000"),
            ("\u202d13800138000\u202c", "13800138000"),
            ("087165123456", "0871-65123456"),
            ("0871-65123456", "0871-65123456"),
            ("(0871)65123456", "0871-65123456"),
            ("（0871）6512345", "0871-6512345"),
            ("+86 871 65123456", "0871-65123456"),
            ("010—65123456", "010-65123456"),
            ("010-65123456-801", "010-65123456-801"),
            ("010-65123456转801", "010-65123456-801"),
            ("400-123-4567", "4001234567"),
        ],
    )
    def test_writes_one_spelling(self, text, number):
        assert check_phone(text) == number
        assert check_phone(number) == number

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "无",
            "12800138000",
            "1380013800",
            "138001380000",
            "65123456",
            "0065123456",
            "+85212345678",
            "13800138000a",
        ],
    )
    def test_refuses(self, text):
        with pytest.raises(Invalid):
            check_phone(text)

    def test_keeps_the_number_out_of_the_message(self):
        with pytest.raises(Invalid) as caught:
            check_phone("1380013800", path="phone")
        assert caught.value.path == "phone"
        assert "1380013800" not in caught.value.message("zh") + caught.value.message("en") + str(caught.value)


class TestCheckIdNumber:
    @pytest.mark.parametrize("number", EXAMPLES)
    def test_accepts_the_examples_of_the_standard(self, number):
        assert check_id_number(number) == number

    @pytest.mark.parametrize(
        "text", ["11010519491231002x", "110105 19491231 002X", "１１０１０５１９４９１２３１００２Ｘ"]
    )
    def test_writes_one_spelling(self, text):
        assert check_id_number(text) == "11010519491231002X"

    @pytest.mark.parametrize("number", EXAMPLES)
    def test_finds_any_wrong_digit(self, number):
        """MOD 11-2 catches every single slip; here each digit in each place."""
        for place in range(17):
            for digit in "0123456789":
                if digit != number[place]:
                    with pytest.raises(Invalid):
                        check_id_number(number[:place] + digit + number[place + 1 :])

    @pytest.mark.parametrize("number", EXAMPLES)
    def test_finds_neighbours_swapped(self, number):
        for place in range(16):
            swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
            if swapped != number:
                with pytest.raises(Invalid):
                    check_id_number(swapped)

    @pytest.mark.parametrize(
        ("number", "why"),
        [
            ("110105194902290020", "29 February 1949"),
            ("110105194913010025", "month 13"),
            ("110105187912310023", "before 1880"),
            ("110105491231002", "the form of 15 digits ended in 2013"),
            ("01010519491231002X", "no division begins with 0"),
            ("1101051949123100X2", "X in another place"),
            ("", "nothing"),
        ],
    )
    def test_refuses(self, number, why):
        with pytest.raises(Invalid):
            check_id_number(number)

    def test_refuses_who_is_not_born_yet(self):
        with clock.use(clock.FixedClock(datetime(1949, 12, 30, 15, 59, tzinfo=UTC))) as fixed:
            with pytest.raises(Invalid):
                check_id_number(EXAMPLES[0])
            fixed.advance(days=1)
            assert check_id_number(EXAMPLES[0])

    def test_keeps_the_number_out_of_the_message(self):
        with pytest.raises(Invalid) as caught:
            check_id_number("110105194912310021", path="idNumber")
        assert caught.value.path == "idNumber"
        assert "1101" not in caught.value.message("zh") + caught.value.message("en") + str(caught.value)

    @given(text=st.text())
    def test_answers_any_text(self, text):
        for check in (check_phone, check_id_number):
            with suppress(Invalid):
                assert check(check(text)) == check(text)


class TestCompact:
    def test_keeps_what_tells_numbers_apart(self):
        assert compact(" 0871-６５１２ 3456x\u200b") == "087165123456X"
