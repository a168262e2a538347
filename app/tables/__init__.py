"""Read tables: SQLite tables that follow a store by its position and that pages, lists and exports read.

They can be deleted and built again at any time. Every query takes a scope:
there is no way here to ask for a record without saying whose eyes it is for.
One process writes them: see `app.tables.elsewhere`.
"""

from app.tables.follow import Tables
from app.tables.reading import ReadTables

__all__ = ["ReadTables", "Tables"]
