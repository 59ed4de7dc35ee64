"""grants at one grid of a community; when an account was signed out"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'account', sa.Column('signed_out_at', sa.DateTime(timezone=True), nullable=True), schema='tenants'
    )
    op.add_column('grant', sa.Column('grid_id', sa.Uuid(), nullable=True), schema='tenants')
    op.create_foreign_key(
        op.f('grant_node_id_grid_id_fk'), 'grant', 'grid', ['node_id', 'grid_id'], ['tenant_id', 'id'],
        source_schema='tenants', referent_schema='tenants',
    )
    op.drop_index('grant_account_idx', table_name='grant', schema='tenants')
    op.create_index(
        'grant_account_idx', 'grant', ['account_id', 'node_id', 'role', 'grid_id'],
        unique=True, schema='tenants', postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    # A grant at one grid can't be told without it; at the whole community it would reach further.
    op.execute('delete from tenants."grant" where grid_id is not null')
    op.drop_index('grant_account_idx', table_name='grant', schema='tenants')
    op.create_index(
        'grant_account_idx', 'grant', ['account_id', 'node_id', 'role'], unique=True, schema='tenants'
    )
    op.drop_column('grant', 'grid_id', schema='tenants')
    op.drop_column('account', 'signed_out_at', schema='tenants')
