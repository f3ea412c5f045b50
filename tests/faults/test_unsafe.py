"""PostgreSQL without synchronous commit, killed: the tests must notice what it forgets.

A ledger refuses such a database; here a server is told not to look.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.service import Ledger
from tests import cluster as clusters
from tests.cluster import POSTGRESQL_ONLY, Database
from tests.faults import amounts, servers
from tests.faults.chain import Chain, Mirror
from tests.faults.nursery import Nursery
from tests.faults.storm import Storm, gone
from tests.store import plant
from tests.store.load import api_key

pytestmark = POSTGRESQL_ONLY
CLIENTS = 32
# Nobody waits for the disk, and whoever writes behind their back sleeps, or has room in memory.
FORGETFUL = {
    "synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB",
    "wal_buffers": "64MB", "bgwriter_lru_maxpages": "0",
}  # fmt: skip


async def told_and_killed(storm: Storm, cluster: clusters.Cluster) -> None:
    tasks = [asyncio.create_task(storm.write(n, until_broken=True)) for n in range(CLIENTS)]
    async with asyncio.timeout(60):
        while len(storm.chain.told) < CLIENTS and not any(task.done() for task in tasks):
            await asyncio.sleep(0.001)
    cluster.stop(signal.SIGKILL)
    await gone(tasks)


@pytest.fixture
def own() -> Iterator[clusters.Cluster]:
    with clusters.running() as running:
        yield running


def forget(cluster: clusters.Cluster) -> None:
    cluster.stop()
    cluster.configure(**FORGETFUL)
    cluster.start()


@pytest.mark.slow
@pytest.mark.parametrize("act", ["serve-unsafe", "serve"])
def test_postgresql_that_does_not_sync_loses_what_was_acknowledged(
    nursery: Nursery, own: clusters.Cluster, tmp_path: Path, act: str
) -> None:
    """A server of ours asks for its own commits to be synced, whatever the database was told."""
    data = tmp_path / "data"
    plant.place(data, Database("postgresql", own))
    plant.build(data)
    key, chain = api_key(data), Chain.of(data)
    if act == "serve-unsafe":
        forget(own)
        with pytest.raises(LedgerError, match="synchronous_commit off, want on"):
            Ledger.open(plant.settings_of(data))
    with servers.serving(nursery, data, act=act) as (server,):
        if act == "serve":
            forget(own)
            server.wait()
        storm = Storm([server.address], key, chain, amounts.seeded(f"unsafe PostgreSQL, {act}"))
        asyncio.run(told_and_killed(storm, own))
        own.start()
        if act == "serve":
            Mirror(data, chain).follow()
        else:
            with pytest.raises(AssertionError, match=r"ahead of the log|are lost") as caught:
                Mirror(data, chain).follow()
            print(f"  {len(chain.told)} acknowledged: {str(caught.value).splitlines()[0]}")
