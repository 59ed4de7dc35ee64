"""Of persons little is kept, sealed and masked; a look behind the mask is on record, a withdrawn consent is heeded."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from gongzhi.core.api import Invalid, NotFound, global_id, parse_global_id
from gongzhi.core.commands import understand
from gongzhi.tenants import desk
from gongzhi.tenants.models import Person
from gongzhi.tenants.service.persons import (
    GuardianMissing,
    Persons,
    RegisterPerson,
)

# Numbers of nobody: the division 999999 does not exist.
PHONE, ID_NUMBER = "13800000000", "999999199001010016"


async def register(working, code=None, **told):
    async with working("community_officer", code) as work:
        return await Persons(work).register(RegisterPerson(**{"display_name": "试人员"} | told))


class TestRegister:
    async def test_seals_what_identifies(self, working, kernel, county, rows_of):
        """Not a byte of phone or identity number stands in the row, in no spelling."""
        await register(working, phone=PHONE, id_number=ID_NUMBER)

        [(row,)] = rows_of(
            kernel, "select p::text from tenants.person p where tenant_id = %s", county.scope().node
        )
        for text in (PHONE, ID_NUMBER, PHONE[3:], ID_NUMBER[6:14]):
            assert text not in row
            assert text.encode().hex() not in row

    async def test_opens_again_for_this_community_and_field_alone(self, working, kernel, county):
        person = await register(working, phone=PHONE)
        tenant = county.scope().node

        assert kernel.keys.open(person.phone_sealed, tenant=tenant, field="person.phone") == PHONE

    async def test_takes_a_number_in_any_spelling(self, working):
        """One number, one index, however it was written."""
        spelt = [
            await register(working, phone=text) for text in (PHONE, "138 0000 0000", "+86 138-0000-0000")
        ]

        assert len({person.phone_index for person in spelt}) == 1

    async def test_indexes_by_community(self, working, county):
        """Equal numbers are found within one community and can't be matched across two."""
        here = [await register(working, phone=PHONE, id_number=ID_NUMBER) for _ in range(2)]
        there = await register(working, county.communities[1], phone=PHONE, id_number=ID_NUMBER)

        assert here[0].phone_index == here[1].phone_index
        assert here[0].id_number_index == here[1].id_number_index
        assert here[0].phone_index != there.phone_index
        assert here[0].id_number_index != there.id_number_index
        assert here[0].phone_sealed != here[1].phone_sealed

    async def test_keeps_nothing_it_is_not_told(self, working):
        person = await register(working)

        kept = (person.phone_sealed, person.phone_index, person.id_number_sealed, person.id_number_index)
        assert kept == (None, None, None, None)

    @pytest.mark.parametrize(
        ("told", "path"),
        [
            ({"phone": "12345"}, "phone"),
            ({"phone": ""}, "phone"),
            ({"id_number": "999999199001010015"}, "idNumber"),
            ({"id_number": "999999199013010014"}, "idNumber"),
        ],
    )
    async def test_refuses_a_number_that_is_none(self, told, path, working, looking):
        """And does not repeat it."""
        with pytest.raises(Invalid) as refused:
            await register(working, **told)

        assert refused.value.path == path
        assert not (number := next(iter(told.values()))) or number not in str(refused.value)
        async with looking("community_officer") as work:
            assert (await work.session.scalars(select(Person))).all() == []

    @pytest.mark.parametrize(
        ("told", "path"),
        [
            ({"display_name": "   "}, "displayName"),
            ({"display_name": "甲" * 61}, "displayName"),
            ({"display_name": "甲", "birth_band": "7"}, "birthBand"),
            ({"display_name": "甲", "birth_band": "1990-01-01"}, "birthBand"),
            ({"display_name": "甲", "ethnicity": "汉"}, None),
            ({"display_name": "甲", "religion": "无"}, None),
        ],
    )
    def test_asks_for_no_more_than_the_work_needs(self, told, path):
        with pytest.raises(Invalid) as refused:
            understand(RegisterPerson, told)

        assert refused.value.path == path


class TestGuardian:
    async def test_is_needed_under_fourteen(self, working, looking):
        with pytest.raises(GuardianMissing) as refused:
            await register(working, birth_band="0-13")

        assert (refused.value.code, refused.value.path) == ("PERSON_GUARDIAN_MISSING", "guardianId")
        async with looking("community_officer") as work:
            assert (await work.session.scalars(select(Person))).all() == []

    async def test_is_on_record(self, working):
        guardian = await register(working, birth_band="18-59")

        child = await register(working, birth_band="0-13", guardian_id=guardian.id)

        assert child.guardian_id == guardian.id

    @pytest.mark.parametrize("band", ["14-17", "18-59", "60+", None])
    async def test_is_not_needed_from_fourteen_on(self, band, working):
        assert (await register(working, birth_band=band)).guardian_id is None

    async def test_is_no_child(self, working):
        guardian = await register(working)
        child = await register(working, birth_band="0-13", guardian_id=guardian.id)

        with pytest.raises(GuardianMissing):
            await register(working, birth_band="0-13", guardian_id=child.id)

    async def test_is_somebody_of_this_community(self, working, county):
        elsewhere = await register(working, county.communities[1])

        for guardian_id in (elsewhere.id, uuid4()):
            with pytest.raises(NotFound, match="No such Person"):
                await register(working, birth_band="0-13", guardian_id=guardian_id)


@pytest.fixture
def admin(client, token_for, county):
    return client.as_(token_for("community_admin", county.community))


async def registered(admin, **told):
    """The id of a person with phone and identity number, registered through GraphQL."""
    person = {"displayName": "试人员", "phone": PHONE, "idNumber": ID_NUMBER} | told
    payload = await admin.do("registerPerson", person, read="person { id }")
    return payload["person"]["id"]


class TestReading:
    async def test_is_masked(self, admin):
        person = await registered(admin)

        seen = await admin.ask(
            "query($id: ID!) { person(id: $id) { phoneMasked idNumberMasked } }", id=person
        )

        assert seen.data["person"] == {"phoneMasked": "138****0000", "idNumberMasked": "*" * 16 + "16"}

    async def test_masks_in_every_list(self, admin):
        await registered(admin)

        listed = await admin.ask("{ persons { nodes { displayName phoneMasked idNumberMasked } } }")

        assert PHONE not in str(listed.body)
        assert ID_NUMBER not in str(listed.body)

    async def test_has_no_field_for_the_number(self, admin):
        assert (await admin.ask("{ persons { nodes { phone } } }")).code == "GRAPHQL_INVALID"

    async def test_is_the_community_s_own(self, client, kernel, admin, county):
        person = await registered(admin)
        token = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        neighbour = client.as_(token)

        seen = await neighbour.ask("query($id: ID!) { person(id: $id) { displayName } }", id=person)

        assert seen.data == {"person": None}
        assert (await neighbour.ask("{ persons { totalCount } }")).data["persons"]["totalCount"] == 0

    async def test_is_not_the_county_s(self, client, kernel, admin, county):
        """A county sees no community's persons, not even their number."""
        await registered(admin)
        token = await desk.create_token(kernel, county.county, label="x", role="county_operator")

        for scope, code in ((county.county, "SCOPE_NEEDS_COMMUNITY"), (county.community, "FORBIDDEN")):
            seen = await client.as_(token, scope=scope).ask("{ persons { totalCount } }")
            assert seen.code == code


class TestUnmask:
    async def unmask(self, admin, person, reason="核对调解当事人电话"):
        told = {"personId": person, "reason": reason}
        return await admin.do("unmaskPerson", told, read="person { phone idNumber }")

    async def test_shows_the_numbers_in_full(self, admin):
        payload = await self.unmask(admin, await registered(admin))

        assert payload["person"] == {"phone": PHONE, "idNumber": ID_NUMBER}

    async def test_is_on_record(self, admin, kernel, county, rows_of):
        """Who looked at whom; neither the number nor the reason's words."""
        person = await registered(admin)
        await self.unmask(admin, person)
        await self.unmask(admin, person)

        seen = rows_of(
            kernel,
            "select e.token_id is not null, e.subject_type, p.display_name, e.fields, e.outcome from core.audit e "
            "join tenants.person p on p.id = e.subject_id where e.scope_id = %s and action = 'tenants.persons.unmask'",
            county.scope().node,
        )
        assert seen == [(True, "Person", "试人员", ["person_id", "reason"], "done")] * 2

    async def test_needs_a_reason(self, admin, kernel, county, rows_of):
        payload = await self.unmask(admin, await registered(admin), reason="看看")

        assert (payload["code"], payload["path"]) == ("INVALID_INPUT", "reason")
        seen = "select 1 from core.audit where scope_id = %s and action = 'tenants.persons.unmask'"
        assert rows_of(kernel, seen, county.scope().node) == []

    async def test_is_not_the_officer_s(self, client, kernel, county, admin):
        """Who registers a number need not be able to read it again."""
        person = await registered(admin)
        token = await desk.create_token(kernel, county.community, label="x", role="community_officer")

        payload = await self.unmask(client.as_(token), person)

        assert payload["code"] == "FORBIDDEN"
        assert PHONE not in str(payload)

    async def test_is_not_possible_by_the_object_s_id(self, admin):
        """An unmasked person is read by unmasking alone, never by ``node``: every look is on record."""
        person = await registered(admin)
        forged = global_id("UnmaskedPerson", parse_global_id(person)[1])

        for object_id in (person, forged):
            seen = await admin.ask("query($id: ID!) { node(id: $id) { __typename } }", id=object_id)
            assert seen.data["node"] in (None, {"__typename": "Person"})
        by_type = "query($id: ID!) { node(id: $id) { ... on UnmaskedPerson { phone } } }"
        assert PHONE not in str((await admin.ask(by_type, id=person)).body)
