"""Figures for Prometheus. No party, lot or serial is ever a label.

With several server processes they add up in the files of PROMETHEUS_MULTIPROC_DIR, which `remelt
serve --processes` sets before they begin.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)  # fmt: skip
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from ledger import lastrun, readiness
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import published

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
# The version of the text format that every scraper reads.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # type: ignore[no-untyped-call]  # upstream
_SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_SECONDS: Final = Histogram(
    "remelt_request_seconds", "from the head of a request to the end of its answer",
    ["method", "route", "status"], buckets=_SECONDS,
)  # fmt: skip
_EVENTS: Final = Counter(
    "remelt_events", "events answered: accepted, or refused with a code", ["result"]
)
_COMMIT_EVENTS: Final = Histogram(
    "remelt_commit_events",
    "events in one commit",
    buckets=(1, 2, 5, 10, 20, 50, 100, 250, 500, 1000),
)
_COMMIT_SECONDS: Final = Histogram(
    "remelt_commit_seconds", "from taking the head to the end of the commit", buckets=_SECONDS
)
_WAITING: Final = Gauge(
    "remelt_pool_events", "events that wait to be written", multiprocess_mode="livesum"
)
_DATABASE_ERRORS: Final = Counter(
    "remelt_database_errors", "errors of the database, those that were tried again too", ["error"]
)


@lru_cache(maxsize=2_000)
def _of(method: str, route: str, status: int) -> Histogram:
    named = method if method in _METHODS else "other"
    return _REQUEST_SECONDS.labels(named, route, str(status))


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    _of(method, route, status).observe(seconds)


@lru_cache(maxsize=500)
def _result(name: str) -> Counter:
    return _EVENTS.labels(name)


def count_event(code: str = "", count: int = 1) -> None:
    """Events that were accepted (code "") or refused."""
    _result(code or "accepted").inc(count)


def observe_commit(count: int, seconds: float, waiting: int) -> None:
    _COMMIT_EVENTS.observe(count)
    _COMMIT_SECONDS.observe(seconds)
    _WAITING.set(waiting)


def watch(ledger: Ledger) -> None:
    """Count what goes on below the doors of this ledger."""
    ledger.sequencer.on_commit = observe_commit
    _watch_engine(ledger.engine)


def _watch_engine(engine: Engine) -> None:
    def count(context: ExceptionContext) -> None:
        error = context.original_exception
        _DATABASE_ERRORS.labels(type(error).__name__).inc()

    event.listen(engine, "handle_error", count)


class _Looked(Collector):
    """Gauges that are read when somebody asks."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def collect(self) -> Iterator[GaugeMetricFamily]:
        checks = readiness.look(self.ledger)
        ready = not any(check.state == "fail" for check in checks)
        yield GaugeMetricFamily("remelt_ready", "1 if this process can serve", ready)
        head = readiness.try_head(self.ledger)
        if head is not None:
            yield GaugeMetricFamily("remelt_head_size", "entries of the log", head.size)
            age_s = max(0.0, time.time() - head.at_ms / 1000)
            yield GaugeMetricFamily(
                "remelt_checkpoint_age_seconds", "since the last checkpoint was signed", age_s
            )
        yield from _published(self.ledger)
        for name, file in (("audit", lastrun.AUDIT), ("backup", lastrun.BACKUP)):
            found = lastrun.read(self.ledger.settings, file)
            if found is None:
                continue
            yield from _last_run(name, found)


def _published(ledger: Ledger) -> Iterator[GaugeMetricFamily]:
    try:
        with engines.reading(ledger.engine) as connection:
            shown = published.read(connection, ledger.log_id)
            states = published.states(connection, ledger.log_id)
    except (SQLAlchemyError, LedgerError, OSError):
        return
    if shown is None:
        return
    now_s = time.time()
    yield GaugeMetricFamily("remelt_published_size", "entries of what is published", shown.size)
    age_s = max(0.0, now_s - shown.published_ms / 1000)
    yield GaugeMetricFamily("remelt_published_age_seconds", "since it was put up or renewed", age_s)
    met = int(shown.met)
    yield GaugeMetricFamily("remelt_witness_quorum_met", "1 if the quorum cosigned it lately", met)
    yield GaugeMetricFamily("remelt_witnesses_asked", "witnesses that are asked", len(states))
    good = sum(readiness.is_current(state, shown) for state in states.values())
    yield GaugeMetricFamily("remelt_witnesses_met", "witnesses that cosigned it", good)
    ages = GaugeMetricFamily(
        "remelt_witness_age_seconds", "since a witness cosigned last", labels=["witness"]
    )
    for state in states.values():
        if state.cosigned_ms:
            ages.add_metric([state.name], max(0.0, now_s - state.cosigned_ms / 1000))
    yield ages


def _last_run(name: str, found: dict[str, Any]) -> Iterator[GaugeMetricFamily]:
    age_s = max(0.0, time.time() - found["at_ms"] / 1000)
    yield GaugeMetricFamily(f"remelt_{name}_age_seconds", f"since the last {name}", age_s)
    size = found.get("size")
    if isinstance(size, int):
        yield GaugeMetricFamily(f"remelt_{name}_size", f"entries in the last {name}", size)
    if isinstance(found.get("clean"), bool):
        clean = found["clean"]
        yield GaugeMetricFamily(f"remelt_{name}_clean", f"1 if the last {name} was clean", clean)


def exposition(ledger: Ledger) -> bytes:
    """Everything, in the text format. It reads the database: not on the event loop."""
    looked = CollectorRegistry(auto_describe=False)
    looked.register(_Looked(ledger))
    counted: CollectorRegistry = REGISTRY
    if os.environ.get(MULTIPROCESS):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # upstream
    return generate_latest(counted) + generate_latest(looked)
