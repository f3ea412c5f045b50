"""The HTTP server."""

from __future__ import annotations

import argparse
import socket
import sys
from typing import Final

import uvicorn

from api import app
from api.commands.ledgers import where
from ledger.service import Ledger

# The writer gives up the interpreter at every database call; with the default of 5 ms it would wait
# that long to get it back from a busy event loop, a dozen times for each commit.
SWITCH_INTERVAL_S: Final = 0.001


def serve(arguments: argparse.Namespace) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    ledger = Ledger.open(where(arguments))
    with socket.create_server((arguments.host, arguments.port)):
        pass  # a port that is taken is told before anything is promised
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
