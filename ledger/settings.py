"""The environment, read once.

REMELT_DATA       directory of the embedded database, keys and policy (default ./remelt-data)
REMELT_DATABASE   database URL (default: ledger.sqlite in the data directory)
REMELT_MASTER_KEY 64 hex digits that seal the keys of custodial parties (default: keys/master.key)
REMELT_HOST       host that labels and links name (default: the host part of the log's origin)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are."""

    data: Path
    database: str
    host: str
    master_key: str = field(repr=False)  # never in a log line or traceback

    @property
    def keys(self) -> Path:
        """The directory of private keys."""
        return self.data / "keys"


def load(data: str | None = None, database: str | None = None) -> Settings:
    """Settings from the environment; arguments win."""
    directory = Path(data or os.environ.get("REMELT_DATA") or "remelt-data").absolute()
    url = database or os.environ.get("REMELT_DATABASE") or f"sqlite:///{directory}/ledger.sqlite"
    return Settings(
        directory,
        url,
        os.environ.get("REMELT_HOST", ""),
        os.environ.get("REMELT_MASTER_KEY", ""),
    )
