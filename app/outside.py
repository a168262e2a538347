"""What reporting tools find in a centre's PostgreSQL: views made of the published forms."""

from __future__ import annotations

import logging

from app.publish import EVERY_FORM, FormShelf
from sync.store.base import Store

log = logging.getLogger("ruhu.outside")


def refresh_views(store: Store, shelf: FormShelf) -> list[str]:
    """Make the SQL views anew; nothing on a store that is no database server. Answers their names."""
    from sync.store.postgres import PostgresStore
    from sync.store.postgres_views import make_views

    if not isinstance(store, PostgresStore):
        return []
    definitions = []
    cursor, more = None, True
    while more:
        page = store.pull(EVERY_FORM, cursor, 500)
        cursor, more = page.cursor, page.more
        for record in page.records:
            for version in record.fields.get("versions") or {}:
                form = shelf.get(record.id, version)
                if form is not None:
                    definitions.append(form.definition)
    with store.transaction() as connection:
        return make_views(connection, definitions)
