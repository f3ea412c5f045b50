"""Printing: plain lines for people, JSON for programs, progress on stderr for what takes long."""

from __future__ import annotations

import sys
import time
from typing import Any

import orjson


def json(value: Any) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


class Progress:
    """A line on stderr once something has taken more than a second."""

    def __init__(self, what: str) -> None:
        self.what, self.began, self.shown = what, time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.began < 1 or now - self.shown < 0.5:
            return
        self.shown = now
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{self.what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
