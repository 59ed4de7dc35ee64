"""``POST /graphql`` as bytes: what is refused, what an error tells, what is left behind in the pool."""

import json

import pytest
import structlog.testing

from gongzhi.core.db import UnitOfWork
from gongzhi.core.errors import Refusal
from gongzhi.core.roles import DatabaseRole
from gongzhi.graphql import http, requests
from gongzhi.graphql.requests import credentials_of, headers_of, language_of


async def post(client, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.http.post("/graphql", content=content, headers=client.headers | headers)


def only_error(response):
    [error] = response.json()["errors"]
    return error


class TestBody:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b'"{ version }"',
            b"{}",
            b'{"query": null}',
            b'{"query": 1}',
            b'{"query": ""}',
            b'{"query": "{ version }", "variables": []}',
            b'[{"query": "{ version }"}]',
            b'{"query": "\xff\xfe"}',
            b"[" * 50_000,
            b"query={ version }",
        ],
    )
    async def test_that_is_no_request_is_refused(self, client, body):
        response = await post(client, body)
        assert (response.status_code, only_error(response)["extensions"]) == (
            400,
            {"code": "REQUEST_MALFORMED"},
        )
        assert response.json()["data"] is None

    async def test_that_is_too_large_is_refused(self, client, monkeypatch):
        """Before it is read to its end."""
        monkeypatch.setattr(http, "LARGEST_OF_NOBODY", 1000)
        assert (await post(client, {"query": "{ version }", "x": "y" * 900})).status_code == 200
        response = await post(client, {"query": "{ version }", "x": "y" * 1000})
        assert (response.status_code, only_error(response)["extensions"]["code"]) == (413, "BODY_TOO_LARGE")
        assert only_error(response)["message"] == "请求内容超过1000字节"

    async def test_holds_a_file_of_divisions(self):
        """The largest of the five is far below; XLSX in base64 is a third larger than it is."""
        assert requests.LARGEST_BODY == 12 * 1024 * 1024

    async def test_that_breaks_off_is_refused(self):
        """A client that goes away has not asked what it had sent so far."""
        messages = iter(
            [
                {"type": "http.request", "body": b'{"query": "{ version }"}', "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive():
            return next(messages)

        with pytest.raises(Refusal) as refused:
            await requests.read_request(receive)
        assert refused.value.code == "REQUEST_MALFORMED"

    async def test_may_say_more_than_we_read(self, client):
        """Clients send ``extensions``."""
        body = {"query": "{ __typename }", "extensions": {"any": 1}, "operationName": None, "variables": None}
        assert (await post(client, body)).json()["data"] == {"__typename": "Query"}


class TestMethod:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    async def test_other_than_post_is_refused(self, client, method):
        """A GET lands in logs and histories with what it asks."""
        response = await client.http.request(method, "/graphql", params={"query": "{ version }"})
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert only_error(response)["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


class TestDocument:
    @pytest.mark.parametrize(
        "query",
        [
            "{",
            "{ nothing }",
            "{ version",
            "query ($x: Nothing) { version }",
            "{ grids(first: true) { x } }",
            "#",
        ],
    )
    async def test_that_is_no_graphql_is_told_where(self, client, query):
        answered = await client.ask(query)
        assert answered.status == 200
        assert answered.body["data"] is None
        for error in answered.errors:
            assert error["extensions"] == {"code": "GRAPHQL_INVALID"}
            assert set(error) <= {"message", "locations", "extensions"}

    async def test_of_several_operations_names_one(self, client):
        query = "query A { __typename } query B { version }"
        named = await post(client, {"query": query, "operationName": "A"})
        assert named.json()["data"] == {"__typename": "Query"}
        for name, code in ((None, "GRAPHQL_INVALID"), ("C", "REQUEST_MALFORMED")):
            response = await post(client, {"query": query, "operationName": name})
            assert response.json()["data"] is None
            assert only_error(response)["extensions"] == {"code": code}

    async def test_with_no_operation_is_refused(self, client):
        answered = await client.ask("fragment F on Query { version }")
        assert answered.body["data"] is None
        assert answered.code in ("GRAPHQL_INVALID", "REQUEST_MALFORMED")

    async def test_that_subscribes_is_refused(self, client):
        answered = await client.ask("subscription { version }")
        assert (answered.body["data"], answered.errors[0]["extensions"]["code"]) == (None, "GRAPHQL_INVALID")

    async def test_repeats_no_variable_that_does_not_fit(self, client):
        """graphql-core prints the whole input, names and numbers included."""
        query = "query ($told: %s) { persons(first: $told) { totalCount } }"
        mutation = "mutation ($told: RegisterPersonInput!) { registerPerson(input: $told) { __typename } }"
        grids = "query ($told: [GridKind!]) { grids(filter: {kind: $told}) { totalCount } }"
        for document, told, message in (
            (
                mutation,
                {"displayName": "张秘密", "phone": 138},
                "at .phone: String cannot represent a non string value",
            ),
            (mutation, {"displayName": "张秘密", "x": "秘密"}, "not to include unknown field 'x'"),
            (mutation, "张秘密", "Expected value of type 'RegisterPersonInput' to be an object"),
            (grids, ["秘密"], "at [0]: The value does not exist in 'GridKind' enum."),
            (query % "Int", "秘密: 1, found: 2", "Int cannot represent non-integer value"),
        ):
            answered = await client.ask(document, told=told)
            assert (answered.code, answered.body["data"]) == ("GRAPHQL_INVALID", None)
            assert answered.errors[0]["message"].endswith(message)
            assert "秘密" not in str(answered.body)

    async def test_is_introspected_without_signing_in(self, client):
        """The schema is published; a tool may read it before anybody has a token."""
        from graphql import build_client_schema, get_introspection_query, print_schema

        schema = build_client_schema((await client.ask(get_introspection_query())).data)
        assert "type Mutation" in print_schema(schema)


class TestUnexpected:
    SECRET = "张三 13800138000 select * from person"

    @pytest.fixture
    def broken(self, monkeypatch):
        """Every read fails with what nobody may see."""
        from gongzhi.graphql import compiled, context

        def fail(*_told):
            raise ValueError(self.SECRET)

        monkeypatch.setattr(compiled, "told_json", fail)
        monkeypatch.setattr(context, "find_page", fail)

    async def test_reveals_a_reference_that_the_log_explains(self, reader, broken):
        with structlog.testing.capture_logs() as logs:
            answered = await reader("community_admin").ask("{ grids { totalCount } here { level } }")
        [error] = answered.errors
        reference = error["extensions"].pop("reference")
        assert error == {
            "message": f"系统出现意外，请把编号 {reference} 告知管理员",
            "locations": [{"line": 1, "column": 3}],
            "path": ["grids"],
            "extensions": {"code": "UNEXPECTED"},
        }
        assert answered.body["data"] == {"grids": None, "here": {"level": "COMMUNITY"}}
        [logged] = [entry for entry in logs if entry["event"] == "graphql.unexpected"]
        assert logged["reference"] == reference
        assert isinstance(logged["exc_info"], ValueError)

    async def test_before_any_field_answers_500(self, client, monkeypatch, kernel):
        async def fail(*_told, **_more):
            raise ValueError(self.SECRET)

        monkeypatch.setattr(type(kernel.plugins), "first", fail)
        answered = await client.ask("{ version }")
        assert (answered.status, answered.code) == (500, "UNEXPECTED")
        assert "13800138000" not in str(answered.body)


class TestPool:
    """A connection goes back as it came, whatever happened on it."""

    @pytest.fixture
    def idle(self, kernel):
        """Connections in use, and whether any one of the pool is inside a transaction or a scope."""

        async def idle():
            engine = kernel.database.engine(DatabaseRole.APP)
            assert engine.pool.checkedout() == 0
            async with engine.connect() as connection:
                row = await connection.exec_driver_sql(
                    "select current_setting('gongzhi.tenant', true), current_setting('gongzhi.lo', true), "
                    "current_setting('transaction_read_only')"
                )
                return tuple(row.one())

        return idle

    async def test_has_nothing_open_after_queries_refusals_and_failures(self, reader, idle, monkeypatch):
        admin = reader("community_admin")
        await admin.ask("{ grids { totalCount nodes { versions { id } } } here { name } }")
        await admin.ask("{ grids(first: 0) { totalCount } persons { nodes { id } } }")
        await admin.ask('{ grids(filter: {code: ["\\u0000"]}) { totalCount } persons { totalCount } }')
        await admin.ask('mutation { drawGrid(input: {number: 1, name: "一"}) { ... on Problem { code } } }')
        await admin.ask(
            'mutation { drawGrid(input: {number: 8, name: "\\u0000"}) { ... on Problem { code } } }'
        )
        with monkeypatch.context() as patched, structlog.testing.capture_logs():

            async def fail(self):
                raise RuntimeError

            patched.setattr(UnitOfWork, "flush", fail)
            await admin.ask('mutation { drawGrid(input: {number: 8, name: "八"}) { __typename } }')
        tenant, lo, read_only = await idle()
        assert (tenant or "", lo or "", read_only) == ("", "", "off")
        assert (await admin.ask("{ grids { totalCount } }")).data == {"grids": {"totalCount": 1}}

    async def test_lends_one_connection_to_a_request(self, reader, kernel):
        """However many fields are resolved side by side; five is all the pool of the tests has."""
        fields = " ".join(f"a{n}: grids {{ totalCount nodes {{ versions {{ id }} }} }}" for n in range(12))
        data = (await reader("community_admin").ask(f"{{ {fields} here {{ name }} }}")).data
        assert len(data) == 13


class TestHeaders:
    async def test_keep_answers_out_of_caches_and_guesses(self, client):
        response = await post(client, {"query": "{ version }"})
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        ("sent", "language"),
        [
            ("", "zh"),
            ("zh-TW", "zh"),
            ("EN", "en"),
            ("de, en-US;q=0.8, zh;q=0.5", "en"),
            ("*", "zh"),
            (";;,", "zh"),
        ],
    )
    def test_tell_the_language(self, sent, language):
        assert language_of({"accept-language": sent}) == language

    def test_tell_the_credentials(self):
        told = {
            "Authorization": "bearer  gz_token ",
            "Cookie": 'odd cookie; a="b; gongzhi_session=secret=; gongzhi_csrf=x',
            "X-CSRF-Token": "proof",
            "Gongzhi-Scope": "530425001006",
        }
        scope = {
            # As ASGI servers hand them on.
            "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
            "client": ("192.0.2.1", 5000),
        }
        found = credentials_of(scope, headers_of(scope))
        assert (found.bearer, found.session, found.csrf) == ("gz_token", "secret=", "proof")
        assert (found.scope, found.address, found.language) == ("530425001006", "192.0.2.1", "zh")

    @pytest.mark.parametrize("value", ["", "Basic gz_token", "gz_token", "Bearer"])
    def test_tell_no_token_where_there_is_none(self, value):
        scope = {"headers": [(b"authorization", value.encode())], "client": None}
        found = credentials_of(scope, headers_of(scope))
        assert (found.bearer or None, found.session, found.address) == (None, None, None)


class TestLanguage:
    async def test_of_errors_is_that_of_the_request(self, client):
        for language, message in (
            ("zh", "请先登录，或检查访问令牌是否有效"),
            ("en", "Sign in first, or check that the access token is still good"),
        ):
            answered = await client.as_(**{"Accept-Language": language}).ask("{ here { name } }")
            assert answered.errors[0]["message"] == message
