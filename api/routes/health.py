"""Whether the server lives, whether it can serve, and its figures."""

from __future__ import annotations

import hmac
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import callers, metrics, problems
from api.callers import Callers
from api.deps import LedgerDep
from ledger import readiness
from ledger.errors import RuleError

router = APIRouter(tags=["health"])
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/healthz")
async def alive() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.get("/readyz")
def ready(ledger: LedgerDep) -> Any:
    """The database can be read and the writer writes; else why not."""
    checks = readiness.look(ledger)
    failed = [check for check in checks if check.state == "fail"]
    if failed:
        said = "; ".join(f"{check.name}: {check.message}" for check in failed)
        error = RuleError("NOT_READY", said, field=failed[0].name, hint=failed[0].hint)
        return problems.answer(error, checks=[check.as_dict() for check in checks])
    head = ledger.head()
    shown = [check.as_dict() for check in checks]
    return {"ok": True, "log": ledger.origin, "size": head.size, "checks": shown}


@router.get("/metrics")
async def figures(request: Request, ledger: LedgerDep) -> Response:
    """Figures for Prometheus: for this machine, the metrics token, or a key with scope audit."""
    if not _may_read(request, ledger.settings.metrics_token):
        raise RuleError(
            "AUTH_REQUIRED", "authorization: metrics are not for everybody", field="authorization",
            hint="ask from this machine past the proxy, with `Authorization: Bearer` and "
            "REMELT_METRICS_TOKEN, or with an API key of scope audit",
        )  # fmt: skip
    text = await run_in_threadpool(metrics.exposition, ledger)
    return Response(text, media_type=metrics.CONTENT_TYPE)


def _may_read(request: Request, token: str) -> bool:
    # Behind a proxy on this machine everybody seems to come from it: what was forwarded did not.
    host = request.client.host if request.client else ""
    forwarded = any(name in request.headers for name in _FORWARDED)
    if (host == "::1" or host.startswith("127.")) and not forwarded:
        return True
    header: bytes | None = request.scope[callers.AUTHORIZATION]
    if header is None:
        return False
    if token and hmac.compare_digest(header, b"Bearer " + token.encode()):
        return True
    known: Callers = request.app.state.callers
    who = known.by_key(header)
    return who is not None and "audit" in who.scopes
