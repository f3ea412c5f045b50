"""Two works and a press, and a way to ask for the code of a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import entry
from ledger.book import lines, state
from ledger.errors import LedgerError
from tests import harness


class Works(harness.TestLedger):
    """The ledger of the harness with a way to look into lots and accounts.

    says_at: the `occurred_at` of every event from now on; "" is the log's clock.
    """

    says_at = ""

    def record(
        self, envelope: Mapping[str, Any], key: ec.EllipticCurvePrivateKey | None = None
    ) -> entry.Entry:
        dated = {"occurred_at": self.says_at} if self.says_at else {}
        return super().record({**envelope, **dated}, key)

    def lot(self, lot: str) -> state.Lot:
        found = self.memory.find(f"lot:{lot}")
        assert found is not None
        assert isinstance(found[1], state.Lot)
        return found[1]

    def page(self, lot: str, substance: str = "Al") -> lines.Lines:
        return self.lot(lot).balances.get(substance, {})

    def account(self, account: str) -> lines.Balances:
        """The sum of all postings to a nominal account."""
        total: lines.Balances = {}
        for found in self.entries:
            lines.add_all(total, state.account_deltas(found.book, account))
        return total

    def code(self, call: Callable[..., Any], *args: Any, **more: Any) -> str:
        """The code of a refusal; nothing was written."""
        size = len(self.leaves)
        with pytest.raises(LedgerError) as caught:
            call(*args, **more)
        assert len(self.leaves) == size
        return caught.value.code


@pytest.fixture
def log() -> Works:
    """HEFEI melts and rolls at HF01 and has a yard at HF02; WUHU stamps at WH01."""
    works = Works()
    works.party("HEFEI")
    works.party("WUHU")
    works.site("HF01", "HEFEI", scopes=["MAIN", "ROLLING"], equipment=["F1", "F2"])
    works.site("HF02", "HEFEI", equipment=[])
    works.site("WH01", "WUHU", equipment=["F9"])
    return works
