from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import go


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program; a skip that says how to get what it needs, where it cannot be built."""
    if why := go.missing():
        pytest.skip(why)
    return go.build(tmp_path_factory.mktemp("go"))
