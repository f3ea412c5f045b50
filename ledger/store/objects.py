"""The states of objects, read from the database and kept while the head stays where we left it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from ledger.book import fold, state
from ledger.store import codec, keyed, tables

CACHE_MAX: Final = 200_000
_OBJECTS: Final = keyed.keyed(tables.objects, "key", "key", "n", "state")
_USAGE: Final = keyed.keyed(tables.usage, "key", "key", "n", "party")


@dataclass
class Objects:
    """A state.Reader over the database.

    `known` keeps states between transactions, so that they are decoded once. `checked` names those
    of them that are as the database has them; the sequencer empties it when somebody else wrote.
    `absent` lives for one batch.
    """

    log_id: str
    connection: Connection
    known: dict[str, tuple[int, state.State]] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    usage: dict[str, tuple[int, str]] = field(default_factory=dict)

    def find(self, key: str) -> tuple[int, state.State] | None:
        """See state.Reader. A "transit:" key is the lot's."""
        stored = fold.stored_key(key)
        if stored not in self.checked and stored not in self.absent:
            self.prefetch([stored])
        return self.known[stored] if stored in self.checked else None

    def used(self, key: str) -> tuple[int, str] | None:
        """See state.Reader."""
        if key not in self.usage and key not in self.absent:
            self.prefetch([], [key])
        return self.usage.get(key)

    def prefetch(self, keys: Iterable[str], uses: Iterable[str] = ()) -> None:
        """Load what a batch will ask for, in few queries."""
        wanted = [k for k in dict.fromkeys(keys) if k not in self.checked and k not in self.absent]
        for key, n, data in self._rows(_OBJECTS, wanted):
            kept = self.known.get(key)
            if kept is None or kept[0] != n:  # what entry n made of an object never changes
                self.known[key] = (n, codec.decode_state(key, data))
            self.checked.add(key)
            self.absent.discard(key)
        wanted = [k for k in dict.fromkeys(uses) if k not in self.usage and k not in self.absent]
        for key, n, party in self._rows(_USAGE, wanted):
            self.usage[key] = (n, party)
            self.absent.discard(key)

    def _rows(self, query: keyed.Keyed, wanted: list[str]) -> Iterator[Any]:
        self.absent.update(wanted)
        return query.rows(self.connection, wanted, log_id=self.log_id)
