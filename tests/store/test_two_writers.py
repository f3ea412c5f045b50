"""Two writers that take turns: what one remembers of the log is never older than what it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ledger import edges
from ledger.book import state
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from tests.store import plant


def test_what_the_other_used_up_is_gone(opened: Callable[[], Ledger]) -> None:
    first, second = opened(), opened()
    for ledger in (first, second):
        ledger.sequencer.start()
    plant.accept(first, plant.receipt("HF01/A"), plant.receipt("HF01/B"))
    plant.accept(second, plant.melt("HF01/H-1", ["HF01/A"], "HF01/I-1", "9 t"))
    again = plant.melt("HF01/H-2", ["HF01/A"], "HF01/I-2", "9 t")
    other = plant.melt("HF01/H-3", ["HF01/B"], "HF01/I-3", "9 t")
    assert plant.codes(plant.record(first, again, other)) == ["LOT_CONSUMED", ""]
    assert plant.codes(plant.record(second, other, again)) == ["", "LOT_CONSUMED"]
    assert plant.audited(first).finding is None


def _followed(ledger: Ledger, before: edges.Edge) -> edges.Edge:
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        assert head is not None
        return edges.follow(connection, ledger.log_id, head, before)


def test_states_are_remembered_of_the_same_past_only(running: Ledger) -> None:
    with engines.reading(running.engine) as connection:
        head = entries.read_head(connection, running.log_id)
        assert head is not None
        left = edges.load(connection, running.log_id, head)
    left.known["site:HF01"] = (2, state.Party("HEFEI", "CN", "open"))
    plant.accept(running, plant.receipt("HF01/A"))
    assert _followed(running, left).known is left.known
    left.head = replace(left.head, last_leaf=bytes(32))
    assert _followed(running, left).known == {}
