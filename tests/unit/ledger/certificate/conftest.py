"""One smelter's story, certified once; tests that change it make their own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ledger import entry
from ledger.certificate import policy
from tests import harness


@dataclass(frozen=True)
class Story:
    log: harness.TestLedger
    issued: entry.Entry
    policy: policy.Policy
    dossier: bytes


@pytest.fixture(scope="session")
def smelter() -> Story:
    """Four heats: 38 entries, all of them in the dossier."""
    log, issued = harness.smelter()
    return Story(log, issued, log.policy(), log.dossier(issued))


@pytest.fixture(scope="session")
def heat() -> Story:
    """One heat: 20 entries, for tests that try every place."""
    log, issued = harness.smelter(1)
    return Story(log, issued, log.policy(), log.dossier(issued))
