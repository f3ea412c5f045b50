"""Recording: one event, or a batch of up to 1,000."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api import deps, metrics, problems
from api.answers import Answers
from api.deps import LedgerDep, PrincipalDep
from ledger.book.rules.draft import Outcome
from ledger.errors import FormatError, LedgerError
from ledger.sequencer import Accepted, Result, Submission
from ledger.service import STATEMENT_MAX_BYTES, Ledger


class _Direct(APIRoute):
    """An address documented like any other; without a query it is asked without ceremony.

    Working out the arguments costs the framework more than checking an event costs us.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        with_ceremony = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                return await with_ceremony(request)
            who, ledger = await deps.principal(request), request.app.state.ledger
            answer: Response = await self.endpoint(request, ledger, who)
            return answer

        return handle


router = APIRouter(
    prefix="/v1", tags=["events"], route_class=_Direct,
    dependencies=[Depends(deps.known_parameters)],
)  # fmt: skip

ROWS_MAX: Final = 1_000
BATCH_MAX_BYTES: Final = 16 * 1024 * 1024
# Which key signs a row after one of these depends on its having been committed.
_ABOUT_KEYS: Final = frozenset({"party_registered", "key_added", "key_revoked"})

_EVENT_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_BATCH_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


def shown(accepted: Accepted) -> dict[str, Any]:
    return {
        "n": accepted.n,
        "leaf_hash": accepted.leaf_hash.hex(),
        "size": accepted.size,
        "checkpoint": accepted.checkpoint,
        "proof": [node.hex() for node in accepted.proof],
    }


def _tried(outcome: Outcome) -> dict[str, Any]:
    return {
        "dry_run": True,
        "book": outcome.book,
        "lots": outcome.lots,
        "reads": outcome.reads,
    }


@router.post("/events", openapi_extra=_EVENT_BODY)
async def record(
    request: Request, ledger: LedgerDep, who: PrincipalDep, dry_run: bool = False
) -> Response:
    """Record one event: an envelope (signed for a custodial party) or a signed statement."""
    deps.need(who, "record")
    data = await deps.body(request, "application/json", STATEMENT_MAX_BYTES, "EVENT_TOO_LARGE")
    submission = ledger.prepare(data, who.party)
    if dry_run:
        return _json(_tried(await run_in_threadpool(ledger.dry_run, submission)))
    answers: Answers = request.app.state.answers
    results = await answers.of(ledger.submit([submission]))
    if isinstance(results[0], LedgerError):
        raise results[0]
    return _json(shown(results[0]), 201)


@router.post("/events/batch", openapi_extra=_BATCH_BODY)
async def record_batch(request: Request, ledger: LedgerDep, who: PrincipalDep) -> Response:
    """Record up to 1,000 events, one JSON object per line; each is taken or refused alone."""
    deps.need(who, "record")
    data = await deps.body(request, "application/x-ndjson", BATCH_MAX_BYTES)
    rows = [(i, row) for i, row in enumerate(data.split(b"\n"), start=1) if row.strip()]
    if len(rows) > ROWS_MAX:
        raise FormatError(
            "BATCH_TOO_LARGE",
            f"{len(rows)} rows, at most {ROWS_MAX}",
            field="body",
            value=len(rows),
            hint="send several batches; they may overlap, ids make that safe",
        )
    deps.spend(request, who, max(len(rows) - 1, 0))  # one was counted when the caller was known
    results: list[dict[str, Any]] = []
    last = ""
    while rows:
        segment, rows = await run_in_threadpool(_segment, ledger, who.party, rows)
        try:
            done = await _submitted(request, ledger, segment)
        except LedgerError as error:
            if not results:
                raise
            # Earlier rows are in the log: what is left is refused row by row, not the whole batch.
            left = [number for number, _ in segment] + [number for number, _ in rows]
            results += [_row(number, error) for number in left]
            break
        for (number, _), result in zip(segment, done, strict=True):
            results.append(_row(number, result))
            last = result.checkpoint if isinstance(result, Accepted) else last
    return _json({"results": results, "checkpoint": last or None})


async def _submitted(
    request: Request, ledger: Ledger, segment: list[tuple[int, Submission | LedgerError]]
) -> list[Result]:
    """The results of a segment, of what was refused before it was submitted too."""
    waiting = [found for _, found in segment if isinstance(found, Submission)]
    answers: Answers = request.app.state.answers
    done = iter(await answers.of(ledger.submit(waiting, with_proofs=False)))
    return [next(done) if isinstance(found, Submission) else found for _, found in segment]


def _segment(
    ledger: Ledger, party: str, rows: list[tuple[int, bytes]]
) -> tuple[list[tuple[int, Submission | LedgerError]], list[tuple[int, bytes]]]:
    """Prepare rows up to and including the next change of keys; the rest waits for its commit."""
    segment: list[tuple[int, Submission | LedgerError]] = []
    for i, (number, row) in enumerate(rows):
        try:
            submission = ledger.prepare(row, party)
        except LedgerError as error:
            segment.append((number, error))
            continue
        segment.append((number, submission))
        if submission.event.kind in _ABOUT_KEYS:
            return segment, rows[i + 1 :]
    return segment, []


def _row(number: int, result: Result) -> dict[str, Any]:
    metrics.count_event(result.code if isinstance(result, LedgerError) else "")
    if isinstance(result, LedgerError):
        return {"row": number, "ok": False, "error": problems.plain(result)}
    return {
        "row": number, "ok": True, "n": result.n, "leaf_hash": result.leaf_hash.hex(),
    }  # fmt: skip
