"""What clients were told by a log: every answer proven, every checkpoint of one chain.

`Chain` is what a client can check on its own; `Mirror` holds what stands in the database, and that
it only ever grows, against it.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ledger import service
from ledger.store import engine as engines
from ledger.store import entries, tables
from ledger.tlog import checkpoint, note, proof, tiles, tree
from tests.store import plant

Place = tuple[int, bytes]


@dataclass
class Chain:
    """Every checkpoint that any client saw, and where every acknowledged event is."""

    verifier: note.Verifier
    roots: dict[int, bytes] = field(default_factory=dict)
    told: dict[str, Place] = field(default_factory=dict)
    linked: set[tuple[int, int]] = field(default_factory=set)
    answers: int = 0
    _notes: dict[str, checkpoint.Checkpoint] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path) -> Chain:
        ledger = service.Ledger.open(plant.settings_of(data))
        verifier = ledger.verifier
        plant.close(ledger)
        return cls(verifier)

    def see(self, text: str) -> checkpoint.Checkpoint:
        """A checkpoint that somebody saw: signed, and no other root of its size was ever seen."""
        known = self._notes.get(text)
        if known is not None:
            return known
        signed, _ = checkpoint.open_checkpoint(text.encode(), [self.verifier])
        assert signed.origin == plant.ORIGIN
        first = self.roots.setdefault(signed.size, signed.root)
        assert first == signed.root, f"a fork: two roots of size {signed.size}, both signed"
        self._notes[text] = signed
        return signed

    def acknowledged(self, event_id: str, answer: dict[str, Any]) -> Place:
        """An answer to a submission: proven, and the same as ever."""
        signed = self.see(answer["checkpoint"])
        place = (answer["n"], bytes.fromhex(answer["leaf_hash"]))
        assert signed.size == answer["size"]
        self.prove(place, signed.size, answer["proof"])
        first = self.told.setdefault(event_id, place)
        assert first == place, f"{event_id} was entry {first[0]}, and then {place[0]}"
        self.answers += 1
        return place

    def prove(self, place: Place, size: int, hashes: list[str]) -> None:
        """An inclusion proof must hold against the checkpoint of that size that was seen."""
        proof.check_inclusion(
            tuple(map(bytes.fromhex, hashes)),
            size=size, root=self.roots[size], index=place[0], leaf_hash=place[1],
        )  # fmt: skip

    def link(self, old: int, new: int, hashes: list[str]) -> None:
        """A consistency proof must hold between two checkpoints that were seen."""
        proof.check_consistency(
            tuple(map(bytes.fromhex, hashes)),
            old_size=old, old_root=self.roots[old], new_size=new, new_root=self.roots[new],
        )  # fmt: skip
        self.linked.add((old, new))

    def unlinked(self) -> list[tuple[int, int]]:
        """(size, next size) wherever nothing proved yet that the one is a prefix of the other."""
        sizes = sorted(self.roots)
        return [pair for pair in itertools.pairwise(sizes) if pair not in self.linked]


@dataclass
class Mirror:
    """A copy of the leaf hashes that were in the database, followed as it grows."""

    data: Path
    chain: Chain
    hashes: list[bytes] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    edge: tree.Edge = tree.EMPTY_EDGE
    checked: int = 0  # so many acknowledged events were compared

    def follow(self) -> int:
        """What is in the database goes on from what was, under the checkpoints that were seen.

        The number of new entries. Nothing acknowledged may be missing, or elsewhere.
        """
        before = len(self.hashes)
        with (
            engines.opened(plant.url_of(self.data)) as engine,
            engines.reading(engine) as connection,
        ):
            (log_id,) = entries.log_ids(connection)
            head = entries.read_head(connection, log_id)
            assert head is not None
            assert head.size >= before, f"the log shrank from {before} to {head.size}"
            read = lambda level, i: entries.read_tile(connection, log_id, level, i)  # noqa: E731
            if before:
                assert tiles.root_at(before, read) == tree.edge_root(self.edge), "another past"
            c = tables.entries.c
            query = select(c.n, c.event_id, c.leaf_hash).where(c.n >= before).order_by(c.n)
            for n, event_id, leaf_hash in connection.execute(query):
                assert n == len(self.hashes), f"entry {len(self.hashes)} is missing"
                assert self.ids.setdefault(event_id, n) == n, f"{event_id} was recorded twice"
                self.hashes.append(leaf_hash)
        assert len(self.hashes) == head.size
        self._check_roots(before)
        assert tree.edge_root(self.edge) == head.root
        self._check_told()
        return head.size - before

    def _check_roots(self, before: int) -> None:
        """Every checkpoint that was seen is of a prefix of what stands there."""
        sizes = sorted(self.chain.roots)
        assert sizes[-1:] <= [len(self.hashes)], f"a checkpoint of {sizes[-1]} is ahead of the log"
        for size in sizes[bisect.bisect_right(sizes, before) :]:
            self.edge = tree.edge_extend(self.edge, self.hashes[self.edge.size : size])
            assert tree.edge_root(self.edge) == self.chain.roots[size], f"root of {size}"
        self.edge = tree.edge_extend(self.edge, self.hashes[self.edge.size :])

    def _check_told(self) -> None:
        fresh = list(self.chain.told.items())[self.checked :]
        lost = [event_id for event_id, place in fresh if not self._has(event_id, place)]
        assert not lost, f"{len(lost)} of {len(fresh)} acknowledged events are lost"
        self.checked += len(fresh)

    def _has(self, event_id: str, place: Place) -> bool:
        n, leaf_hash = place
        return self.ids.get(event_id) == n and self.hashes[n] == leaf_hash

    def finish(self) -> int:
        """Everything once more from the beginning, and a full audit; the size of the log."""
        fresh = Mirror(self.data, self.chain)
        fresh.follow()
        assert fresh.hashes[: len(self.hashes)] == self.hashes
        ledger = service.Ledger.open(plant.settings_of(self.data))
        try:
            return plant.audited(ledger).size
        finally:
            plant.close(ledger)
