"""Writers of one SQLite file take turns instead of sleeping."""

from __future__ import annotations

import threading
from pathlib import Path

from ledger.store import engine as engines
from ledger.store import turns


def test_the_turn_passes_at_once(data: Path) -> None:
    engine = engines.connect(f"sqlite:///{data}/ledger.sqlite")
    order: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with turns.taken(engine, 10_000):
            order.append("second")

    thread = threading.Thread(target=second)
    with turns.taken(engine, 10_000):
        thread.start()
        begun.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    engine.dispose()


def test_patience_ends_and_the_database_has_the_last_word(data: Path) -> None:
    engine = engines.connect(f"sqlite:///{data}/ledger.sqlite")
    with turns.taken(engine, 10_000), turns.taken(engine, 20):
        pass  # the second gave up waiting, and went on to ask the database
    engine.dispose()


def test_a_database_in_memory_needs_no_turns() -> None:
    engine = engines.connect("sqlite://")
    with turns.taken(engine, 10_000), turns.taken(engine, 10_000):
        pass
    engine.dispose()
