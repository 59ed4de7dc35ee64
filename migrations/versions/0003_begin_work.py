"""beginning a piece of work in one statement"""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each statement in here sees what was committed before it began: the record is looked for after the lock.
    op.execute("""
        create function core.begin_work(
            tenant text, lo text, hi text, read_only text, stream uuid, caller uuid, operation text, key text,
            out epoch bigint, out input_hash bytea, out result_id uuid
        ) language plpgsql volatile as $$
        #variable_conflict use_column
        begin
            perform set_config('gongzhi.tenant', tenant, true), set_config('gongzhi.lo', lo, true),
                set_config('gongzhi.hi', hi, true), set_config('transaction_read_only', read_only, true);
            if key is not null then
                perform pg_advisory_xact_lock(hashtextextended(concat_ws('|', stream, caller, operation, key), 0));
                select i.input_hash, i.result_id into input_hash, result_id
                from core.idempotency i
                where i.scope_id = stream and i.caller_id = caller
                    and i.operation = begin_work.operation and i.key = begin_work.key;
            end if;
            select max(c.epoch) into epoch from core.policy_change c;
        end $$
    """)
    op.execute("""
        comment on function core.begin_work is
            'Tells a transaction its scope; waits for whoever works with the same key and finds what came of it; '
            'answers the epoch of the policy'
    """)


def downgrade() -> None:
    op.execute("drop function core.begin_work")
