"""Where a request works: what needs a community, what county and street may read, what is switched off."""

import pytest

from gongzhi.core.tables import Kind, belongs
from gongzhi.graphql.catalogue import readings_of
from gongzhi.graphql.schema import build_schema

#: The lists of rows that belong to one community, and of those that its ancestors may read.
TENANT_LISTS = {
    "Household": "households",
    "MediationCase": "mediationCases",
    "Person": "persons",
    "PluginSwitch": "pluginSwitches",
}
UPWARD_LISTS = {
    "Grid": "grids",
    "MediationTally": "mediationTallies",
    "Mediator": "mediators",
    "ProfileFigure": "profileFigures",
}


@pytest.fixture
def stranger(client, county, token_for):
    """The operator of another county."""
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def admin_of(client, county, token_for):
    """Clients of the admins of the county's communities."""
    clients = {code: client.as_(token_for("community_admin", code)) for code in county.communities}
    return clients.__getitem__


def kinds(kernel, kind):
    readings = readings_of(build_schema(kernel.plugins))
    return {reading.name for reading in readings if belongs(reading.model.__table__).kind is kind}


class TestTenantRows:
    def test_with_a_list_are_all_named_here(self, kernel, schema):
        lists = {str(field.type): name for name, field in schema.query_type.fields.items()}
        listed = {name: lists.get(f"{name}Connection") for name in kinds(kernel, Kind.TENANT)}
        assert {name: field for name, field in listed.items() if field} == TENANT_LISTS

    @pytest.mark.parametrize("field", TENANT_LISTS.values())
    @pytest.mark.parametrize("role", ["county_operator", "integrator", "street_dispatcher"])
    async def test_need_a_community_and_are_never_an_empty_list(self, reader, field, role):
        answered = await reader(role).ask(f"{{ {field} {{ totalCount }} }}")
        assert (answered.code, answered.body["data"]) == ("SCOPE_NEEDS_COMMUNITY", {field: None})
        assert answered.errors[0]["path"] == [field]

    async def test_need_a_community_by_id_as_well(self, reader, sample):
        for type_name in TENANT_LISTS:
            query = f'{{ node(id: "{sample.ids[type_name]}") {{ id }} }}'
            assert (await reader("integrator").ask(query)).code == "SCOPE_NEEDS_COMMUNITY"

    async def test_leave_the_rest_of_the_document_standing(self, reader):
        answered = await reader("integrator").ask("{ households { totalCount } grids { totalCount } }")
        assert answered.body["data"] == {"households": None, "grids": {"totalCount": 1}}

    async def test_are_read_by_a_grant_from_above_in_the_community_itself(self, reader, sample):
        """Grants reach down: the scope header names the community, the role says what may be read there."""
        inside = reader("integrator", sample.place.community)
        assert (await inside.ask("{ mediationCases { totalCount } }")).data == {
            "mediationCases": {"totalCount": 1}
        }

    @pytest.mark.parametrize("mutation", ["drawGrid", "enablePlugin", "appointMediator"])
    async def test_are_written_in_a_community_alone(self, reader, mutation):
        told = {
            "drawGrid": '{number: 9, name: "九"}',
            "enablePlugin": '{plugin: "mediation"}',
            "appointMediator": '{name: "试", appointedOn: "2020-01-01", termEndsOn: "2099-01-01"}',
        }
        query = f"mutation {{ {mutation}(input: {told[mutation]}) {{ __typename }} }}"
        answered = await reader("county_operator").ask(query)
        assert (answered.code, answered.body["data"]) == ("SCOPE_NEEDS_COMMUNITY", {mutation: None})


class TestUpwardRows:
    def test_with_a_list_are_all_named_here(self, kernel, schema):
        lists = {str(field.type): name for name, field in schema.query_type.fields.items()}
        listed = {name: lists.get(f"{name}Connection") for name in kinds(kernel, Kind.UPWARD)}
        assert {name: field for name, field in listed.items() if field} == UPWARD_LISTS

    @pytest.mark.parametrize("field", UPWARD_LISTS.values())
    @pytest.mark.parametrize("role", ["county_operator", "street_dispatcher", "community_admin"])
    async def test_are_read_from_county_street_and_community(self, reader, field, role):
        answered = await reader(role).ask(f"{{ {field} {{ totalCount nodes {{ id }} }} }}")
        assert answered.data[field]["totalCount"] == len(answered.data[field]["nodes"]) == 1

    async def test_are_read_by_id_from_above(self, reader, sample):
        for type_name in (*UPWARD_LISTS, "GridVersion"):
            id_ = sample.ids[type_name]
            answered = await reader("county_operator").ask(f'{{ node(id: "{id_}") {{ id }} }}')
            assert answered.data == {"node": {"id": id_}}

    async def test_of_another_county_are_not_read(self, stranger, sample):
        """The list is empty there, the id finds nothing."""
        answered = await stranger.ask(
            f'{{ grids {{ totalCount }} node(id: "{sample.ids["Grid"]}") {{ id }} }}'
        )
        assert answered.data == {"grids": {"totalCount": 0}, "node": None}

    async def test_are_not_read_from_the_community_beside(self, neighbour):
        assert (await neighbour.ask("{ grids { totalCount } }")).data == {"grids": {"totalCount": 0}}

    @pytest.mark.parametrize("role", ["county_operator", "street_dispatcher"])
    async def test_show_the_tree_of_the_scope(self, reader, sample, role):
        found = (await reader(role).ask("{ areas(order: TREE) { nodes { code } } here { code } }")).data
        place = sample.place
        codes = [place.street, *place.communities]
        if role == "county_operator":
            codes = [place.county, *codes]
        assert [node["code"] for node in found["areas"]["nodes"]] == codes
        assert found["here"] == {"code": codes[0]}

    async def test_show_the_communities_of_the_scope(self, reader):
        query = "{ communities { totalCount nodes { state blueprint version } } }"
        found = (await reader("street_dispatcher").ask(query)).data["communities"]
        assert found["totalCount"] == 2
        assert found["nodes"] == [{"state": "ACTIVE", "blueprint": "standard", "version": 1}] * 2


class TestNodeRows:
    async def test_are_those_of_the_scope_itself(self, reader):
        """A county's audit is not its communities', nor theirs the county's."""
        inside = (await reader("community_admin").ask("{ audit(first: 100) { nodes { action } } }")).data[
            "audit"
        ]
        actions = {node["action"] for node in inside["nodes"]}
        assert "tenants.grids.draw" in actions
        above = (await reader("auditor").ask("{ audit(first: 100) { nodes { action } } }")).data["audit"]
        assert "tenants.grids.draw" not in {node["action"] for node in above["nodes"]}

    async def test_of_jobs_are_watched_where_they_were_started(self, reader, sample):
        found = (await reader("county_operator").ask("{ jobs { nodes { id } } }")).data["jobs"]
        assert found["nodes"] == [{"id": sample.ids["Job"]}]
        assert (await reader("community_admin").ask("{ jobs { nodes { id } } }")).data["jobs"]["nodes"] == []


class TestSwitchedOffPlugin:
    FIELDS = ("mediationCases { totalCount }", "mediators { totalCount }", "mediationTallies { totalCount }")

    async def test_answers_with_its_code_and_the_rest_is_answered(self, neighbour, sample):
        answered = await neighbour.ask(
            f"{{ grids {{ totalCount }} {' '.join(self.FIELDS)} me {{ plugins }} }}"
        )
        assert [(error["extensions"]["code"], error["path"]) for error in answered.errors] == [
            ("PLUGIN_DISABLED", ["mediationCases"]),
            ("PLUGIN_DISABLED", ["mediators"]),
            ("PLUGIN_DISABLED", ["mediationTallies"]),
        ]
        assert answered.errors[0]["message"] == "本社区尚未启用“mediation”模块，社区管理员可在“模块”中启用"
        assert answered.body["data"]["grids"] == {"totalCount": 0}
        assert answered.body["data"]["me"] == {"plugins": []}

    async def test_is_silent_by_alias_and_by_id(self, neighbour, sample):
        answered = await neighbour.ask("{ all: mediationCases { totalCount } }")
        assert (answered.code, answered.errors[0]["path"]) == ("PLUGIN_DISABLED", ["all"])
        for type_name in ("MediationCase", "MediationParty", "MediationTally", "Mediator"):
            answered = await neighbour.ask(f'{{ node(id: "{sample.ids[type_name]}") {{ id }} }}')
            assert (answered.code, answered.errors[0]["path"]) == ("PLUGIN_DISABLED", ["node"])

    async def test_takes_no_command(self, neighbour):
        told = '{name: "试", appointedOn: "2020-01-01", termEndsOn: "2099-01-01"}'
        query = f"mutation {{ appointMediator(input: {told}) {{ __typename }} }}"
        answered = await neighbour.ask(query)
        assert (answered.code, answered.body["data"]) == ("PLUGIN_DISABLED", {"appointMediator": None})

    async def test_works_again_at_once_when_it_is_switched_on(self, county, admin_of):
        """No restart; and the community beside notices nothing."""
        query = "{ mediators { totalCount } }"
        first, second = admin_of(county.communities[0]), admin_of(county.communities[1])
        switch = 'mutation { %s(input: {plugin: "mediation"}) { __typename } }'
        assert (await first.ask(switch % "disablePlugin")).data["disablePlugin"][
            "__typename"
        ] == "DisablePluginSuccess"
        assert (await first.ask(query)).code == "PLUGIN_DISABLED"
        assert (await second.ask(query)).data == {"mediators": {"totalCount": 0}}
        assert (await first.ask(switch % "enablePlugin")).data["enablePlugin"][
            "__typename"
        ] == "EnablePluginSuccess"
        assert (await first.ask(query)).data == {"mediators": {"totalCount": 0}}

    async def test_is_counted_above_by_what_the_communities_have_told(self, reader):
        """In a range each community has decided for itself; what was told while it was on is read."""
        found = (await reader("county_operator").ask("{ mediationTallies { nodes { accepted } } }")).data
        assert found["mediationTallies"]["nodes"] == [{"accepted": None}]


class TestNobody:
    @pytest.mark.parametrize(
        "query",
        [
            "{ me { permissions } }",
            "{ here { name } }",
            "{ grids { totalCount } }",
            "{ mediationCases { totalCount } }",
            'mutation { enablePlugin(input: {plugin: "mediation"}) { __typename } }',
        ],
    )
    async def test_is_asked_to_sign_in(self, client, query):
        answered = await client.ask(query)
        assert (answered.status, answered.code) == (200, "NOT_SIGNED_IN")
        assert set(answered.body["data"].values()) == {None}

    async def test_may_ask_what_is_no_secret(self, client):
        answered = await client.ask("{ version __typename __schema { queryType { name } } }")
        assert answered.data["__typename"] == "Query"
        assert answered.data["__schema"] == {"queryType": {"name": "Query"}}

    async def test_with_a_bad_token_is_refused_whole(self, client):
        answered = await client.as_("gz_" + "x" * 43).ask("{ version }")
        assert (answered.status, answered.code, answered.body["data"]) == (401, "NOT_SIGNED_IN", None)


class TestMe:
    async def test_tells_roles_permissions_and_plugins(self, reader, kernel):
        me = (await reader("mediator").ask("{ me { roles { code zh en } permissions plugins } }")).data["me"]
        assert me["roles"] == [{"code": "mediator", "zh": "人民调解员", "en": "mediator"}]
        assert me["permissions"] == sorted(kernel.roles.allowed("mediator"))
        assert me["plugins"] == ["mediation"]

    async def test_tells_what_a_grant_from_above_allows_here(self, reader, sample):
        me = (await reader("integrator", sample.place.community).ask("{ me { roles { code } } }")).data["me"]
        assert me["roles"] == [{"code": "integrator"}]
