"""Whether the server lives, and whether it can serve."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from api.deps import LedgerDep
from ledger.errors import LedgerError, RuleError

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.get("/readyz")
def ready(ledger: LedgerDep) -> dict[str, Any]:
    """The database can be read and the writer writes; else why not."""
    if ledger.sequencer.fatal is not None:
        raise RuleError("NOT_READY", f"the writer stopped: {ledger.sequencer.fatal.message}")
    try:
        head = ledger.head()
    except LedgerError as error:
        raise RuleError("NOT_READY", error.message, hint=error.hint) from error
    except SQLAlchemyError as error:
        raise RuleError("NOT_READY", "the database cannot be read; see the log") from error
    return {"ok": True, "log": ledger.origin, "size": head.size}
