from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults import nursery as nurseries
from tests.faults.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("processes are killed by way of pidfd_open, which this system has not")
    with nurseries.opened() as opened:
        yield opened
