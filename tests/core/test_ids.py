"""Ids and cursors: rising, opaque, one spelling each, and nothing else accepted."""

import base64
import threading
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gongzhi.core.errors import Invalid
from gongzhi.core.ids import global_id, new_id, opaque, parse_global_id, unopaque

TYPES = st.from_regex(r"[_A-Za-z][_0-9A-Za-z]*", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEYS = st.lists(TEXTS | st.integers(-(2**63), 2**63 - 1) | st.none())
ID = UUID("0198f5a2-7c3e-7b11-8f00-000000000001")


def spelt(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestNewId:
    def test_is_a_version_7_of_the_standard_type(self):
        assert type(new_id()) is UUID
        assert new_id().version == 7

    def test_rises(self):
        ids = [new_id() for _ in range(20_000)]
        assert ids == sorted(set(ids))

    def test_rises_in_every_thread_and_never_repeats(self):
        runs: list[list[UUID]] = []
        threads = [
            threading.Thread(target=lambda: runs.append([new_id() for _ in range(2_000)])) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(run == sorted(run) for run in runs)
        assert len({made for run in runs for made in run}) == 8_000


class TestGlobalId:
    def test_is_written_plainly(self):
        assert global_id("MediationCase", ID) == "MediationCase:0198f5a2-7c3e-7b11-8f00-000000000001"

    @given(type_name=TYPES, id_=st.uuids())
    def test_comes_back(self, type_name, id_):
        assert parse_global_id(global_id(type_name, id_)) == (type_name, id_)

    def test_refuses_a_name_no_type_has(self):
        with pytest.raises(ValueError, match="GraphQL"):
            global_id("Mediation:Case", ID)


class TestParseGlobalId:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "!",
            "梅营",
            str(ID),
            ID.hex,
            global_id("Case", ID) + "=",
            global_id("Case", ID) + "\n",
            " " + global_id("Case", ID),
            global_id("Case", ID)[:-1],
            f"Case:{str(ID).upper()}",
            f"Case:{ID.hex}",
            f":{ID}",
            f"Case:x:{ID}",
            f"案:{ID}",
            f"Case:٠{str(ID)[1:]}",
            f"Case:{{{ID}}}",
            spelt(f"Case:{ID}".encode()),
        ],
    )
    def test_refuses(self, text):
        with pytest.raises(Invalid):
            parse_global_id(text)

    @given(text=st.text() | st.text().map(lambda text: f"Case:{text}"))
    def test_accepts_what_it_would_write_and_no_more(self, text):
        try:
            type_name, id_ = parse_global_id(text)
        except Invalid:
            return
        assert global_id(type_name, id_) == text

    def test_says_where(self):
        with pytest.raises(Invalid) as caught:
            parse_global_id("x", path="parties.0.id")
        assert caught.value.path == "parties.0.id"
        assert caught.value.code == "INVALID_INPUT"
        assert "编号" in caught.value.message("zh")


class TestOpaque:
    @given(keys=KEYS)
    @example(keys=[])
    @example(keys=["梅营", 0, None, 2**63 - 1])
    def test_comes_back(self, keys):
        assert unopaque(opaque(keys)) == keys

    @given(keys=KEYS)
    def test_is_url_safe(self, keys):
        assert set(opaque(keys)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class TestUnopaque:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{}",
            b"1",
            b"[1.0]",
            b"[true]",
            b"[[1]]",
            b"[-0]",
            b"[1 ]",
            b"[1]]",
            b"[9223372036854775808]",
            b'["\\u0041"]',
            b'["\\u0000"]',
            b'["\\ud800"]',
            b'["\xff"]',
        ],
    )
    def test_refuses(self, raw):
        with pytest.raises(Invalid) as caught:
            unopaque(spelt(raw))
        assert caught.value.path is None

    @given(text=st.text() | st.text().map(lambda text: f"Case:{text}"))
    def test_accepts_what_it_would_write_and_no_more(self, text):
        try:
            keys = unopaque(text)
        except Invalid:
            return
        assert opaque(keys) == text
