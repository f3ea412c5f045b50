"""SQLAlchemy and nothing else: tables, entries, objects, tiles."""
