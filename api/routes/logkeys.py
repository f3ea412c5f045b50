"""The log's own keys, those that sign and those that signed once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from api import deps
from api.deps import LedgerDep

router = APIRouter(prefix="/v1/log", tags=["log"], dependencies=[Depends(deps.known_parameters)])


@router.get("/keys")
def keys(ledger: LedgerDep) -> dict[str, Any]:
    """Every key that the log names as its own; the newest checkpoints are signed by some of them.

    Trust none of them because it stands here: compare them with your policy file.
    """
    signing = {signer.verifier.vkey for signer in ledger.sequencer.signers}
    rows = [{"vkey": key.vkey, "signs": key.vkey in signing} for key in ledger.verifiers]
    return {"log": ledger.origin, "keys": rows}
