"""A process that writes to a log until it is done or killed: `python -m tests.store.writer`.

    DATA   directory of the log        NAME   leads its lots and ids        COUNT  events

It prints `ready`, waits for a line, then prints one line of JSON for every acknowledged event.
The same NAME writes the same events. Every tenth is one that every NAME writes, or an old one.
"""

from __future__ import annotations

import json
import random
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from ledger.sequencer import Accepted, Result
from ledger.service import Ledger
from tests.store import plant

GROUPS_WAITING = 4
PAUSE_MOST_S = 0.01  # SQLite lets the process go on that holds the lock; so others get their turn


def event(name: str, number: int) -> plant.Envelope:
    """A receipt with an id of its own; the same for the same name and number."""
    lot = f"{('HF01', 'WH01')[number % 3 // 2]}/{name}-{number}"
    known = uuid.uuid5(uuid.NAMESPACE_URL, lot)
    private = {"note": f"{name} {number}"} if number % 5 == 0 else {}
    more = {"private": private} if private else {}
    return plant.receipt(lot, id=str(known), occurred_at="2026-01-02T03:04:05Z", **more)


def stream(name: str, count: int) -> Iterator[plant.Envelope]:
    """`count` events, a tenth of them not new, to this process or to the log."""
    rng = random.Random(name)
    for number in range(count):
        if rng.random() < 0.1:
            yield (
                event("ALL", number // 10)
                if rng.random() < 0.5
                else event(name, rng.randrange(number + 1))
            )
        yield event(name, number)


def show(envelopes: list[plant.Envelope], results: list[Result]) -> None:
    for envelope, result in zip(envelopes, results, strict=True):
        if not isinstance(result, Accepted):
            raise result
        line = {
            "party": envelope["party"], "id": envelope["id"], "n": result.n,
            "leaf_hash": result.leaf_hash.hex(), "size": result.size,
            "checkpoint": result.checkpoint, "proof": [node.hex() for node in result.proof],
        }  # fmt: skip
        print(json.dumps(line), flush=True)


def write(ledger: Ledger, name: str, count: int) -> None:
    """Groups of one to six, a few of them on their way at any time."""
    rng, events = random.Random(count), stream(name, count)
    waiting: deque[tuple[list[plant.Envelope], Future[list[Result]]]] = deque()
    while group := [e for _, e in zip(range(rng.randint(1, 6)), events, strict=False)]:
        waiting.append((group, plant.submit(ledger, *group)))
        time.sleep(rng.random() * PAUSE_MOST_S)
        if len(waiting) > GROUPS_WAITING:
            envelopes, future = waiting.popleft()
            show(envelopes, future.result(60))
    for envelopes, future in waiting:
        show(envelopes, future.result(60))


def main(data: str, name: str, count: str) -> None:
    ledger = Ledger.open(plant.settings_of(Path(data)))
    ledger.sequencer.start()
    print("ready", flush=True)
    sys.stdin.readline()
    write(ledger, name, int(count))
    plant.close(ledger)


if __name__ == "__main__":
    main(*sys.argv[1:])
