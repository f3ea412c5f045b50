"""What a log signed and must not have: both notes, kept in files for whoever is to be shown them.

    <directory>/evidence/<hex of SHA-256(origin)>/<kind>-<size>-<hex>/
        stored.note     what was cosigned before, signed by the log; absent if nothing was
        shown.note      what it signed beside that
        request         as it came, with the proof

kind "fork": one size and two roots, which proves by itself that the log split its view. "proof":
the proof does not lead from one to the other. That may be a fault of whoever sent it, for
requests are not signed; that both notes are of one tree can be asked of the log.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from ledger.store.cosigned import Cosigned
from ledger.tlog import checkpoint, witness

KEPT_MAX: Final = 200
"""Findings of one kind that are kept of a log; each is of at most 200 KiB."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Two notes by one log that do not go together, one of them in a request."""

    kind: Literal["fork", "proof"]
    shown: checkpoint.Checkpoint
    stored: Cosigned | None
    request: witness.Request


def find(
    stored: Cosigned | None, request: witness.Request, refused: witness.Refused
) -> Finding | None:
    """What a refusal by `witness.decide` shows of the log; None where that is nothing.

    The log's signature was found good where `decide` went as far as 409 and 422.
    """
    shown = request.claimed
    if refused.status not in (409, 422):
        return None
    if stored is not None and stored.seen.size == shown.size and stored.seen.root != shown.root:
        return Finding("fork", shown, stored, request)
    return Finding("proof", shown, stored, request) if refused.status == 422 else None


def keep(directory: Path, finding: Finding) -> Path | None:
    """Write `finding` once; None if it is kept already, or enough of its kind are.

    Nothing is overwritten; OSError where it cannot be written.
    """
    of_log = directory / "evidence" / sha256(finding.shown.origin.encode()).hexdigest()
    before = finding.stored.seen.root if finding.stored else b""
    digest = sha256(before + checkpoint.format_checkpoint(finding.shown)).hexdigest()
    target = of_log / f"{finding.kind}-{finding.shown.size}-{digest[:16]}"
    of_log.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = sum(1 for _ in of_log.glob(f"{finding.kind}-*"))
    if target.exists() or kept >= KEPT_MAX:
        return None
    fresh = Path(tempfile.mkdtemp(prefix=".", dir=of_log))
    try:
        for name, data in _files(finding).items():
            _write(fresh / name, data)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if target.exists():  # another request or process was faster
            return None
        raise
    return target


def _files(finding: Finding) -> dict[str, bytes]:
    files = {
        "shown.note": finding.request.signed,
        "request": witness.format_request(finding.request),
    }
    return {"stored.note": finding.stored.note, **files} if finding.stored else files


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
