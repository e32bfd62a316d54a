"""How alembic reaches our tables: through the connection it is handed, in that connection's own transaction."""

from __future__ import annotations

from alembic import context

import alerts.tables  # noqa: F401 - its tables share the metadata
import monitor.store.tables  # noqa: F401
from alerts.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
