"""first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Alembic does not compare sequences.
    op.execute(sa.schema.CreateSequence(sa.Sequence("outbox_position", schema="core")))
    op.execute(sa.schema.CreateSequence(sa.Sequence("area_step", schema="tenants")))
    op.create_table('audit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('token_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('subject_type', sa.Text(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('fields', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=True),
    sa.Column('hash', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('audit_pk')),
    sa.UniqueConstraint('scope_id', 'position', name=op.f('audit_scope_id_position_key')),
    schema='core'
    )
    op.create_index('audit_scope_idx', 'audit', ['scope_id', 'id'], unique=False, schema='core')
    op.create_index('audit_unsealed_idx', 'audit', ['id'], unique=False, schema='core', postgresql_where=sa.text('position is null'))
    op.create_table('audit_end',
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('scope_id', name=op.f('audit_end_pk')),
    schema='core'
    )
    op.create_table('sealing_key',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('sealing_key_pk')),
    schema='core'
    )
    op.create_table('idempotency',
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('caller_id', sa.Uuid(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('input_hash', sa.LargeBinary(), nullable=False),
    sa.Column('result_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('scope_id', 'caller_id', 'operation', 'key', name=op.f('idempotency_pk')),
    schema='core'
    )
    op.create_index('idempotency_age_idx', 'idempotency', ['created_at'], unique=False, schema='core')
    op.create_table('inbox',
    sa.Column('consumer', sa.Text(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('consumer', 'event_id', name=op.f('inbox_pk')),
    schema='core'
    )
    op.create_table('job',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('input', sa.LargeBinary(), nullable=True),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('result', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('report', sa.LargeBinary(), nullable=True),
    sa.Column('failure', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('job_pk')),
    schema='core'
    )
    op.create_index('job_scope_idx', 'job', ['scope_id', 'id'], unique=False, schema='core')
    op.create_table('number',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('series', sa.Text(), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('number_pk')),
    sa.UniqueConstraint('tenant_id', 'series', 'year', name=op.f('number_tenant_id_series_year_key')),
    schema='core'
    )
    op.create_table('outbox',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('scope_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('outbox_pk')),
    schema='core'
    )
    op.create_index('outbox_position_key', 'outbox', ['position'], unique=True, schema='core')
    op.create_index('outbox_waiting_idx', 'outbox', ['id'], unique=False, schema='core', postgresql_where=sa.text('position is null'))
    op.create_table('account',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('display_name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('account_pk')),
    sa.UniqueConstraint('login', name=op.f('account_login_key')),
    schema='tenants'
    )
    op.create_table('area',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('path', sa.Text(collation='C'), nullable=False),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('short_name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    sa.Column('search_keys', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['tenants.area.id'], name=op.f('area_parent_id_fk')),
    sa.PrimaryKeyConstraint('id', name=op.f('area_pk')),
    sa.UniqueConstraint('path', name=op.f('area_path_key')),
    schema='tenants'
    )
    op.create_index('area_code_key', 'area', ['code'], unique=True, schema='tenants', postgresql_where=sa.text('code is not null'))
    op.create_index('area_parent_idx', 'area', ['parent_id', 'id'], unique=False, schema='tenants')
    op.create_table('division',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('parent_code', sa.Text(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('division_pk')),
    sa.UniqueConstraint('code', 'valid_from', name=op.f('division_code_valid_from_key')),
    schema='tenants'
    )
    op.create_table('grid',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('grid_pk')),
    sa.UniqueConstraint('tenant_id', 'code', name=op.f('grid_tenant_id_code_key')),
    schema='tenants'
    )
    op.create_table('person',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('display_name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    sa.Column('phone_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('phone_index', sa.LargeBinary(), nullable=True),
    sa.Column('id_number_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('id_number_index', sa.LargeBinary(), nullable=True),
    sa.Column('birth_band', sa.Text(), nullable=True),
    sa.Column('guardian_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'guardian_id'], ['tenants.person.tenant_id', 'tenants.person.id'], name=op.f('person_tenant_id_guardian_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('person_pk')),
    schema='tenants'
    )
    op.create_index('person_id_number_idx', 'person', ['tenant_id', 'id_number_index'], unique=False, schema='tenants')
    op.create_index('person_phone_idx', 'person', ['tenant_id', 'phone_index'], unique=False, schema='tenants')
    op.create_index('person_sort_idx', 'person', ['tenant_id', 'sort_key', 'id'], unique=False, schema='tenants')
    op.create_table('plugin_switch',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('plugin', sa.Text(), nullable=False),
    sa.Column('switched_on', sa.Boolean(), nullable=False),
    sa.Column('settings', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.Uuid(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('plugin_switch_pk')),
    sa.UniqueConstraint('tenant_id', 'plugin', name=op.f('plugin_switch_tenant_id_plugin_key')),
    schema='tenants'
    )
    op.create_table('profile_figure',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('indicator', sa.Text(), nullable=False),
    sa.Column('value', sa.Numeric(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('as_of', sa.Date(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('recorded_by', sa.Uuid(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('profile_figure_pk')),
    sa.UniqueConstraint('tenant_id', 'indicator', 'as_of', name=op.f('profile_figure_tenant_id_indicator_as_of_key')),
    schema='tenants'
    )
    op.create_table('sign_in_failure',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('subject', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('sign_in_failure_pk')),
    schema='tenants'
    )
    op.create_index('sign_in_failure_subject_idx', 'sign_in_failure', ['subject', 'at'], unique=False, schema='tenants')
    op.create_table('tenant',
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('blueprint', sa.Text(), nullable=False),
    sa.Column('roles', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('node_id', name=op.f('tenant_pk')),
    schema='tenants'
    )
    op.create_table('api_token',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('permissions', postgresql.ARRAY(sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['node_id'], ['tenants.area.id'], name=op.f('api_token_node_id_fk')),
    sa.PrimaryKeyConstraint('id', name=op.f('api_token_pk')),
    sa.UniqueConstraint('token_hash', name=op.f('api_token_token_hash_key')),
    schema='tenants'
    )
    op.create_table('area_code',
    sa.Column('area_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('status', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['area_id'], ['tenants.area.id'], name=op.f('area_code_area_id_fk')),
    sa.PrimaryKeyConstraint('area_id', 'code', 'valid_from', name=op.f('area_code_pk')),
    schema='tenants'
    )
    op.create_index('area_code_code_idx', 'area_code', ['code'], unique=False, schema='tenants')
    op.create_table('consent',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('data_kinds', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('wording', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('separate', sa.Boolean(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'person_id'], ['tenants.person.tenant_id', 'tenants.person.id'], name=op.f('consent_tenant_id_person_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('consent_pk')),
    schema='tenants'
    )
    op.create_index('consent_person_idx', 'consent', ['tenant_id', 'person_id', 'id'], unique=False, schema='tenants')
    op.create_table('division_successor',
    sa.Column('division_id', sa.Uuid(), nullable=False),
    sa.Column('successor_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['division_id'], ['tenants.division.id'], name=op.f('division_successor_division_id_fk')),
    sa.ForeignKeyConstraint(['successor_id'], ['tenants.division.id'], name=op.f('division_successor_successor_id_fk')),
    sa.PrimaryKeyConstraint('division_id', 'successor_id', name=op.f('division_successor_pk')),
    schema='tenants'
    )
    op.create_table('grant',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('granted_by', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['tenants.account.id'], name=op.f('grant_account_id_fk')),
    sa.ForeignKeyConstraint(['node_id'], ['tenants.area.id'], name=op.f('grant_node_id_fk')),
    sa.PrimaryKeyConstraint('id', name=op.f('grant_pk')),
    schema='tenants'
    )
    op.create_index('grant_account_idx', 'grant', ['account_id', 'node_id', 'role'], unique=True, schema='tenants')
    op.create_table('grid_version',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('grid_id', sa.Uuid(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('households', sa.Integer(), nullable=True),
    sa.Column('bounds', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id', 'grid_id'], ['tenants.grid.tenant_id', 'tenants.grid.id'], name=op.f('grid_version_tenant_id_grid_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('grid_version_pk')),
    sa.UniqueConstraint('tenant_id', 'grid_id', 'valid_from', name=op.f('grid_version_tenant_id_grid_id_valid_from_key')),
    schema='tenants'
    )
    op.create_table('household',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('grid_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'grid_id'], ['tenants.grid.tenant_id', 'tenants.grid.id'], name=op.f('household_tenant_id_grid_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('household_pk')),
    sa.UniqueConstraint('tenant_id', 'number', name=op.f('household_tenant_id_number_key')),
    schema='tenants'
    )
    op.create_index('household_grid_idx', 'household', ['tenant_id', 'grid_id', 'id'], unique=False, schema='tenants')
    op.create_table('session',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('csrf_hash', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['tenants.account.id'], name=op.f('session_account_id_fk')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('session_pk')),
    schema='tenants'
    )
    op.create_index('session_expiry_idx', 'session', ['expires_at'], unique=False, schema='tenants')


def downgrade() -> None:
    op.drop_index('session_expiry_idx', table_name='session', schema='tenants')
    op.drop_table('session', schema='tenants')
    op.drop_index('household_grid_idx', table_name='household', schema='tenants')
    op.drop_table('household', schema='tenants')
    op.drop_table('grid_version', schema='tenants')
    op.drop_index('grant_account_idx', table_name='grant', schema='tenants')
    op.drop_table('grant', schema='tenants')
    op.drop_table('division_successor', schema='tenants')
    op.drop_index('consent_person_idx', table_name='consent', schema='tenants')
    op.drop_table('consent', schema='tenants')
    op.drop_index('area_code_code_idx', table_name='area_code', schema='tenants')
    op.drop_table('area_code', schema='tenants')
    op.drop_table('api_token', schema='tenants')
    op.drop_table('tenant', schema='tenants')
    op.drop_index('sign_in_failure_subject_idx', table_name='sign_in_failure', schema='tenants')
    op.drop_table('sign_in_failure', schema='tenants')
    op.drop_table('profile_figure', schema='tenants')
    op.drop_table('plugin_switch', schema='tenants')
    op.drop_index('person_sort_idx', table_name='person', schema='tenants')
    op.drop_index('person_phone_idx', table_name='person', schema='tenants')
    op.drop_index('person_id_number_idx', table_name='person', schema='tenants')
    op.drop_table('person', schema='tenants')
    op.drop_table('grid', schema='tenants')
    op.drop_table('division', schema='tenants')
    op.drop_index('area_parent_idx', table_name='area', schema='tenants')
    op.drop_index('area_code_key', table_name='area', schema='tenants', postgresql_where=sa.text('code is not null'))
    op.drop_table('area', schema='tenants')
    op.drop_table('account', schema='tenants')
    op.drop_index('outbox_waiting_idx', table_name='outbox', schema='core', postgresql_where=sa.text('position is null'))
    op.drop_index('outbox_position_key', table_name='outbox', schema='core')
    op.drop_table('outbox', schema='core')
    op.drop_table('number', schema='core')
    op.drop_index('job_scope_idx', table_name='job', schema='core')
    op.drop_table('job', schema='core')
    op.drop_table('inbox', schema='core')
    op.drop_index('idempotency_age_idx', table_name='idempotency', schema='core')
    op.drop_table('idempotency', schema='core')
    op.drop_table('sealing_key', schema='core')
    op.drop_table('audit_end', schema='core')
    op.drop_index('audit_unsealed_idx', table_name='audit', schema='core', postgresql_where=sa.text('position is null'))
    op.drop_index('audit_scope_idx', table_name='audit', schema='core')
    op.drop_table('audit', schema='core')
    op.execute(sa.schema.DropSequence(sa.Sequence("area_step", schema="tenants")))
    op.execute(sa.schema.DropSequence(sa.Sequence("outbox_position", schema="core")))
