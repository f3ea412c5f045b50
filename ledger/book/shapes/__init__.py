"""The shape of every kind of event's body, as a table (docs/events.md section 2).

A new kind of event is one class in bodies.py, one shape and one row of `SHAPES`.
"""

from __future__ import annotations

from typing import Final

from ledger.book.shape import Shape
from ledger.book.shapes import certificates, lots, registers, runs
from ledger.book.shapes.fields import NAMED, PARTY, SHA256, SITE

__all__ = ["NAMED", "PARTY", "SHA256", "SHAPES", "SITE", "TRIAL_SHAPES"]

SHAPES: Final[dict[str, Shape]] = {
    "log_opened": registers.LOG_OPENED,
    "policy_set": registers.POLICY_SET,
    "party_registered": registers.PARTY,
    "key_added": registers.KEY_ADDED,
    "key_revoked": registers.KEY_REVOKED,
    "site_registered": registers.SITE,
    "lot_received": lots.LOT_RECEIVED,
    "assay_recorded": lots.ASSAY_RECORDED,
    "run_recorded": runs.RUN_RECORDED,
    "run_finalized": runs.RUN_FINALIZED,
    "scrap_declared": lots.SCRAP_DECLARED,
    "lot_dispatched": lots.LOT_DISPATCHED,
    "lot_returned": lots.LOT_RETURNED,
    "lot_arrived": lots.LOT_ARRIVED,
    "certificate_issued": certificates.CERTIFICATE_ISSUED,
    "certificate_revoked": certificates.CERTIFICATE_REVOKED,
}

# A dry run needs no keys (docs/events.md section 10).
TRIAL_SHAPES: Final[dict[str, Shape]] = SHAPES | {
    "party_registered": registers.PARTY_ON_TRIAL,
    "key_added": registers.KEY_ON_TRIAL,
}
