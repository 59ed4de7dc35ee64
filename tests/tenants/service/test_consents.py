"""A consent is kept as it was given; withdrawn, it is heeded and not asked for again too soon."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gongzhi.core.api import NotFound, Stale, WrongState, global_id
from gongzhi.core.testing import Name
from gongzhi.tenants import desk
from gongzhi.tenants.models import Consent, Purpose
from gongzhi.tenants.service.persons import (
    AskedTooSoon,
    Consents,
    GiveConsent,
    Persons,
    RegisterPerson,
    WithdrawConsent,
)


async def register(working, code=None, **told):
    async with working("community_officer", code) as work:
        return await Persons(work).register(RegisterPerson(display_name="试人员", **told))


async def consent(working, person, purpose=Purpose.PUBLICATION):
    async with working("community_officer") as work:
        given = GiveConsent(
            person_id=person.id,
            purpose=purpose,
            data_kinds=["photo"],
            wording="2026-1",
            method="signed",
            separate=True,
        )
        return await Consents(work).give(given)


async def withdraw(working, given, version=1):
    async with working("community_officer") as work:
        return await Consents(work).withdraw(WithdrawConsent(consent_id=given.id, version=version))


class TestConsent:
    async def test_is_kept_as_it_was_given(self, working, fixed_clock):
        given = await consent(working, await register(working))

        assert (given.purpose, given.data_kinds, given.wording) == (Purpose.PUBLICATION, ["photo"], "2026-1")
        assert (given.method, given.separate, given.withdrawn_at) == ("signed", True, None)
        assert given.given_at == fixed_clock.now()

    async def test_is_given_by_a_person_of_this_community(self, working, county):
        elsewhere = await register(working, county.communities[1])

        with pytest.raises(NotFound):
            await consent(working, elsewhere)


class TestWithdraw:
    async def test_is_told_to_whoever_acted_on_it(self, working, kernel, county, rows_of, fixed_clock):
        person = await register(working)
        given = await consent(working, person)
        fixed_clock.advance(days=3)

        withdrawn = await withdraw(working, given)

        assert (withdrawn.withdrawn_at, withdrawn.version) == (fixed_clock.now(), 2)
        told = "select payload from core.outbox where scope_id = %s and name = 'tenants.consent_withdrawn/1'"
        assert rows_of(kernel, told, county.scope().node) == [
            ({"person_id": str(person.id), "purpose": "publication"},)
        ]

    async def test_keeps_what_was(self, working, looking, fixed_clock):
        """What was done before is not undone (《个人信息保护法》第十五条)."""
        given = await consent(working, await register(working))
        await withdraw(working, given)

        async with looking("community_officer") as work:
            kept = (await work.session.scalars(select(Consent))).one()
        assert (kept.given_at, kept.data_kinds) == (given.given_at, ["photo"])

    async def test_twice_is_no_step(self, working):
        given = await consent(working, await register(working))
        await withdraw(working, given)

        with pytest.raises(WrongState):
            await withdraw(working, given, version=2)
        with pytest.raises(Stale):
            await withdraw(working, given, version=1)


class TestAskedAgain:
    @pytest.mark.parametrize("days", [0, 1, 179])
    async def test_too_soon_is_refused(self, days, working, looking, fixed_clock):
        """Not within 180 days; the message says from which day on."""
        person = await register(working)
        await withdraw(working, await consent(working, person))
        fixed_clock.advance(days=days)

        with pytest.raises(AskedTooSoon, match="before 2026-08-29"):
            await consent(working, person)

        async with looking("community_officer") as work:
            assert len((await work.session.scalars(select(Consent))).all()) == 1

    async def test_is_allowed_from_the_day_the_message_names(self, working, fixed_clock):
        """From its first minute in Shanghai, whatever the hour of the withdrawal."""
        person = await register(working)
        await withdraw(working, await consent(working, person))
        assert date(2026, 3, 2) + timedelta(days=180) == date(2026, 8, 29)
        fixed_clock.advance(days=180, hours=-10, minutes=-1)
        with pytest.raises(AskedTooSoon):
            await consent(working, person)
        fixed_clock.advance(minutes=1)

        assert (await consent(working, person)).withdrawn_at is None

    async def test_for_another_purpose_is_another_question(self, working):
        person = await register(working)
        await withdraw(working, await consent(working, person))

        assert (await consent(working, person, Purpose.CARE_RECORD)).purpose == Purpose.CARE_RECORD

    async def test_of_another_person_is_another_question(self, working):
        await withdraw(working, await consent(working, await register(working)))

        assert (await consent(working, await register(working))).version == 1

    async def test_counts_from_the_latest_withdrawal(self, working, fixed_clock):
        person = await register(working)
        await withdraw(working, await consent(working, person))
        fixed_clock.advance(days=200)
        await withdraw(working, await consent(working, person))
        fixed_clock.advance(days=179)

        with pytest.raises(AskedTooSoon):
            await consent(working, person)

    async def test_is_told_through_graphql_as_a_problem(self, working, client, kernel, county):
        person = await register(working)
        await withdraw(working, await consent(working, person))
        officer = client.as_(
            await desk.create_token(kernel, county.community, label="x", role="community_officer")
        )
        told = {
            "personId": global_id("Person", person.id),
            "purpose": Name("PUBLICATION"),
            "dataKinds": ["photo"],
            "wording": "2026-1",
            "method": "signed",
        }

        payload = await officer.do("giveConsent", told)

        assert (payload["code"], payload["path"]) == ("CONSENT_ASKED_TOO_SOON", "purpose")
