"""Lists: pages by keyset, filters, orders, totals; over HTTP, on the community's grids."""

import base64

import pytest

from gongzhi.core.testing import Name, literal

GRIDS = "edges { cursor node { code } } nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def neighbour(client, county, token_for):
    return client.as_(token_for("community_admin", county.communities[1]))


@pytest.fixture
def draw(admin):
    """Draw grids of these numbers."""

    async def draw(*numbers):
        for number in numbers:
            kind = "DEDICATED" if number > 900 else "BASIC"
            told = f'number: {number}, name: "网格{number}", kind: {kind}'
            await admin.ask(f"mutation {{ drawGrid(input: {{{told}}}) {{ __typename }} }}")

    return draw


@pytest.fixture
def page(admin):
    """A page of grids by code: (the last digits, what pageInfo says of next and previous, the connection)."""

    async def page(order="CODE", who=None, **asked):
        arguments = ", ".join(f"{name}: {literal(value)}" for name, value in asked.items())
        answered = await (who or admin).ask(f"{{ grids(order: {order}, {arguments}) {{ {GRIDS} }} }}")
        found = answered.data["grids"]
        assert [edge["node"] for edge in found["edges"]] == found["nodes"]
        info = found["pageInfo"]
        cursors = [edge["cursor"] for edge in found["edges"]] or [None]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        numbers = [int(node["code"][-3:]) for node in found["nodes"]]
        return numbers, (info["hasNextPage"], info["hasPreviousPage"]), found

    return page


def after(found):
    return found["pageInfo"]["endCursor"]


def before(found):
    return found["pageInfo"]["startCursor"]


class TestPages:
    async def test_lead_forward_from_the_first_to_the_last(self, draw, page):
        await draw(1, 2, 3, 4, 5)
        numbers, more, found = await page(first=2)
        assert (numbers, more) == ([1, 2], (True, False))
        numbers, more, found = await page(first=2, after=after(found))
        assert (numbers, more) == ([3, 4], (True, True))
        numbers, more, found = await page(first=2, after=after(found))
        assert (numbers, more) == ([5], (False, True))
        numbers, more, found = await page(first=2, after=after(found))
        assert (numbers, more) == ([], (False, True))

    async def test_lead_backward_from_the_last_to_the_first(self, draw, page):
        """Each page stands in the list's own order."""
        await draw(1, 2, 3, 4, 5)
        numbers, more, found = await page(last=2)
        assert (numbers, more) == ([4, 5], (False, True))
        numbers, more, found = await page(last=2, before=before(found))
        assert (numbers, more) == ([2, 3], (True, True))
        numbers, more, found = await page(last=2, before=before(found))
        assert (numbers, more) == ([1], (True, False))

    async def test_end_exactly_where_the_list_does(self, draw, page):
        """A full last page promises no further one."""
        await draw(1, 2, 3, 4)
        _numbers, _more, found = await page(first=2)
        numbers, more, _found = await page(first=2, after=after(found))
        assert (numbers, more) == ([3, 4], (False, True))
        numbers, more, _found = await page(first=4)
        assert (numbers, more) == ([1, 2, 3, 4], (False, False))

    async def test_lie_between_two_cursors(self, draw, page):
        """Relay: after and before narrow the list, first and last take from what is left."""
        await draw(1, 2, 3, 4, 5)
        _numbers, _more, found = await page(first=5)
        cursors = [edge["cursor"] for edge in found["edges"]]
        inner = {"after": cursors[0], "before": cursors[4]}
        assert (await page(first=2, **inner))[:2] == ([2, 3], (True, True))
        assert (await page(last=2, **inner))[:2] == ([3, 4], (True, True))

    async def test_stay_where_they_are_while_rows_come_and_go(self, draw, page):
        """Nothing is shown twice or left out, although a row appears ahead of the cursor."""
        await draw(2, 4, 6)
        numbers, _more, found = await page(first=2)
        assert numbers == [2, 4]
        await draw(1, 3, 5)
        numbers, _more, found = await page(first=2, after=after(found))
        assert numbers == [5, 6]
        assert found["totalCount"] == 6

    async def test_hold_twenty_unless_told(self, draw, admin):
        await draw(*range(1, 23))
        found = (await admin.ask("{ grids { nodes { code } totalCount } }")).data["grids"]
        assert (len(found["nodes"]), found["totalCount"]) == (20, 22)

    async def test_are_empty_where_there_is_nothing(self, page):
        numbers, more, found = await page(first=5)
        assert (numbers, more, found["totalCount"]) == ([], (False, False), 0)

    @pytest.mark.parametrize("asked", ["first: 0", "first: 501", "first: -1", "last: 0", "last: 501"])
    async def test_hold_one_to_five_hundred(self, admin, asked):
        answered = await admin.ask(f"{{ grids({asked}) {{ totalCount }} }}")
        [error] = answered.errors
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": asked.split(":")[0]}
        assert error["message"] == "填写有误：须为1至500"

    @pytest.mark.parametrize("asked", ["first: 1", "first: 500", "last: 500"])
    async def test_may_hold_the_least_and_the_most(self, admin, asked):
        assert (await admin.ask(f"{{ grids({asked}) {{ totalCount }} }}")).data == {
            "grids": {"totalCount": 0}
        }

    async def test_have_one_direction(self, admin):
        answered = await admin.ask("{ grids(first: 1, last: 1) { totalCount } }")
        assert (answered.code, answered.errors[0]["extensions"]["argument"]) == ("INVALID_INPUT", "first")


class TestCursors:
    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "garbage",
            "WyJHcmlkIl0",  # ["Grid"]
            base64.urlsafe_b64encode(b'["Grid","CODE","x"]').decode().rstrip("="),
            base64.urlsafe_b64encode(b'["Grid","CODE","x","not-a-uuid"]').decode().rstrip("="),
            base64.urlsafe_b64encode(b'["Grid","CODE",null,null]').decode().rstrip("="),
            base64.urlsafe_b64encode(b'["Grid","CODE",[1],{}]').decode().rstrip("="),
            "x" * 5000,
        ],
    )
    @pytest.mark.parametrize("argument", ["after", "before"])
    async def test_that_nobody_gave_out_are_refused(self, admin, cursor, argument):
        answered = await admin.ask(
            f"{{ grids(order: CODE, {argument}: {literal(cursor)}) {{ totalCount }} }}"
        )
        [error] = answered.errors
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": argument}

    async def test_of_another_order_are_refused(self, draw, page, admin):
        await draw(1)
        _numbers, _more, found = await page(first=1)
        answered = await admin.ask(f'{{ grids(order: NEWEST, after: "{after(found)}") {{ totalCount }} }}')
        assert answered.errors[0]["message"] == "填写有误：游标不属于此列表"

    async def test_of_another_list_are_refused(self, draw, page, admin):
        """Even of one with an order of the same name."""
        await draw(1)
        _numbers, _more, found = await page(order="NEWEST", first=1)
        answered = await admin.ask(
            f'{{ mediators(order: NEWEST, after: "{after(found)}") {{ totalCount }} }}'
        )
        assert answered.errors[0]["message"] == "填写有误：游标不属于此列表"

    async def test_carry_no_scope(self, draw, page, neighbour):
        """A cursor of one community shows nothing of it in another."""
        await draw(1, 2)
        _numbers, _more, found = await page(first=1)
        assert (await page(who=neighbour, first=5, after=after(found)))[0] == []


class TestFilters:
    async def test_keep_what_is_one_of_the_values(self, draw, page):
        await draw(1, 2, 901, 902)
        numbers, _more, found = await page(first=9, filter={"kind": [Name("DEDICATED")]})
        assert (numbers, found["totalCount"]) == ([901, 902], 2)
        both = [Name("BASIC"), Name("DEDICATED")]
        assert (await page(first=9, filter={"kind": both}))[0] == [1, 2, 901, 902]

    async def test_of_no_value_keep_nothing_and_null_keeps_all(self, draw, page):
        await draw(1)
        assert (await page(first=9, filter={"kind": []}))[0] == []
        assert (await page(first=9, filter={"kind": None}))[0] == [1]
        assert (await page(first=9, filter=None))[0] == [1]

    async def test_hold_together(self, draw, page, county):
        await draw(1, 2, 901)
        both = {"kind": [Name("BASIC")], "code": [f"{county.community}002", f"{county.community}901"]}
        assert (await page(first=9, filter=both))[0] == [2]

    async def test_leave_the_total_to_the_page_they_narrow(self, draw, page):
        """A page knows the total of its own list, whatever stands beside it in the document."""
        await draw(1, 2, 901)
        _numbers, _more, found = await page(first=1, filter={"kind": [Name("BASIC")]})
        assert found["totalCount"] == 2
        assert found["pageInfo"]["hasNextPage"] is True

    @pytest.mark.parametrize(
        ("span", "kept"),
        [
            ('since: "2025-02-01"', ["2025-02-01", "2025-03-01"]),
            ('until: "2025-02-01"', ["2025-01-01"]),
            ('since: "2025-02-01", until: "2025-03-01"', ["2025-02-01"]),
            ("", ["2025-01-01", "2025-02-01", "2025-03-01"]),
        ],
    )
    async def test_take_a_span_from_its_first_day_to_before_its_last(self, admin, span, kept):
        for month in (1, 2, 3):
            told = {"indicator": "area", "value": "14.88", "unit": "km²", "source": "试验"}
            assert "profileFigure" in await admin.do(
                "recordProfileFigure", told | {"asOf": f"2025-0{month}-01"}, read="profileFigure { id }"
            )
        query = f"{{ profileFigures(order: OLDEST, filter: {{asOf: {{{span}}}}}) {{ nodes {{ asOf }} }} }}"
        found = (await admin.ask(query)).data["profileFigures"]["nodes"]
        assert [node["asOf"] for node in found] == kept

    async def test_of_a_character_the_database_can_not_keep_are_refused(self, admin):
        answered = await admin.ask('{ grids(filter: {code: ["\\u0000"]}) { totalCount } }')
        assert answered.code == "UNSTORABLE"


class TestOrders:
    async def test_fall_and_rise(self, draw, page):
        await draw(2, 1, 3)
        assert (await page(order="NEWEST", first=9))[0] == [3, 1, 2]
        assert (await page(order="CODE", first=9))[0] == [1, 2, 3]

    async def test_that_fall_are_paged_as_well(self, draw, page):
        await draw(2, 1, 3)
        numbers, _more, found = await page(order="NEWEST", first=2)
        assert numbers == [3, 1]
        assert (await page(order="NEWEST", first=2, after=after(found)))[0] == [2]
        _numbers, _more, found = await page(order="NEWEST", last=1)
        assert (await page(order="NEWEST", last=9, before=before(found)))[0] == [3, 1]

    async def test_of_chinese_names_follow_their_sound(self, admin):
        for name in ("张三", "李四", "王五"):
            term = {"name": name, "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
            await admin.do("appointMediator", term, read="mediator { id }")
        found = (await admin.ask("{ mediators(order: NAME) { nodes { name } } }")).data["mediators"]["nodes"]
        assert [node["name"] for node in found] == ["李四", "王五", "张三"]

    async def test_break_ties_by_id(self, admin):
        """Rows of one key are all shown, once."""
        term = {"name": "同名", "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
        made = [
            (await admin.do("appointMediator", term, read="mediator { id }"))["mediator"]["id"]
            for _ in "1234"
        ]
        seen, cursor = [], None
        while len(seen) < len(made):
            query = f"{{ mediators(order: NAME, first: 1, after: {literal(cursor)}) {{ edges {{ cursor node {{ id }} }} }} }}"
            [edge] = (await admin.ask(query)).data["mediators"]["edges"]
            seen, cursor = [*seen, edge["node"]["id"]], edge["cursor"]
        assert seen == made


class TestToManyLists:
    @pytest.mark.parametrize("first", [0, 501])
    async def test_hold_one_to_five_hundred(self, draw, admin, first):
        await draw(1)
        answered = await admin.ask(f"{{ grids {{ nodes {{ versions(first: {first}) {{ id }} }} }} }}")
        assert answered.code == "INVALID_INPUT"

    async def test_are_ordered_and_limited(self, reader):
        query = "{ mediationCases { nodes { steps(first: 3) { what to } } } }"
        [case] = (await reader("mediator").ask(query)).data["mediationCases"]["nodes"]
        assert case["steps"] == [
            {"what": "open", "to": "SCREENING"},
            {"what": "accept", "to": "ACCEPTED"},
            {"what": "assign", "to": "ASSIGNED"},
        ]
