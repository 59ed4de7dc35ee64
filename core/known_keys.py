"""Which keys a database knows: their ids alone, so that it is never served with another key ring.

A ring that went missing must not be replaced by a new one in silence: nothing sealed before would open, and
equal phone numbers would no longer be found equal.
"""

from pathlib import Path

import psycopg

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.crypto import KeyRing
from gongzhi.core.errors import Misconfigured, Words
from gongzhi.core.roles import DatabaseRole

_PATIENCE = 10
#: A migration that was broken off may have made the table and not yet opened it.
_READABLE = """
select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'core' and c.relname = 'sealing_key'
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
"""


def ring_for(address: DatabaseAddress, path: Path) -> KeyRing:
    """The key ring for the database at this address; made now where neither exists yet.

    A database that does not answer is asked later, by the health check.

    :raises Misconfigured: the database was begun with another ring, or can't be asked and there is no ring.
    """
    try:
        known = known_keys(address)
    except psycopg.OperationalError as error:
        if not path.exists():
            raise Misconfigured(
                problem=Words(
                    zh=f"找不到密钥文件 {path}，数据库也没有应答",
                    en=f"there is no key ring {path}, and the database does not answer whether it needs one",
                )
            ) from error
        return KeyRing(path)
    if known and not path.exists():
        raise Misconfigured(
            problem=Words(
                zh=f"密钥文件 {path} 缺失，而数据库已有用它加密的内容，请从备份恢复",
                en=f"the key ring {path} is missing, and the database was begun with one; "
                "restore it from the backup",
            )
        )
    ring = KeyRing.load_or_create(path)
    if problem := lacking(ring, known):
        raise Misconfigured(problem=problem)
    return ring


def lacking(ring: KeyRing, known: frozenset[str]) -> Words | None:
    """What is wrong with this ring for a database that knows these keys; None when it has them all."""
    missing = sorted(known - set(ring.key_ids))
    if not missing:
        return None
    names = ", ".join(missing)
    return Words(
        zh=f"密钥文件与数据库不符，缺少密钥 {names}，请恢复原来的密钥文件",
        en=f"the key ring lacks {names}, which this database was begun with; restore the right one",
    )


def known_keys(address: DatabaseAddress) -> frozenset[str]:
    """The ids of the keys that may have sealed something in this database; empty before it is migrated."""
    url = address.url_for(DatabaseRole.SYSTEM.value)
    with psycopg.connect(url, connect_timeout=_PATIENCE) as connection:
        there = connection.execute(_READABLE).fetchone()
        rows = connection.execute("select id from core.sealing_key").fetchall() if there else []
    return frozenset(key_id for (key_id,) in rows)


def remember_keys(address: DatabaseAddress, ring: KeyRing) -> None:
    """Write down which keys this database is served with.

    :raises Misconfigured: another process was quicker, with another ring.
    """
    with psycopg.connect(address.url_for(DatabaseRole.SYSTEM.value), connect_timeout=_PATIENCE) as connection:
        connection.execute("lock table core.sealing_key in share row exclusive mode")
        rows = connection.execute("select id from core.sealing_key").fetchall()
        if problem := lacking(ring, frozenset(key_id for (key_id,) in rows)):
            raise Misconfigured(problem=problem)
        connection.cursor().executemany(
            "insert into core.sealing_key (id, since) values (%s, now()) on conflict do nothing",
            [(key_id,) for key_id in ring.key_ids],
        )
