"""The states of objects, read from the database and kept while the head stays where we left it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, select

from ledger.book import fold, state
from ledger.store import codec, tables

CACHE_MAX: Final = 200_000
_CHUNK: Final = 500


@dataclass
class Objects:
    """A state.Reader over the database.

    `known` keeps found states between transactions; it is valid only while nobody else writes, so
    the sequencer clears it whenever the head is not where it left it. `absent` lives for one batch.
    """

    log_id: str
    connection: Connection
    known: dict[str, tuple[int, state.State]]
    absent: set[str] = field(default_factory=set)
    usage: dict[str, tuple[int, str]] = field(default_factory=dict)

    def find(self, key: str) -> tuple[int, state.State] | None:
        """See state.Reader. A "transit:" key is the lot's."""
        stored = fold.stored_key(key)
        if stored not in self.known and stored not in self.absent:
            self.prefetch([stored])
        return self.known.get(stored)

    def used(self, key: str) -> tuple[int, str] | None:
        """See state.Reader."""
        if key not in self.usage and key not in self.absent:
            self.prefetch([], [key])
        return self.usage.get(key)

    def prefetch(self, keys: Iterable[str], uses: Iterable[str] = ()) -> None:
        """Load what a batch will ask for, in few queries."""
        wanted = [k for k in dict.fromkeys(keys) if k not in self.known and k not in self.absent]
        for chunk in _chunks(wanted):
            query = select(*tables.objects.c["key", "n", "state"]).where(
                tables.objects.c.log_id == self.log_id, tables.objects.c.key.in_(chunk)
            )
            self.absent.update(chunk)
            for key, n, data in self.connection.execute(query):
                self.known[key] = (n, codec.decode_state(key, data))
                self.absent.discard(key)
        wanted = [k for k in dict.fromkeys(uses) if k not in self.usage and k not in self.absent]
        for chunk in _chunks(wanted):
            query = select(*tables.usage.c["key", "n", "party"]).where(
                tables.usage.c.log_id == self.log_id, tables.usage.c.key.in_(chunk)
            )
            self.absent.update(chunk)
            for key, n, party in self.connection.execute(query):
                self.usage[key] = (n, party)
                self.absent.discard(key)


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[i : i + _CHUNK] for i in range(0, len(keys), _CHUNK))
