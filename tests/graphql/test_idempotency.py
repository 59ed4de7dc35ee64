"""A command's key: the same again gives the first result again, whatever happened in between."""

import asyncio

import pytest
import structlog.testing

from gongzhi.core.db import UnitOfWork
from gongzhi.tenants import desk

CASE = (
    'title: "邻里通行", category: NEIGHBOURS, facts: "两家争执", '
    'parties: [{side: APPLICANT, name: "甲方"}, {side: RESPONDENT, name: "乙方"}]'
)


class TestIdempotencyKey:
    KEY = "key-of-the-test"

    async def test_gives_the_first_result_again_and_does_nothing(self, admin, held):
        told = {"number": 1, "name": "一"}
        first = await admin.do("drawGrid", told, key=self.KEY, read="grid { id }")
        once = await held()
        assert await admin.do("drawGrid", told, key=self.KEY, read="grid { id }") == first
        after = await held()
        assert len(after.pop("audit")) == len(once.pop("audit")) + 1
        assert after == once
        assert len(once["Grid"]) == 1

    async def test_of_two_at_once_acts_once(self, admin, held):
        told = {"number": 1, "name": "一"}
        calls = (admin.do("drawGrid", told, key=self.KEY, read="grid { id }") for _ in range(3))
        first, second, third = await asyncio.gather(*calls)
        assert first == second == third
        after = await held()
        assert (len(after["Grid"]), len(after["outbox"]), len(after["audit"])) == (1, 1, 3)

    async def test_with_other_input_is_refused(self, admin):
        await admin.do("drawGrid", {"number": 1, "name": "一"}, key=self.KEY)
        problem = await admin.do("drawGrid", {"number": 2, "name": "一"}, key=self.KEY)
        assert (problem["code"], problem["path"]) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")

    async def test_with_another_selection_reads_what_is_asked_now(self, admin, held):
        """Kept is which object came of it; what of it is shown is each request's own."""
        told = {"number": 1, "name": "一"}
        first = await admin.do("drawGrid", told, key=self.KEY, read="grid { id }")
        again = await admin.do("drawGrid", told, key=self.KEY, read="grid { id code versions { bounds } }")
        assert again["grid"]["id"] == first["grid"]["id"]
        assert again["grid"]["versions"] == [{"bounds": None}]
        assert len((await held())["Grid"]) == 1

    async def test_of_another_caller_is_another(self, client, admin, county, kernel, held):
        other = await desk.create_token(kernel, county.community, label="other", role="community_admin")
        assert "grid" in await admin.do(
            "drawGrid", {"number": 1, "name": "一"}, key=self.KEY, read="grid { id }"
        )
        told = {"number": 2, "name": "二"}
        assert "grid" in await client.as_(other).do("drawGrid", told, key=self.KEY, read="grid { id }")
        assert len((await held())["Grid"]) == 2

    async def test_is_free_after_a_crash_before_the_commit(self, admin, held, monkeypatch):
        """The process is gone in the last moment, and PostgreSQL rolls back what it had done."""

        async def crash(work):
            await work.keep_records()
            work.session.info["driver"].terminate()
            await work.session.commit()

        told = {"number": 1, "name": "一"}
        with monkeypatch.context() as patched, structlog.testing.capture_logs():
            patched.setattr(UnitOfWork, "commit", crash)
            ask = f'mutation {{ drawGrid(input: {{number: 1, name: "一"}}, idempotencyKey: "{self.KEY}") {{ __typename }} }}'
            assert (await admin.ask(ask)).code == "UNEXPECTED"
        assert (await held())["Grid"] == []
        assert "grid" in await admin.do("drawGrid", told, key=self.KEY, read="grid { id }")
        assert len((await held())["Grid"]) == 1

    async def test_of_an_answer_that_was_lost_tells_it_again(self, admin, held, monkeypatch):
        """Committed, and the process is gone before a byte is sent."""
        told = {"number": 1, "name": "一"}
        committed = UnitOfWork.commit

        async def commit_and_crash(work):
            await committed(work)
            raise RuntimeError

        with monkeypatch.context() as patched, structlog.testing.capture_logs():
            patched.setattr(UnitOfWork, "commit", commit_and_crash)
            ask = f'mutation {{ drawGrid(input: {{number: 1, name: "一"}}, idempotencyKey: "{self.KEY}") {{ __typename }} }}'
            assert (await admin.ask(ask)).code == "UNEXPECTED"
        assert "grid" in await admin.do("drawGrid", told, key=self.KEY, read="grid { id }")
        assert len((await held())["Grid"]) == 1

    async def test_may_be_used_again_after_a_refusal(self, admin):
        """Refusals are not kept: what was mended is done."""
        await admin.do("drawGrid", {"number": 1, "name": "一"})
        refused = await admin.do("drawGrid", {"number": 1, "name": "一"}, key=self.KEY)
        assert refused["code"] == "GRID_NUMBER_TAKEN"
        assert "grid" in await admin.do(
            "drawGrid", {"number": 2, "name": "一"}, key=self.KEY, read="grid { id }"
        )

    async def test_is_forgotten_when_the_payload_failed(self, who, held):
        """What was rolled back was not the first result."""
        read = "... on OpenMediationCaseSuccess { mediationCase { %s } }"
        ask = (
            f'mutation {{ openMediationCase(input: {{{CASE}}}, idempotencyKey: "{self.KEY}") {{ {read} }} }}'
        )
        assert (await who["grid_worker"].ask(ask % "title")).code == "FORBIDDEN"
        assert (await who["grid_worker"].ask(ask % "id")).data["openMediationCase"]["mediationCase"]["id"]
        assert len((await held())["Case"]) == 1

    @pytest.mark.parametrize("key", ["", "short", "x" * 201, "key\\u0000of-the-test"])
    async def test_has_eight_to_two_hundred_characters(self, admin, held, key):
        problem = await admin.do("drawGrid", {"number": 1, "name": "一"}, key=key)
        assert (problem["code"], problem["path"]) == ("INVALID_INPUT", "idempotencyKey")
        assert not any((await held()).values())
