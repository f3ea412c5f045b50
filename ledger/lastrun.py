"""When the last backup and the last audit were, and what they found: for who watches the ledger.

A small file each in the ledger's directory. Nothing is proved by them.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

import orjson

from ledger.settings import Settings

BACKUP: Final = "last-backup.json"
AUDIT: Final = "last-audit.json"


def write(settings: Settings, name: str, found: dict[str, Any]) -> None:
    """Note what was found just now. Nothing happens where the directory cannot be written."""
    path = settings.data / name
    fresh = path.with_name(f".{name}.{os.getpid()}")
    try:
        fresh.write_bytes(orjson.dumps({"at_ms": time.time_ns() // 1_000_000, **found}))
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)


def read(settings: Settings, name: str) -> dict[str, Any] | None:
    """What was noted last; None where nothing was, or it cannot be read."""
    try:
        found = orjson.loads((settings.data / name).read_bytes())
    except (OSError, ValueError):
        return None
    known = isinstance(found, dict) and isinstance(found.get("at_ms"), int)
    return found if known else None
