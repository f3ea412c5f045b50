"""The HTTP server."""

from __future__ import annotations

import argparse

import uvicorn

from api import app
from api.commands.ledgers import where
from ledger.service import Ledger


def serve(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    print(f"{ledger.origin}: http://{arguments.host}:{arguments.port}", flush=True)
    uvicorn.run(
        app.create_app(ledger),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    return 0
