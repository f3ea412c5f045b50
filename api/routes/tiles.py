"""The log as C2SP tlog-tiles reads it: the published checkpoint, tiles, bundles of entries.

Source: C2SP tlog-tiles v0.1. Below the log's own prefix, and at the root as well.
"""

from __future__ import annotations

import gzip
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from api import deps, etags, problems
from api.deps import LedgerDep
from ledger.errors import LedgerError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.tlog import tiles, tree

BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
FOREVER: Final = "max-age=31536000, immutable"
# Verifiers in browsers, wherever they come from, read what everybody may read.
_ANYWHERE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_GZIP_LEVEL: Final = 5
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_QUALITY: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)
_BINARY: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}

router = APIRouter(tags=["tiles"], dependencies=[Depends(deps.known_parameters)])
Level = Annotated[str, Path(examples=["0"])]
Index = Annotated[str, Path(examples=["000.p/5"])]


def below(origin: str) -> APIRouter | None:
    """The same addresses below the path of an origin, where it has one that needs no escapes."""
    prefix = "/" + origin.partition("/")[2]
    if not _PREFIX.fullmatch(prefix):
        return None
    made = APIRouter(prefix=prefix, include_in_schema=False)
    made.include_router(router)
    return made


@router.get("/checkpoint", responses={200: {"content": {"text/plain": {}}}})
async def published_checkpoint(request: Request, ledger: LedgerDep) -> Response:
    """The checkpoint that was published last, with the cosignatures of witnesses."""
    try:
        note = await run_in_threadpool(_published, ledger)
    except LedgerError as error:
        return _refused(request, error)
    return etags.answer(request, note, TEXT, cache="public, max-age=1", vary="", always=_ANYWHERE)


@router.get("/tile/entries/{index:path}", response_class=Response, responses=_BINARY)
async def entry_bundle(request: Request, ledger: LedgerDep, index: Index) -> Response:
    """Up to 256 entries, each behind its length (two bytes, the larger first)."""
    private = ledger.settings.entries == "private"
    if private:
        deps.need(await deps.principal(request), "audit")
    try:
        data = await run_in_threadpool(_bundle, ledger, _place(request, f"entries/{index}"))
    except LedgerError as error:
        if private:
            raise
        return _refused(request, error)
    zipped = accepts_gzip(request.headers.get("accept-encoding", ""))
    if zipped:
        data = await run_in_threadpool(gzip.compress, data, _GZIP_LEVEL, mtime=0)
    more = {"Content-Encoding": "gzip"} if zipped else {}
    if private:
        vary = "Authorization, Cookie, Accept-Encoding"
        return etags.answer(
            request, data, BYTES, cache=f"private, {FOREVER}", vary=vary, always=more
        )
    return etags.answer(
        request, data, BYTES, cache=f"public, {FOREVER}", vary="Accept-Encoding",
        always=more | _ANYWHERE,
    )  # fmt: skip


@router.get("/tile/{level}/{index:path}", response_class=Response, responses=_BINARY)
async def hash_tile(request: Request, ledger: LedgerDep, level: Level, index: Index) -> Response:
    """Up to 256 hashes of the tree, 32 bytes each."""
    try:
        data = await run_in_threadpool(_tile, ledger, _place(request, f"{level}/{index}"))
    except LedgerError as error:
        return _refused(request, error)
    return etags.answer(request, data, BYTES, cache=f"public, {FOREVER}", vary="", always=_ANYWHERE)


def accepts_gzip(given: str) -> bool:
    """Whether `Accept-Encoding` wants gzip, and no less than the bytes as they are (RFC 9110)."""
    wanted: dict[str, float] = {}
    for part in given.lower().split(","):
        name, _, rest = part.partition(";")
        quality = _QUALITY.fullmatch(rest.strip()) if rest else None
        if rest and quality is None:
            continue  # nobody knows what is meant
        wanted[name.strip().removeprefix("x-")] = float(quality[1]) if quality else 1.0
    ours = wanted.get("gzip", wanted.get("*", 0.0))
    return ours > 0 and ours >= wanted.get("identity", 0.0)


def _place(request: Request, rest: str) -> tuple[int, int, int]:
    """What the address names. Each thing has one address: nothing in it may be escaped."""
    path = f"tile/{rest}"
    place = tiles.parse_tile_path(path)
    if not request.scope["raw_path"].endswith(b"/" + path.encode()):
        raise _nothing(*place)
    return place


def _nothing(level: int, index: int, width: int) -> RuleError:
    path = tiles.tile_path(level, index, width)
    return RuleError(
        "NOT_FOUND", f"path: nothing at {path}", field="path", value=path,
        hint="GET /checkpoint tells the size; try the full tile: once full, it may stand alone",
    )  # fmt: skip


def _published(ledger: Ledger) -> bytes:
    with engines.reading(ledger.engine) as connection:
        found = published.read(connection, ledger.log_id)
    if found is None:
        raise RuleError("NOT_READY", "no checkpoint is published yet", hint="ask in a second")
    return found.note.encode()


def _tile(ledger: Ledger, place: tuple[int, int, int]) -> bytes:
    level, index, width = place
    with engines.reading(ledger.engine) as connection:
        _check_width(connection, ledger.log_id, *place)
        stored = entries.find_tile(connection, ledger.log_id, level, index)
    wanted = width * tree.HASH_SIZE
    if len(stored) < wanted:
        raise _nothing(*place)
    return stored[:wanted]


def _bundle(ledger: Ledger, place: tuple[int, int, int]) -> bytes:
    _, index, width = place
    start = index * tiles.WIDTH
    with engines.reading(ledger.engine) as connection:
        _check_width(connection, ledger.log_id, 0, index, width)
        rows = entries.read_leaves(connection, ledger.log_id, start, start + width)
        found = [leaf for _, _, leaf, _, _ in rows]
    if len(found) < width:
        raise _nothing(*place)
    return tiles.encode_bundle(found)


def _check_width(connection: Connection, log_id: str, level: int, index: int, width: int) -> None:
    """NOT_FOUND for what no tree had that we signed: a partial tile belongs to certain sizes."""
    unit = tiles.WIDTH**level
    least = (index * tiles.WIDTH + width) * unit
    most = tree.MAX_SIZE if width == tiles.WIDTH else min(least + unit - 1, tree.MAX_SIZE)
    if least > tree.MAX_SIZE or not entries.has_checkpoint(connection, log_id, least, most):
        raise _nothing(level, index, width)


def _refused(request: Request, error: LedgerError) -> Response:
    """A refusal that scripts of other sites may read as well: they fall back to the full tile."""
    shown = problems.reply(request, error)
    shown.headers.update(_ANYWHERE)
    return shown
