"""A platform of many communities and cases, made in SQL within minutes; every name on it is invented.

Cases come in by time, one community after the other, so that a community's rows lie scattered over the table
as they do where many work at once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import psycopg

from gongzhi.core.api import hash_token, new_token

#: Grids and mediators of a community; cases of each whose steps were written down, and how many steps.
GRIDS, MEDIATORS, STEPPED, STEPS = 15, 5, 100, 5
#: Basic grids are numbered up to here; what lies between is drawn by the benchmark.
LAST_NUMBER = 899
#: Which of a community's cases are looked up, counted from the newest.
_LOOKED_UP = (0, 3, 17, 60, 110, 250, 470)


@dataclass(frozen=True)
class Size:
    """How large a platform is made.

    :param skewed: the first community holds half of all cases.
    """

    tenants: int
    cases: int
    skewed: bool = False

    def __str__(self) -> str:
        shape = ", half of them one community's" if self.skewed else ""
        return f"{self.tenants:,} communities, {self.cases:,} cases{shape}"


@dataclass
class Community:
    """A community as those who send requests know it."""

    id: UUID
    code: str
    token: str
    cases: list[UUID]
    grid: UUID
    #: Grid numbers that nobody has drawn yet; every server draws from the same.
    numbers: Iterator[int] = field(default_factory=lambda: count(GRIDS + 1))
    registered: Iterator[int] = field(default_factory=lambda: count(1))


#: Ids as the application makes them: UUIDv7 of a moment in milliseconds, told apart by a number and a tag.
_FUNCTIONS = """
create function pg_temp.made(ms bigint, tag text, n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex(ms), 12, '0') || '7' || left(md5(tag || n::text), 3) || '8'
        || right(md5(tag || n::text), 15))::uuid
$$;
create function pg_temp.begun() returns bigint language sql immutable as $$
    select 1704038400000::bigint
$$;
create temporary table community as
select n, pg_temp.made(pg_temp.begun(), 'community', n) as id,
    '990000' || lpad((n / 100 + 1)::text, 3, '0') || lpad((n %% 100 + 1)::text, 3, '0') as code,
    n / 100 as street
from generate_series(0, %(tenants)s - 1) as n;
"""

_TREE = """
insert into tenants.area (id, parent_id, path, level, code, name, short_name, sort_key, search_keys, created_at)
select pg_temp.made(pg_temp.begun(), 'county', 0), null::uuid, 'z.', 'county', '990000',
    '云岭县', '云岭', 'yunling', 'yunling', now()
union all
select pg_temp.made(pg_temp.begun(), 'street', s), pg_temp.made(pg_temp.begun(), 'county', 0),
    'z.' || lpad(s::text, 4, '0') || '.', 'street', '990000' || lpad((s + 1)::text, 3, '0'),
    '云岭县第' || s + 1 || '街道', '第' || s + 1 || '街道', lpad(s::text, 4, '0'), '', now()
from (select distinct street as s from community) streets
union all
select id, pg_temp.made(pg_temp.begun(), 'street', street),
    'z.' || lpad(street::text, 4, '0') || '.' || lpad(n::text, 6, '0') || '.', 'community', code,
    '第' || n + 1 || '社区居民委员会', '第' || n + 1 || '社区', lpad(n::text, 6, '0'), '', now()
from community;

insert into tenants.tenant (node_id, state, blueprint, roles, since, version)
select id, 'active', 'standard', '{}', now(), 1 from community;

insert into tenants.plugin_switch (tenant_id, id, plugin, switched_on, settings, changed_at, version)
select id, pg_temp.made(pg_temp.begun(), 'switch', n), 'mediation', true, '{}', now(), 1 from community;

insert into tenants.grid (tenant_id, id, code, name, kind, version)
select c.id, pg_temp.made(pg_temp.begun(), 'grid', c.n * 1000 + g), c.code || lpad((g + 1)::text, 3, '0'),
    '第' || g + 1 || '网格', 'basic', 1
from community c, generate_series(0, %(grids)s - 1) as g;

insert into tenants.grid_version (tenant_id, id, grid_id, valid_from, households, bounds)
select tenant_id, pg_temp.made(pg_temp.begun(), 'version', row_number() over ()), id, date '2024-01-01', 300,
    '东至河堤，西至云岭路' from tenants.grid;

insert into mediation.mediator (tenant_id, id, name, sort_key, appointed_on, term_ends_on, version)
select c.id, pg_temp.made(pg_temp.begun(), 'mediator', c.n * 1000 + m), '调解员' || chr(30002 + m),
    'tiaojieyuan' || m, date '2024-01-01', date '2027-12-31', 1
from community c, generate_series(0, %(mediators)s - 1) as m;
"""

#: Case k of all: in turn each community's, or every second one the first community's.
_CASES = """
create temporary table incoming as
select k, c.n, c.id as tenant_id, k / %(tenants)s as turn,
    pg_temp.begun() + k * (94608000000 / %(cases)s) as ms
from generate_series(0, %(cases)s - 1) as k
join community c on c.n = case when not %(skewed)s then k %% %(tenants)s
    when k %% 2 = 0 then 0 else 1 + (k / 2) %% (%(tenants)s - 1) end
order by k;

insert into mediation.dispute (tenant_id, id, category, title, told_at)
select tenant_id, pg_temp.made(ms, 'dispute', k), lpad((1 + k %% 18)::text, 2, '0'),
    '第' || k || '起纠纷', to_timestamp(ms / 1000.0) from incoming order by k;

insert into mediation.case (tenant_id, id, dispute_id, number, state, source, category, title, facts,
    grid_id, mediator_id, received_at, accepted_at, due_on, closed_at, version)
select tenant_id, pg_temp.made(ms, 'case', k), pg_temp.made(ms, 'dispute', k), '（2026）云岭人调字第' || k || '号',
    (array['accepted', 'assigned', 'in_mediation', 'agreed', 'closed'])[1 + turn %% 5],
    (array['application', 'initiative', 'referral'])[1 + turn %% 3], lpad((1 + k %% 18)::text, 2, '0'),
    '相邻通道堆物' || k, '两户共用一条通道，一方长期堆放杂物，另一方出入不便，多次商量未果，请社区居中调解。',
    pg_temp.made(pg_temp.begun(), 'grid', n * 1000 + turn %% %(grids)s),
    pg_temp.made(pg_temp.begun(), 'mediator', n * 1000 + turn %% %(mediators)s),
    to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0) + interval '3 hours',
    (to_timestamp(ms / 1000.0) + interval '30 days')::date,
    case when turn %% 5 = 4 then to_timestamp(ms / 1000.0) + interval '9 days' end, 3
from incoming order by k;

insert into mediation.step (tenant_id, id, case_id, what, to_state, note, at)
select tenant_id, pg_temp.made(ms + s, 'step', k * 10 + s), pg_temp.made(ms, 'case', k),
    (array['open', 'accept', 'assign', 'begin', 'agree'])[1 + s],
    (array['screening', 'accepted', 'assigned', 'in_mediation', 'agreed'])[1 + s],
    case when s = 2 then '当面告知双方' end, to_timestamp(ms / 1000.0) + s * interval '1 day'
from (select *, row_number() over (partition by tenant_id order by k desc) as back from incoming) newest,
    generate_series(0, %(steps)s - 1) as s
where back <= %(stepped)s order by k, s;
"""

#: For the peer that offers SQL functions as mutations: the rows that ours write, and nothing else.
_PEER = """
create schema if not exists bench;
grant usage on schema bench to gongzhi_app;
create function bench.draw_grid(number integer, title text, households integer, bounds text)
returns tenants.grid language sql volatile as $$
    with here as (
        select id, code from tenants.area where id = current_setting('gongzhi.tenant')::uuid
    ), drawn as (
        insert into tenants.grid (tenant_id, id, code, name, kind, version)
        select here.id, gen_random_uuid(), here.code || lpad($1::text, 3, '0'), $2, 'basic', 1 from here
        returning *
    ), held as (
        insert into tenants.grid_version (tenant_id, id, grid_id, valid_from, households, bounds)
        select tenant_id, gen_random_uuid(), id, current_date, $3, $4 from drawn
    )
    select * from drawn
$$;
create function bench.register_household(number text, grid uuid, place text, people integer)
returns tenants.household language sql volatile as $$
    insert into tenants.household (tenant_id, id, number, grid_id, place, people, version)
    select g.tenant_id, gen_random_uuid(), $1, g.id, $3, $4, 1 from tenants.grid g
    where g.tenant_id = current_setting('gongzhi.tenant')::uuid and g.id = $2
    returning *
$$;
"""

#: Used last at some moment of the last five minutes, so that they are not all due for a new look at once.
_TOKENS = """
insert into tenants.api_token (id, label, token_hash, node_id, role, created_at, expires_at, last_used_at)
select gen_random_uuid(), 'benchmark', t.hash, t.node, 'community_admin', now(), now() + interval '1 day',
    clock_timestamp() - random() * interval '5 minutes'
from unnest(%s::bytea[], %s::uuid[]) as t(hash, node)
"""

_TABLES = ("area", "tenant", "plugin_switch", "grid", "grid_version", "api_token")
_ROOM_TABLES = ("mediator", "dispute", "case", "step")


def fill(superuser: str, size: Size, *, clustered: bool = False) -> list[Community]:
    """Fill a migrated, empty platform; prints how long it took.

    :param superuser: a URL to its database; foreign keys are not checked one by one, and the owner writes.
    :param clustered: lay each community's cases and steps side by side, as CLUSTER does, instead of by time.
    """
    begun = time.perf_counter()
    values = {
        "tenants": size.tenants,
        "cases": size.cases,
        "skewed": size.skewed,
        "grids": GRIDS,
        "mediators": MEDIATORS,
        "steps": STEPS,
        "stepped": STEPPED,
    }
    with psycopg.connect(superuser, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("set session_replication_role = replica; set role gongzhi_owner")
        connection.execute("set synchronous_commit = off; set work_mem = '256MB'; set timezone = 'UTC'")
        for statement in (_FUNCTIONS, _TREE, _CASES):
            connection.execute(statement, values)
        connection.execute(_PEER)
        communities = _communities(connection)
        hashes = [hash_token(community.token) for community in communities]
        connection.execute(_TOKENS, (hashes, [community.id for community in communities]))
    filled = time.perf_counter()
    with psycopg.connect(superuser, autocommit=True) as connection:
        for table in ("case", "step") if clustered else ():
            connection.execute(f'cluster mediation."{table}" using {table}_pk')
        tables = [f'tenants."{name}"' for name in _TABLES] + [f'mediation."{name}"' for name in _ROOM_TABLES]
        connection.execute(f"vacuum (analyze) {', '.join(tables)}")
        connection.execute("checkpoint")
    print(f"{size}: filled in {filled - begun:.0f} s, arranged in {time.perf_counter() - filled:.0f} s")
    return communities


def _communities(connection: psycopg.Connection) -> list[Community]:
    """The communities in order, each with a token of its own and some of its cases."""
    rows = connection.execute(
        "select c.id, c.code, array(select x.id from (select i.id, row_number() over (order by i.id desc) - 1 as "
        "back from (select id from mediation.case where tenant_id = c.id order by id desc limit 500) i) x "
        "where back = any(%s)), (select min(g.id::text)::uuid from tenants.grid g where g.tenant_id = c.id) "
        "from community c order by c.n",
        [list(_LOOKED_UP)],
    ).fetchall()
    return [Community(id_, code, new_token("gz_"), cases, grid) for id_, code, cases, grid in rows]
