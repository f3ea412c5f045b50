"""The door of a witness: add-checkpoint, what was cosigned last, and a page about itself."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import witness as witnesses
from ledger.errors import LedgerError
from ledger.tlog import witness as protocol
from ledger.witness import Config, Judges, Refused, Witness

BODY_TIMEOUT_S: Final = 10.0
# As many threads as SQLAlchemy keeps connections, and those that wait for a judge, without one.
_THREADS: Final = 12
_SHOWN_MAX: Final = 100
_ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_LOGGER: Final = logging.getLogger("remelt.witness")


def serve_app(config: Config, judges: Judges | None = None) -> Starlette:
    """The app of the witness of `config`, made if it is new. judges: by origin of the log."""
    return create_app(witnesses.open_witness(config, judges))


def create_app(witness: Witness) -> Starlette:
    threads = anyio.CapacityLimiter(_THREADS + len(witness.benches) * witnesses.JUDGED_AT_ONCE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        witnesses.close(witness)

    async def in_thread(call: Callable[[], Response]) -> Response:
        return await to_thread.run_sync(call, limiter=threads)

    async def add(request: Request) -> Response:
        body = await _read(request)
        if isinstance(body, Refused):
            return _refuse(body, {"Connection": "close"})
        return await in_thread(functools.partial(_add, witness, body))

    async def last(request: Request) -> Response:
        named = request.path_params["origin_hash"]
        return await in_thread(functools.partial(_last, witness, named))

    async def healthz(_: Request) -> Response:
        return _plain(b"ok\n")

    async def about(_: Request) -> Response:
        return _plain(_about(witness))

    routes = [
        Route("/add-checkpoint", add, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/{origin_hash}/checkpoint", last),
        Route("/", about),
    ]
    handlers = {HTTPException: _not_here, Exception: _fault}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def _read(request: Request) -> bytes | Refused:
    """The body, as far as one may be read: its size and its time are limited."""
    limit, body = protocol.MAX_REQUEST_BYTES, bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    return Refused(413, f"a body of more than {limit} bytes")
    except TimeoutError:
        return Refused(408, f"no whole body in {BODY_TIMEOUT_S:.0f} s")
    except ClientDisconnect:
        return Refused(400, "no whole body")
    return bytes(body)


def _add(witness: Witness, body: bytes) -> Response:
    try:
        answer = witnesses.add_checkpoint(witness, body)
    except LedgerError as error:
        return _unable(error)
    return _refuse(answer) if isinstance(answer, Refused) else _plain(answer)


def _last(witness: Witness, origin_hash: str) -> Response:
    try:
        found = witnesses.last_cosigned(witness, origin_hash)
    except LedgerError as error:
        return _unable(error)
    return (
        _refuse(Refused(404, "nothing cosigned of such a log")) if found is None else _plain(found)
    )


def _unable(error: LedgerError) -> Response:
    """Our store cannot be used, whatever was asked: nothing was cosigned."""
    _LOGGER.error("%s: %s", error.code, error.message, exc_info=error)
    return _refuse(Refused(503, "this witness cannot use its store now"), {"Retry-After": "10"})


def _refuse(refused: Refused, more: Mapping[str, str] | None = None) -> Response:
    headers = {**_ALWAYS, "Content-Type": refused.content_type, **(more or {})}
    return Response(refused.body, refused.status, headers)


def _plain(body: bytes) -> Response:
    return Response(body, 200, {**_ALWAYS, "Content-Type": protocol.TEXT_TYPE})


async def _not_here(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _refuse(Refused(error.status_code, error.detail.lower()), error.headers)


async def _fault(_: Request, __: Exception) -> Response:
    return _refuse(Refused(500, "a fault of this witness; nothing was cosigned"))


def _about(witness: Witness) -> bytes:
    audits = "audits what is behind, and " if witness.benches else ""
    lines = [
        f"{witness.name}: a witness of transparency logs (https://c2sp.org/tlog-witness).",
        f"It {audits}cosigns checkpoints that go on from the last one it cosigned of a log.",
        "",
        *witness.vkeys,
        "",
        "POST /add-checkpoint                ask for a cosignature",
        "GET /<sha256 of origin>/checkpoint  what was cosigned last of a log",
        "",
        *(f"{digest}  {origin}" for digest, origin in islice(witness.origins.items(), _SHOWN_MAX)),
        *(f"and {more} more" for more in [len(witness.origins) - _SHOWN_MAX] if more > 0),
    ]
    return "".join(f"{line}\n" for line in lines).encode()
