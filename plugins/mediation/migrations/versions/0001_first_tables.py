"""first tables"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('dispute',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('dispute_pk')),
    schema='mediation'
    )
    op.create_table('mediator',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('appointed_on', sa.Date(), nullable=False),
    sa.Column('term_ends_on', sa.Date(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('mediator_pk')),
    schema='mediation'
    )
    op.create_index('mediator_name_idx', 'mediator', ['tenant_id', 'sort_key', 'id'], unique=False, schema='mediation')
    op.create_table('tally',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.Column('closed', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('tally_pk')),
    sa.UniqueConstraint('tenant_id', 'month', 'category', name=op.f('tally_tenant_id_month_category_key')),
    schema='mediation'
    )
    op.create_table('case',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('dispute_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.Column('grid_id', sa.Uuid(), nullable=True),
    sa.Column('mediator_id', sa.Uuid(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'dispute_id'], ['mediation.dispute.tenant_id', 'mediation.dispute.id'], name=op.f('case_tenant_id_dispute_id_fk')),
    sa.ForeignKeyConstraint(['tenant_id', 'grid_id'], ['tenants.grid.tenant_id', 'tenants.grid.id'], name=op.f('case_tenant_id_grid_id_fk')),
    sa.ForeignKeyConstraint(['tenant_id', 'mediator_id'], ['mediation.mediator.tenant_id', 'mediation.mediator.id'], name=op.f('case_tenant_id_mediator_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('case_pk')),
    sa.UniqueConstraint('tenant_id', 'number', name=op.f('case_tenant_id_number_key')),
    schema='mediation'
    )
    op.create_index('case_received_idx', 'case', ['tenant_id', 'received_at', 'id'], unique=False, schema='mediation')
    op.create_index('case_state_idx', 'case', ['tenant_id', 'state', 'id'], unique=False, schema='mediation')
    op.create_table('agreement',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('form', sa.Text(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('effective_on', sa.Date(), nullable=False),
    sa.Column('perform_by', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'case_id'], ['mediation.case.tenant_id', 'mediation.case.id'], name=op.f('agreement_tenant_id_case_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('agreement_pk')),
    schema='mediation'
    )
    op.create_index('agreement_case_idx', 'agreement', ['tenant_id', 'case_id', 'id'], unique=False, schema='mediation')
    op.create_table('party',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('side', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('consented', sa.Boolean(), nullable=False),
    sa.Column('rights_told_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id', 'case_id'], ['mediation.case.tenant_id', 'mediation.case.id'], name=op.f('party_tenant_id_case_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('party_pk')),
    schema='mediation'
    )
    op.create_index('party_case_idx', 'party', ['tenant_id', 'case_id', 'id'], unique=False, schema='mediation')
    op.create_table('step',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('to_state', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'case_id'], ['mediation.case.tenant_id', 'mediation.case.id'], name=op.f('step_tenant_id_case_id_fk')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('step_pk')),
    schema='mediation'
    )
    op.create_index('step_case_idx', 'step', ['tenant_id', 'case_id', 'id'], unique=False, schema='mediation')


def downgrade() -> None:
    op.drop_index('step_case_idx', table_name='step', schema='mediation')
    op.drop_table('step', schema='mediation')
    op.drop_index('party_case_idx', table_name='party', schema='mediation')
    op.drop_table('party', schema='mediation')
    op.drop_index('agreement_case_idx', table_name='agreement', schema='mediation')
    op.drop_table('agreement', schema='mediation')
    op.drop_index('case_state_idx', table_name='case', schema='mediation')
    op.drop_index('case_received_idx', table_name='case', schema='mediation')
    op.drop_table('case', schema='mediation')
    op.drop_table('tally', schema='mediation')
    op.drop_index('mediator_name_idx', table_name='mediator', schema='mediation')
    op.drop_table('mediator', schema='mediation')
    op.drop_table('dispute', schema='mediation')
