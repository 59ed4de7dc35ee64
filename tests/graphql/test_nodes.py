"""Objects by their ids: of every type, of another type, of another community."""

import pytest

from gongzhi.core.ids import global_id, new_id, parse_global_id
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.schema import build_schema

#: Types whose objects somebody else than the community's admin reads.
READERS = {"Job": "county_operator"}

#: The root fields that find one object by its id.
ITEMS = {
    "Area": "area",
    "Community": "community",
    "Grid": "grid",
    "Job": "job",
    "MediationCase": "mediationCase",
    "Person": "person",
}


@pytest.fixture(scope="module")
def nodes(kernel):
    return set(Catalogue.of(kernel.plugins, build_schema(kernel.plugins)).nodes)


class TestNode:
    def test_is_sampled_for_every_type(self, nodes, sample):
        """A new type is added to the sample in conftest.py."""
        assert set(sample.ids) == nodes

    async def test_finds_an_object_of_every_type(self, reader, sample):
        for type_name, id_ in sample.ids.items():
            who = reader(READERS.get(type_name, "community_admin"))
            answered = await who.ask("query ($id: ID!) { node(id: $id) { __typename id } }", id=id_)
            assert answered.data["node"] == {"__typename": type_name, "id": id_}

    async def test_finds_nothing_of_another_community(self, client, sample, neighbour):
        """Whether it exists there is nobody's business."""
        elsewhere = {
            name: id_
            for name, id_ in sample.ids.items()
            if name not in ("Area", "Job") and "Mediat" not in name
        }
        assert len(elsewhere) > 6
        for type_name, id_ in elsewhere.items():
            answered = await neighbour.ask("query ($id: ID!) { node(id: $id) { id } }", id=id_)
            assert answered.data == {"node": None}, type_name

    @pytest.mark.parametrize("type_name", ["Nobody", "Query", "UnmaskedPerson", "DrawGridSuccess", "String"])
    async def test_finds_nothing_of_a_type_that_has_no_ids(self, reader, type_name):
        id_ = global_id(type_name, new_id())
        answered = await reader("community_admin").ask(f'{{ node(id: "{id_}") {{ id }} }}')
        assert answered.data == {"node": None}

    async def test_shows_no_person_unmasked(self, reader, sample):
        """That would be a look that no audit entry tells of."""
        _type, row = parse_global_id(sample.ids["Person"])
        id_ = global_id("UnmaskedPerson", row)
        assert (await reader("community_admin").ask(f'{{ node(id: "{id_}") {{ id }} }}')).data == {
            "node": None
        }
        query = f'{{ node(id: "{sample.ids["Person"]}") {{ ... on Person {{ phoneMasked }} }} }}'
        assert (await reader("community_admin").ask(query)).data == {"node": {"phoneMasked": "138****8000"}}

    async def test_needs_what_its_type_needs(self, reader, sample):
        answered = await reader("mediator").ask(f'{{ node(id: "{sample.ids["Person"]}") {{ id }} }}')
        assert (answered.code, answered.body["data"]) == ("FORBIDDEN", {"node": None})

    async def test_is_refused_without_signing_in(self, client, sample):
        assert (await client.ask(f'{{ node(id: "{sample.ids["Area"]}") {{ id }} }}')).code == "NOT_SIGNED_IN"

    @pytest.mark.parametrize("id_", ["", "garbage", "Grid", "1", "Grid:" + "0" * 40])
    async def test_refuses_what_nobody_gave_out(self, reader, id_):
        answered = await reader("community_admin").ask(f'{{ node(id: "{id_}") {{ id }} }}')
        [error] = answered.errors
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "id"}


class TestItems:
    async def test_are_found_by_id(self, reader, sample):
        for type_name, field in ITEMS.items():
            id_ = sample.ids[type_name]
            who = reader(READERS.get(type_name, "community_admin"))
            assert (await who.ask(f'{{ {field}(id: "{id_}") {{ id }} }}')).data == {field: {"id": id_}}

    async def test_of_another_type_are_not_found(self, reader, sample):
        """And nothing is asked of the database about them."""
        for type_name, field in ITEMS.items():
            other = sample.ids["Grid" if type_name != "Grid" else "Area"]
            who = reader(READERS.get(type_name, "community_admin"))
            assert (await who.ask(f'{{ {field}(id: "{other}") {{ id }} }}')).data == {field: None}

    async def test_of_another_community_are_not_found(self, sample, neighbour):
        for type_name in ("Grid", "Person", "Community", "Area"):
            field = ITEMS[type_name]
            answered = await neighbour.ask(f'{{ {field}(id: "{sample.ids[type_name]}") {{ id }} }}')
            assert answered.data == {field: None}

    async def test_tell_a_job_report_from_none(self, reader, sample):
        """A dry run of a file without rows has a report of no complaints; another's job has none to show."""
        query = "query ($id: ID!) { jobReport(id: $id) { content } job(id: $id) { state kind failure } }"
        found = (await reader("county_operator").ask(query, id=sample.ids["Job"])).data
        assert found["job"]["kind"] == "tenants.onboard"
        nothing = (await reader("county_operator").ask(query, id=global_id("Job", new_id()))).data
        assert nothing == {"jobReport": None, "job": None}


class TestToOnes:
    async def test_lead_to_the_object(self, reader, sample):
        query = "{ households { nodes { grid { id } } } here { code parent { code parent { level parent { id } } } } }"
        data = (await reader("community_admin").ask(query)).data
        assert data["households"]["nodes"] == [{"grid": {"id": sample.ids["Grid"]}}]
        place = sample.place
        assert data["here"] == {
            "code": place.community,
            "parent": {"code": place.street, "parent": {"level": "COUNTY", "parent": None}},
        }

    async def test_lead_nowhere_where_there_is_none(self, reader):
        data = (
            await reader("mediator").ask("{ mediationCases { nodes { grid { id } mediator { name } } } }")
        ).data
        assert data["mediationCases"]["nodes"] == [{"grid": None, "mediator": {"name": "试调解员"}}]

    async def test_need_what_their_type_needs(self, reader):
        """The field is null and says why; what stands beside it is answered."""
        query = "{ communities { nodes { blueprint area { name } } } }"
        answered = await reader("auditor").ask(query)
        assert answered.data["communities"]["nodes"][0]["area"] is not None
