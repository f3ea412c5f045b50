"""What an event touches, names and uses up: what a store loads and keeps."""

from __future__ import annotations

import pytest

from ledger.book import fold
from tests.unit.ledger.book import replay

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_entry_changes_is_named_by_its_event_or_follows_from_it(seed: int) -> None:
    """Every object an entry touches was loaded before, unless it is new or read by the way."""
    for n, made in enumerate(replay.told(seed).entries, start=1):
        facts = made.facts(n)
        named = {fold.stored_key(key) for key in fold.mentioned(made.event)}
        for key in fold.touched(facts, replay.ORIGIN):
            kind = key.partition(":")[0]
            registers = made.event.kind.endswith(("_registered", "_added", "_revoked"))
            assert key in named or registers or kind == "certificate", (made.event.kind, key)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_state_after_an_entry_needs_only_the_state_before_it(seed: int) -> None:
    """Folding object by object, in any order, comes to what the log remembers."""
    log = replay.told(seed)
    memory = fold.Memory()
    memory.objects.update(replay.Log().memory.objects)
    for n, made in enumerate(log.entries, start=1):
        facts = made.facts(n)
        before = {key: memory.find(key) for key in fold.touched(facts, replay.ORIGIN)}
        memory.apply(facts, replay.ORIGIN)
        for key in reversed(list(before)):
            found = before[key]
            assert memory.objects[key] == (n, fold.after(key, facts, found[1] if found else None))
    assert memory.objects == log.memory.objects


def test_a_ticket_and_the_documents_of_a_receipt_are_used_up() -> None:
    uses = [
        key for seed in SEEDS for made in replay.told(seed).entries for key in fold.uses(made.event)
    ]
    assert any(key.startswith("ticket:") for key in uses)
    assert any(key.startswith("document:") for key in uses)
    assert {key.partition(":")[0] for key in uses} == {"ticket", "document"}


def test_a_lot_and_what_of_it_is_on_the_road_are_one_object() -> None:
    assert fold.stored_key("transit:HF01/A") == fold.stored_key("lot:HF01/A") == "lot:HF01/A"


def test_a_memory_falls_through_to_what_lies_below() -> None:
    below = replay.told(1).memory
    above = fold.Memory(below)
    for key, found in below.objects.items():
        assert above.find(key) == found
    for key, used in below.usage.items():
        assert above.used(key) == used
    assert above.find("lot:XX01/NONE") is None
    assert above.used("ticket:XX01/T#") is None
