"""Verification of this log's own certificates, kept so that a page costs little."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from ledger import dossiers, reports, witnesses
from ledger.certificate import policy as policies
from ledger.certificate import verify
from ledger.certificate.verdict import Verdict
from ledger.service import Ledger
from ledger.settings import Settings

KEPT_MAX: Final = 1_000
# While others write, or a witness has yet to see the log, a verdict is still told for so long, with
# the size of the log it was made at.
_FRESH_S: Final = 30.0
_WAIT_S: Final = 5.0

_LOGGER: Final = logging.getLogger("remelt.pages")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    touched: tuple[int, ...]
    size: int
    made_s: float
    verdict: Verdict


_kept: OrderedDict[_Key, _Kept] = OrderedDict()
# One at a time: a verification takes a processor for as long as the dossier is large.
_turn: Final = threading.Lock()


def check(ledger: Ledger, serial: str, touched: list[int]) -> Verdict | None:
    """The verdict on the certificate's present dossier; None if others are being made for long.

    touched: the entries of the certificate; a verdict from before the last of them is not told.
    """
    key = (ledger.verifier.vkey, serial)
    found = _fresh(ledger, key, tuple(touched))
    if found is not None:
        return found
    if not _turn.acquire(timeout=_WAIT_S):
        return None
    try:
        found = _fresh(ledger, key, tuple(touched))
        if found is None:
            size = ledger.head().size
            trusted = _trusted(ledger)
            found = verify.verify(dossiers.make(ledger, serial), trusted, serial=serial)
            if found.refusal is not None and found.revocation is None:
                _LOGGER.error("our own certificate %s is refused: %s", serial, found.refusal)
            _kept[key] = _Kept(tuple(touched), size, time.monotonic(), found)
            while len(_kept) > KEPT_MAX:
                _kept.popitem(last=False)
        return found
    finally:
        _turn.release()


def _trusted(ledger: Ledger) -> policies.Policy:
    """This log's keys, and the witnesses its operator asks: a page says who saw the log, and does
    not refuse for want of somebody."""
    trusted = policies.parse(reports.policy_file(ledger))
    asked = _asked(ledger.settings)
    return replace(
        trusted, witnesses=asked.witnesses, groups=asked.groups, quorum=policies.NONE,
        max_age_s=None,
    )  # fmt: skip


@functools.lru_cache(maxsize=8)
def _asked(settings: Settings) -> policies.Policy:
    """The operator's list of witnesses, read once like the server reads it."""
    return witnesses.read(settings).policy


def _fresh(ledger: Ledger, key: _Key, touched: tuple[int, ...]) -> Verdict | None:
    kept = _kept.get(key)
    if kept is None or kept.touched != touched:
        return None
    seen = kept.verdict.seen
    lacking = seen is not None and len(seen.cosigned) < seen.witnesses + seen.auditors
    changed = lacking or kept.size != ledger.head().size
    if changed and time.monotonic() - kept.made_s > _FRESH_S:
        return None
    return kept.verdict
