"""The HTTP server."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from api import app, logs, metrics
from api.commands import listening
from api.commands.ledgers import where
from ledger import disputes, highwater, settings, tail
from ledger.service import Ledger
from ledger.store import engine as engines

# The writer gives up the interpreter at every database call; with the default of 5 ms it would wait
# that long to get it back from a busy event loop, a dozen times for each commit.
SWITCH_INTERVAL_S: Final = 0.001
# The remembered states hold no cycles, and walking all of them again and again costs a fifth.
GC_THRESHOLDS: Final = (100_000, 20, 50)


def serve(arguments: argparse.Namespace) -> int:
    found = where(arguments)
    logs.configure(found)
    ledger = Ledger.open(found)
    with engines.reading(ledger.engine) as connection:
        tail.check(connection, ledger.log_id, ledger.verifiers)
        highwater.check(connection, ledger.log_id, found)
    for said in disputes.check_witnesses(ledger):
        print(f"remelt: warning: {said}", file=sys.stderr)
    listening.check(arguments.host, arguments.port)
    print(f"{ledger.origin}: http://{arguments.host}:{arguments.port}", flush=True)
    options: dict[str, Any] = {
        "host": arguments.host, "port": arguments.port, "log_config": None,
        "log_level": "warning", "access_log": False, "timeout_graceful_shutdown": 10,
        "proxy_headers": bool(found.proxies), "forwarded_allow_ips": found.proxies or None,
    }  # fmt: skip
    if arguments.processes == 1:
        uvicorn.run(_tuned(ledger), **options)
        return 0
    ledger.engine.dispose()
    os.environ.update(REMELT_DATA=str(found.data), REMELT_DATABASE=found.database)
    os.environ.pop("REMELT_DATABASE_FILE", None)
    factory = f"{__name__}:one_of_several"
    with tempfile.TemporaryDirectory(prefix="remelt-metrics-") as figures:
        os.environ[metrics.MULTIPROCESS] = figures
        uvicorn.run(factory, factory=True, workers=arguments.processes, **options)
    return 0


def one_of_several() -> FastAPI:
    """What each of several server processes serves; they share the port, and take turns writing."""
    found = settings.load()
    logs.configure(found)
    return _tuned(Ledger.open(found))


def _tuned(ledger: Ledger) -> FastAPI:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    made = app.create_app(ledger)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return made
