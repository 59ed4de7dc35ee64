"""own roles, passwords apart from accounts, who opened an account"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'audit_subject_idx', 'audit', ['subject_id'], schema='core', postgresql_where=sa.text('subject_id is not null')
    )
    # Asked by whoever is about to do the other half of a pair of duties. It looks past the scope, for one half may
    # have been done from above; two halves at once, by one person with one object, take turns.
    op.execute("""
        create function core.has_done(subject uuid, actions text[], caller uuid) returns boolean
        language plpgsql volatile security definer set search_path = pg_catalog as $$
        begin
            perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'apart', subject, caller), 0));
            return exists (
                select from core.audit a
                where a.subject_id = subject and a.action = any(actions) and a.outcome = 'done'
                    and (a.account_id = caller or a.token_id = caller)
            );
        end $$
    """)
    op.execute("revoke all on function core.has_done(uuid, text[], uuid) from public")
    op.execute("grant execute on function core.has_done(uuid, text[], uuid) to gongzhi_app, gongzhi_system")
    op.create_table('own_role',
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('allowed', ARRAY(sa.Text()), nullable=False),
    sa.Column('denied', ARRAY(sa.Text()), nullable=False),
    sa.Column('included', ARRAY(sa.Text()), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('node_id', 'id', name=op.f('own_role_pk')),
    sa.UniqueConstraint('node_id', 'name', name=op.f('own_role_node_id_name_key')),
    schema='tenants'
    )
    # A role may be held by many; who holds it is found out when it is asked.
    op.execute(
        'create constraint trigger policy_changes after update or delete on tenants.own_role '
        'deferrable initially deferred for each row execute function core.note_policy_change()'
    )
    op.create_table('credential',
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['tenants.account.id'], name=op.f('credential_account_id_fk')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('credential_pk')),
    schema='tenants'
    )
    op.execute(
        'insert into tenants.credential (account_id, password_hash, set_at) '
        'select id, password_hash, created_at from tenants.account'
    )
    op.drop_column('account', 'password_hash', schema='tenants')
    op.add_column('account', sa.Column('node_id', sa.Uuid(), nullable=True), schema='tenants')
    op.create_foreign_key(
        op.f('account_node_id_fk'), 'account', 'area', ['node_id'], ['id'],
        source_schema='tenants', referent_schema='tenants',
    )
    op.add_column('account', sa.Column('activation_hash', sa.LargeBinary(), nullable=True), schema='tenants')
    op.add_column(
        'account', sa.Column('activation_until', sa.DateTime(timezone=True), nullable=True), schema='tenants'
    )
    op.add_column(
        'account', sa.Column('version', sa.Integer(), server_default='1', nullable=False), schema='tenants'
    )
    op.alter_column('account', 'version', server_default=None, schema='tenants')
    op.create_index('account_node_idx', 'account', ['node_id', 'id'], schema='tenants')
    op.add_column('api_token', sa.Column('created_by', sa.Uuid(), nullable=True), schema='tenants')
    op.create_index('api_token_node_idx', 'api_token', ['node_id', 'id'], schema='tenants')
    op.create_index('grant_node_idx', 'grant', ['node_id', 'id'], schema='tenants')


def downgrade() -> None:
    op.drop_index('grant_node_idx', table_name='grant', schema='tenants')
    op.drop_index('api_token_node_idx', table_name='api_token', schema='tenants')
    op.drop_column('api_token', 'created_by', schema='tenants')
    op.drop_index('account_node_idx', table_name='account', schema='tenants')
    for column in ('version', 'activation_until', 'activation_hash', 'node_id'):
        op.drop_column('account', column, schema='tenants')
    op.add_column('account', sa.Column('password_hash', sa.Text(), nullable=True), schema='tenants')
    op.execute(
        'update tenants.account a set password_hash = c.password_hash '
        'from tenants.credential c where c.account_id = a.id'
    )
    # Whoever never set a password has none: no password has this hash.
    op.execute("update tenants.account set password_hash = '' where password_hash is null")
    op.alter_column('account', 'password_hash', nullable=False, schema='tenants')
    op.drop_table('credential', schema='tenants')
    op.drop_table('own_role', schema='tenants')
    op.execute('drop function core.has_done(uuid, text[], uuid)')
    op.drop_index('audit_subject_idx', table_name='audit', schema='core')
