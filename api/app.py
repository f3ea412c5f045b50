"""The HTTP server: `uvicorn --factory api.app:create_app`, or `remelt serve`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import limits, logs, metrics, problems
from api.answers import Answers
from api.callers import Callers
from api.heads import Heads
from api.openapi import document
from api.pages import detail, login, mine, printing, resolver
from api.pages import views as pages
from api.routes import (
    docs,
    events,
    gtins,
    health,
    labels,
    lists,
    log,
    logkeys,
    lots,
    tiles,
    vocabulary,
)
from api.shield import Shield
from api.watch import Watch
from ledger import highwater, readiness, settings
from ledger.publisher import Publisher
from ledger.service import Ledger


def _note(ledger: Ledger) -> None:
    head = readiness.try_head(ledger)
    if head is not None:
        highwater.raise_to(ledger.settings, head)


def create_app(ledger: Ledger | None = None) -> FastAPI:
    opened = ledger or Ledger.open(settings.load())
    publisher = Publisher.of(opened)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.answers.start()
        opened.sequencer.start()
        await run_in_threadpool(publisher.start)
        yield
        publisher.stop()
        opened.sequencer.stop()
        _note(opened)
        opened.engine.dispose()

    app = FastAPI(
        title="Remelt",
        version=version("remelt"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # ours has an ETag
        redirect_slashes=False,  # another address is another thing, or nothing
    )
    app.state.ledger = opened
    app.state.answers = Answers(opened.sequencer)
    app.state.callers = Callers(opened, limits.of(opened.settings))
    app.add_middleware(Heads)
    app.add_middleware(Shield)
    lines = opened.settings.access_log and opened.settings.log_level in ("debug", "info")
    app.add_middleware(Watch, lines=lines, as_json=logs.is_json(opened.settings))
    metrics.watch(opened)
    problems.install(app)
    for router in (events.router, lists.router, lots.router, log.router, health.router):
        app.include_router(router)
    for router in (logkeys.router, labels.router, gtins.router, vocabulary.router, docs.router):
        app.include_router(router)
    app.include_router(tiles.router)
    if (tiled := tiles.below(opened.origin)) is not None:
        app.include_router(tiled)
    for own in (login.router, mine.router, detail.router, printing.router):
        app.include_router(own)
    app.include_router(resolver.router)
    app.include_router(pages.router)
    document.install(app)
    return app
