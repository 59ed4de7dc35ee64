"""The key ring: sealed to its place, never overwritten, and silent about its keys."""

import base64
import json
import multiprocessing
import stat
import threading
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongzhi.core.crypto import CannotDecrypt, KeyRing, hash_token, new_token
from gongzhi.core.errors import Misconfigured

TENANT = UUID("0198f5a2-7c3e-7b11-8f00-000000000001")
OTHER = UUID("0198f5a2-7c3e-7b11-8f00-000000000002")
PHONE = "13800138000"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
FIELDS = st.sampled_from(["person.phone", "person.id_number", "person.phone2", ""])


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return KeyRing.load_or_create(tmp_path_factory.mktemp("data") / "keys.json")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "keys.json"


def create(path, barrier, answers):
    barrier.wait()
    answers.put(KeyRing.load_or_create(Path(path)).current)


def files_beside(path):
    return [file.name for file in path.parent.iterdir()]


def secrets_of(path):
    """Every spelling in which key material might slip out."""
    held = json.loads(path.read_text())
    texts = [held["index_key"], *(key["key"] for key in held["keys"])]
    raws = [base64.b64decode(text) for text in texts]
    return [*texts, *(raw.hex() for raw in raws), *(repr(raw)[2:-1] for raw in raws)]


class TestSeal:
    @given(text=TEXTS, tenant=st.uuids(), field=FIELDS)
    def test_opens_where_it_was_sealed(self, ring, text, tenant, field):
        assert ring.open(ring.seal(text, tenant=tenant, field=field), tenant=tenant, field=field) == text

    def test_never_looks_alike_twice(self, ring):
        sealed = {ring.seal(PHONE, tenant=TENANT, field="person.phone") for _ in range(100)}
        assert len(sealed) == 100

    def test_carries_version_and_key_id_and_hides_the_rest(self, ring):
        sealed = ring.seal(PHONE, tenant=TENANT, field="person.phone")
        assert sealed[0] == 1
        assert sealed[1:5].hex() == ring.current
        assert len(sealed) == 1 + 4 + 12 + len(PHONE) + 16
        assert PHONE.encode() not in sealed


class TestOpen:
    @given(text=TEXTS, change=st.integers(1, 255))
    def test_refuses_a_change_of_any_byte(self, ring, text, change):
        sealed = ring.seal(text, tenant=TENANT, field="person.phone")
        for place in range(len(sealed)):
            changed = sealed[:place] + bytes([sealed[place] ^ change]) + sealed[place + 1 :]
            with pytest.raises(CannotDecrypt):
                ring.open(changed, tenant=TENANT, field="person.phone")

    @given(text=TEXTS, tenants=st.tuples(st.uuids(), st.uuids()).filter(lambda pair: pair[0] != pair[1]))
    def test_refuses_another_tenant(self, ring, text, tenants):
        sealed = ring.seal(text, tenant=tenants[0], field="person.phone")
        with pytest.raises(CannotDecrypt):
            ring.open(sealed, tenant=tenants[1], field="person.phone")

    @given(text=TEXTS, fields=st.tuples(FIELDS, FIELDS).filter(lambda pair: pair[0] != pair[1]))
    def test_refuses_another_column(self, ring, text, fields):
        sealed = ring.seal(text, tenant=TENANT, field=fields[0])
        with pytest.raises(CannotDecrypt):
            ring.open(sealed, tenant=TENANT, field=fields[1])

    @given(sealed=st.binary(max_size=80))
    def test_refuses_garbage(self, ring, sealed):
        with pytest.raises(CannotDecrypt):
            ring.open(sealed, tenant=TENANT, field="person.phone")

    @pytest.mark.parametrize("kept", range(44))
    def test_refuses_what_was_cut_off(self, ring, kept):
        sealed = ring.seal(PHONE, tenant=TENANT, field="person.phone")
        with pytest.raises(CannotDecrypt):
            ring.open(sealed[:kept], tenant=TENANT, field="person.phone")

    def test_says_nothing_about_the_content(self, ring):
        sealed = ring.seal(PHONE, tenant=TENANT, field="person.phone")
        with pytest.raises(CannotDecrypt) as caught:
            ring.open(sealed, tenant=OTHER, field="person.phone")
        assert str(caught.value) == "a sealed value does not open here"
        assert caught.value.__cause__ is None

    def test_refuses_the_value_of_another_ring(self, ring, path):
        sealed = KeyRing.load_or_create(path).seal(PHONE, tenant=TENANT, field="person.phone")
        with pytest.raises(CannotDecrypt):
            ring.open(sealed, tenant=TENANT, field="person.phone")

    def test_refuses_when_the_ring_is_gone_as_well(self, path):
        ring = KeyRing.load_or_create(path)
        path.unlink()
        with pytest.raises(CannotDecrypt):
            ring.open(b"\1" + bytes(40), tenant=TENANT, field="person.phone")


class TestBlindIndex:
    def test_is_sixteen_bytes_and_the_same_each_time(self, ring):
        index = ring.blind_index(PHONE, tenant=TENANT, field="person.phone")
        assert len(index) == 16
        assert index == ring.blind_index(PHONE, tenant=TENANT, field="person.phone")

    @pytest.mark.parametrize(
        "text",
        [
            "138 0013 8000",
            "138-0013-8000",
            "１３８００１３８０００",
            "\u202d138\u20110013 8000\u202c",
            "138\u30000013\t8000",
        ],
    )
    def test_overlooks_how_a_number_is_set(self, ring, text):
        plain = ring.blind_index(PHONE, tenant=TENANT, field="person.phone")
        assert ring.blind_index(text, tenant=TENANT, field="person.phone") == plain

    def test_overlooks_case(self, ring):
        upper = ring.blind_index("11010519491231002X", tenant=TENANT, field="person.id_number")
        assert ring.blind_index("11010519491231002x", tenant=TENANT, field="person.id_number") == upper

    @given(tenant=st.uuids())
    def test_differs_between_tenants(self, ring, tenant):
        """Two communities can't be joined on a person's number."""
        here = ring.blind_index(PHONE, tenant=TENANT, field="person.phone")
        assert (ring.blind_index(PHONE, tenant=tenant, field="person.phone") == here) == (tenant == TENANT)

    def test_differs_between_columns_and_texts(self, ring):
        indexes = {
            ring.blind_index(text, tenant=TENANT, field=field)
            for text in (PHONE, "13800138001")
            for field in ("person.phone", "person.id_number")
        }
        assert len(indexes) == 4


class TestLoadOrCreate:
    def test_makes_a_private_file_once(self, path):
        first = KeyRing.load_or_create(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        written = path.read_bytes()
        again = KeyRing.load_or_create(path)
        assert path.read_bytes() == written
        assert files_beside(path) == ["keys.json"]
        sealed = first.seal(PHONE, tenant=TENANT, field="f")
        assert again.open(sealed, tenant=TENANT, field="f") == PHONE
        assert again.blind_index("a", tenant=TENANT, field="f") == first.blind_index(
            "a", tenant=TENANT, field="f"
        )

    def test_agrees_among_processes(self, path):
        context = multiprocessing.get_context("spawn")
        barrier, answers = context.Barrier(3), context.Queue()
        makers = [context.Process(target=create, args=(str(path), barrier, answers)) for _ in range(3)]
        for maker in makers:
            maker.start()
        made = {answers.get(timeout=60) for _ in makers}
        for maker in makers:
            maker.join()
        assert made == {KeyRing(path).current}
        assert files_beside(path) == ["keys.json"]

    def test_never_replaces_a_ring_made_meanwhile(self, path, monkeypatch):
        """The moment between looking and making, held open."""
        theirs = KeyRing.load_or_create(path)
        monkeypatch.setattr(Path, "exists", lambda _: False)
        assert KeyRing.load_or_create(path).current == theirs.current

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
    def test_refuses_a_file_open_to_others(self, path, mode):
        KeyRing.load_or_create(path)
        path.chmod(mode)
        with pytest.raises(Misconfigured, match=rf"{mode:04o}"):
            KeyRing.load_or_create(path)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: "",
            lambda text: text[:-5],
            lambda text: "\0" * len(text),
            lambda text: text.replace('"version": 1', '"version": 2'),
            lambda text: text.replace('"current": "', '"current": "0'),
            lambda text: text.replace('"index_key": "', '"index_key": "AAAA'),
            lambda text: text.replace('"key": "', '"key": "AAAA'),
            lambda text: text.replace('"key": "', '"kee": "'),
            lambda text: text.replace('"created": "', '"created": "x'),
            lambda text: "[]",
        ],
    )
    def test_refuses_a_damaged_file_and_leaves_it(self, path, damage):
        KeyRing.load_or_create(path)
        secrets = secrets_of(path)
        damaged = damage(path.read_text())
        path.write_text(damaged)
        with pytest.raises(Misconfigured, match=r"keys\.json is damaged") as caught:
            KeyRing.load_or_create(path)
        assert path.read_text() == damaged
        assert not [secret for secret in secrets if secret in str(caught.value)]

    def test_refuses_a_folder_it_cannot_make(self, tmp_path):
        (tmp_path / "data").write_text("a file")
        with pytest.raises(Misconfigured, match=r"Not a directory|File exists"):
            KeyRing.load_or_create(tmp_path / "data" / "keys.json")

    def test_refuses_what_cannot_be_read(self, path):
        path.mkdir(parents=True)
        with pytest.raises(Misconfigured, match="cannot be read"):
            KeyRing.load_or_create(path)


class TestRotate:
    def test_seals_with_the_new_key_and_still_opens_the_old(self, path):
        ring = KeyRing.load_or_create(path)
        old_key, old = ring.current, ring.seal(PHONE, tenant=TENANT, field="f")
        new_key = ring.rotate()
        assert ring.key_ids == (old_key, new_key)
        assert ring.seal("x", tenant=TENANT, field="f")[1:5].hex() == new_key
        for reader in (ring, KeyRing.load_or_create(path)):
            assert reader.open(old, tenant=TENANT, field="f") == PHONE
            assert reader.current == new_key

    def test_leaves_the_index_and_the_mode_alone(self, path):
        ring = KeyRing.load_or_create(path)
        before = ring.blind_index(PHONE, tenant=TENANT, field="f")
        ring.rotate()
        assert KeyRing.load_or_create(path).blind_index(PHONE, tenant=TENANT, field="f") == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert files_beside(path) == ["keys.json"]

    def test_reaches_a_process_that_read_the_ring_before(self, path):
        early = KeyRing.load_or_create(path)
        late = KeyRing.load_or_create(path)
        late.rotate()
        sealed = late.seal(PHONE, tenant=TENANT, field="f")
        assert early.open(sealed, tenant=TENANT, field="f") == PHONE
        assert early.current == late.current

    def test_loses_no_key_when_two_rotate_at_once(self, path):
        rings = [KeyRing.load_or_create(path) for _ in range(8)]
        threads = [threading.Thread(target=ring.rotate) for ring in rings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(KeyRing(path).key_ids) == 9
        assert {ring.current for ring in rings} <= set(KeyRing(path).key_ids)

    def test_follows_a_link_to_the_file(self, path, tmp_path):
        KeyRing.load_or_create(path)
        link = tmp_path / "link.json"
        link.symlink_to(path)
        KeyRing.load_or_create(link).rotate()
        assert link.is_symlink()
        assert len(KeyRing(path).key_ids) == 2

    def test_says_what_is_wrong(self, path):
        ring = KeyRing.load_or_create(path)
        path.unlink()
        with pytest.raises(Misconfigured, match="No such file"):
            ring.rotate()


class TestRepr:
    def test_shows_no_key(self, path):
        ring = KeyRing.load_or_create(path)
        ring.rotate()
        ring.seal(PHONE, tenant=TENANT, field="f")
        shown = "".join(repr(value) for value in (ring, *vars(ring).values()))
        assert ring.current in repr(ring)
        assert not [secret for secret in secrets_of(path) if secret in shown]


class TestTokens:
    def test_are_long_random_and_named(self):
        tokens = {new_token("gz_") for _ in range(100)}
        assert len(tokens) == 100
        assert all(token.startswith("gz_") and len(token) == 3 + 43 for token in tokens)

    def test_are_stored_as_their_sha256(self):
        assert hash_token("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
