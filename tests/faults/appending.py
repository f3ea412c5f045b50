"""A process that appends to a log and prints what it was told: what faults are injected into.

    DATA  directory of the log     GO  a file it waits for     LOT…  one receipt each, one by one

Lines: `ready`, then `LOT acknowledged N LEAF_HASH` or `LOT refused CODE`, then `closed`. All is
done in one thread, because strace counts system calls by thread.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event

from ledger import service
from ledger.errors import LedgerError
from ledger.sequencer import Accepted, Result
from ledger.store import engine as engines
from tests.store import plant

PATIENCE_S: Final = 60
PRAGMAS: Final = "APPENDING_PRAGMAS"  # of every connection, instead of ours


def envelope(lot: str) -> plant.Envelope:
    """The receipt of a lot, with the same id whenever it is asked for."""
    known = uuid.uuid5(uuid.NAMESPACE_URL, lot)
    return plant.receipt(lot, id=str(known), occurred_at="2026-01-02T03:04:05Z")


def say(*words: object) -> None:
    """One write: a line is there whole, or not at all."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def record(ledger: service.Ledger, lot: str) -> Result:
    try:
        future = plant.submit(ledger, envelope(lot))
        ledger.sequencer._pool.put(None)
        ledger.sequencer._run()
        return future.result(PATIENCE_S)[0]
    except LedgerError as error:
        return error


def append(ledger: service.Ledger, lot: str) -> None:
    result = record(ledger, lot)
    if isinstance(result, Accepted):
        say(lot, "acknowledged", result.n, result.leaf_hash.hex())
    else:
        say(lot, "refused", result.code)


def use(pragmas: str) -> None:
    """Set what no setting of ours allows, so that tests can show that they would notice."""
    if "synchronous" in pragmas:
        engines.check_durable = lambda engine: None
    connect = engines.connect

    def with_pragmas(url: str) -> Engine:
        engine = connect(url)
        event.listen(engine, "connect", lambda driver, _: driver.executescript(pragmas))
        return engine

    engines.connect = with_pragmas


def main(data: str, go: str, *lots: str) -> None:
    say("ready")
    until = time.monotonic() + PATIENCE_S
    while not Path(go).exists():
        if time.monotonic() > until:
            sys.exit("nobody said go")
        time.sleep(0.002)
    if os.environ.get(PRAGMAS):
        use(os.environ[PRAGMAS])
    try:
        ledger = service.Ledger.open(plant.settings_of(Path(data)))
    except LedgerError as error:
        say("refused", error.code)
        return
    for lot in lots:
        append(ledger, lot)
    plant.close(ledger)
    say("closed")
