"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests import cluster as clusters

# No deadline: a busy machine is not a bug. Under CI the examples are the same in every run.
hypothesis.settings.register_profile(
    "remelt", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("remelt")


@pytest.fixture(scope="session")
def cluster() -> Iterator[clusters.Cluster]:
    """A PostgreSQL server of our own."""
    if clusters.binaries() is None:
        why = "PostgreSQL's server programs (initdb, postgres) are not on this machine"
        if os.environ.get(clusters.REQUIRED):
            pytest.fail(f"{why}, and {clusters.REQUIRED} is set")
        pytest.skip(why)
    with clusters.running() as running:
        yield running


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
)
def database(request: pytest.FixtureRequest) -> clusters.Database:
    """Each kind of database that a ledger can lie in: `database.new(data)` is a new one's URL."""
    if request.param == "sqlite":
        return clusters.Database("sqlite")
    return clusters.Database("postgresql", request.getfixturevalue("cluster"))
