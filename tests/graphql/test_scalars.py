"""Numbers, days, moments and codes, as they stand in JSON."""

import datetime as dt
from decimal import Decimal

import pytest
from graphql import GraphQLError, GraphQLScalarType

from gongzhi.graphql.scalars import SCALARS


class TestOutput:
    async def test_of_a_figure_is_exact(self, reader):
        """A Decimal is text: a JSON number would pass through a float on its way."""
        query = "{ profileFigures { nodes { value asOf recordedAt } } }"
        [figure] = (await reader("community_admin").ask(query)).data["profileFigures"]["nodes"]
        assert (figure["value"], figure["asOf"]) == ("1234.5", "2025-12-31")
        recorded = dt.datetime.fromisoformat(figure["recordedAt"])
        assert recorded.utcoffset() is not None

    async def test_of_codes_is_their_name_and_of_counts_a_number(self, reader):
        query = "{ mediationCases { nodes { state category source version } totalCount } }"
        found = (await reader("mediator").ask(query)).data["mediationCases"]
        assert found["nodes"] == [
            {"state": "AGREED", "category": "NEIGHBOURS", "source": "APPLICATION", "version": 5}
        ]
        assert found["totalCount"] == 1

    async def test_of_a_list_of_texts_is_a_list(self, reader):
        query = "{ persons { nodes { consents { dataKinds purpose separate givenAt withdrawnAt } } } }"
        [person] = (await reader("community_admin").ask(query)).data["persons"]["nodes"]
        [consent] = person["consents"]
        assert consent["dataKinds"] == ["photo"]
        assert (consent["purpose"], consent["separate"], consent["withdrawnAt"]) == (
            "PUBLICATION",
            False,
            None,
        )


class TestDecimal:
    parse = staticmethod(SCALARS[Decimal].parse_value)

    @pytest.mark.parametrize(
        ("told", "number"), [("14.88", "14.88"), (3, "3"), (0.1, "0.1"), ("-1E+2", "-100")]
    )
    def test_is_read_from_text_and_number(self, told, number):
        assert self.parse(told) == Decimal(number)

    @pytest.mark.parametrize("told", ["", "一", "NaN", "Infinity", "-inf", True, None, [], {}, float("nan")])
    def test_is_finite(self, told):
        with pytest.raises(GraphQLError, match="Decimal"):
            self.parse(told)


class TestMoment:
    parse = staticmethod(SCALARS[dt.datetime].parse_value)

    @pytest.mark.parametrize("told", ["2026-03-02T10:00:00+08:00", "2026-03-02T02:00:00Z"])
    def test_has_an_offset(self, told):
        assert self.parse(told) == dt.datetime(2026, 3, 2, 2, tzinfo=dt.UTC)

    @pytest.mark.parametrize("told", ["2026-03-02T10:00:00", "2026-03-02", "", "now", 1, None])
    def test_without_offset_is_refused(self, told):
        """It could be an hour of anywhere."""
        with pytest.raises(GraphQLError, match="offset"):
            self.parse(told)

    async def test_without_offset_is_the_clients_to_mend(self, reader):
        query = '{ mediationCases(filter: {receivedAt: {since: "2026-03-02T10:00:00"}}) { totalCount } }'
        assert (await reader("mediator").ask(query)).code == "GRAPHQL_INVALID"

    async def test_bounds_a_list(self, reader):
        query = '{ mediationCases(filter: {receivedAt: {%s: "2020-01-01T00:00:00+08:00"}}) { totalCount } }'
        assert (await reader("mediator").ask(query % "since")).data["mediationCases"]["totalCount"] == 1
        assert (await reader("mediator").ask(query % "until")).data["mediationCases"]["totalCount"] == 0


class TestDay:
    parse = staticmethod(SCALARS[dt.date].parse_value)

    def test_is_read(self):
        assert self.parse("2026-03-02") == dt.date(2026, 3, 2)

    @pytest.mark.parametrize("told", ["2026-02-30", "2026-3-2", "", 20260302, None])
    def test_that_is_none_is_refused(self, told):
        with pytest.raises(GraphQLError, match="Date"):
            self.parse(told)


class TestScalars:
    def test_used_are_these_and_graphqls_own(self, schema):
        used = {name for name, kind in schema.type_map.items() if isinstance(kind, GraphQLScalarType)}
        assert used == {"Boolean", "Date", "DateTime", "Decimal", "ID", "Int", "String"}
