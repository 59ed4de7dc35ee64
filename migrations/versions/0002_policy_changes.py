"""policy changes: who has to be looked up anew"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

#: Table, what about it counts, and the column that names whom it is about; without one it is everybody.
WATCHED = (
    ("grant", "insert or update or delete", "account_id"),
    ("account", "update of active or delete", "id"),
    ("session", "update of expires_at, csrf_hash or delete", "account_id"),
    ("api_token", "update of node_id, role, permissions, expires_at, revoked_at or delete", "id"),
    ("tenant", "update of state or delete", "node_id"),
    ("plugin_switch", "insert or update of switched_on or delete", "tenant_id"),
    ("area", "update of code, level, path or delete", None),
)


def upgrade() -> None:
    op.create_table('policy_change',
    sa.Column('epoch', sa.BigInteger(), nullable=False, autoincrement=False),
    sa.Column('subject', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('epoch', name=op.f('policy_change_pk')),
    schema='core'
    )
    op.execute("insert into core.policy_change (epoch, subject, at) values (1, null, now())")
    op.execute("""
        create function core.note_policy_change() returns trigger
        language plpgsql security definer set search_path = pg_catalog as $$
        begin
            -- Runs at the end of its transaction. Writers of policy take turns from here to their commit, so
            -- that whoever reads an epoch reads all that belongs to it.
            perform pg_advisory_xact_lock(hashtextextended('core.policy_change', 0));
            insert into core.policy_change (epoch, subject, at)
            select coalesce(max(epoch), 0) + 1, (to_jsonb(coalesce(new, old)) ->> tg_argv[0])::uuid, now()
            from core.policy_change;
            return null;
        end $$
    """)
    op.execute("revoke all on function core.note_policy_change() from public")
    for table, when, subject in WATCHED:
        told = "" if subject is None else f"'{subject}'"
        op.execute(
            f'create constraint trigger policy_changes after {when} on tenants."{table}" '
            f"deferrable initially deferred for each row execute function core.note_policy_change({told})"
        )


def downgrade() -> None:
    for table, _when, _subject in WATCHED:
        op.execute(f'drop trigger policy_changes on tenants."{table}"')
    op.execute("drop function core.note_policy_change()")
    op.drop_table('policy_change', schema='core')
