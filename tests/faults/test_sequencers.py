"""Several servers on one database, one of which stops for a while and comes back with a stale head.

They write by turns: no gap, no fork, each id once.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.cluster import Database
from tests.faults import amounts, readers, servers
from tests.faults.chain import Chain, Mirror
from tests.faults.nursery import Nursery
from tests.faults.readers import Read
from tests.faults.servers import Server
from tests.faults.storm import Storm, gone
from tests.store import plant
from tests.store.load import api_key

SERVERS = 3
WRITERS = 18
# 35 s is longer than a writer waits for the lock, 65 s than PostgreSQL lets one keep it.
PAUSES_S = (0.1, 0.3, 1, 3, 10, 35, 65) if amounts.LONG else (0.2, 0.6)


async def pauses(running: list[Server], storm: Storm, rng: random.Random) -> None:
    """Every pause once for a server by chance, while the others go on."""
    for pause_s in PAUSES_S:
        await asyncio.sleep(rng.uniform(0.2, 0.5))
        server = rng.choice(running)
        server.pause()
        before = len(storm.chain.told)
        await asyncio.sleep(pause_s)
        server.resume()
        print(f"  stopped for {pause_s} s: {len(storm.chain.told) - before} events meanwhile")
    await asyncio.sleep(0.5)


async def work(running: list[Server], storm: Storm, read: Read, rng: random.Random) -> None:
    writers = [asyncio.create_task(storm.write(number)) for number in range(WRITERS)]
    follower = asyncio.create_task(readers.follow(storm, read, 0))
    pauser = asyncio.create_task(pauses(running, storm, rng))
    tasks = [*writers, follower, pauser]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    storm.stopping = True
    await gone(tasks)
    await storm.repeat()
    await readers.link_all(storm, read)


@pytest.mark.slow
def test_servers_that_stop_and_come_back_write_one_log(
    nursery: Nursery, database: Database, tmp_path: Path
) -> None:
    data, title = tmp_path / "data", f"{SERVERS} servers on {database.name}"
    plant.place(data, database)
    plant.build(data)
    rng, read = amounts.seeded(title), Read()
    chain = Chain.of(data)
    with servers.serving(nursery, data, SERVERS) as running:
        storm = Storm([server.address for server in running], api_key(data), chain, rng)
        asyncio.run(work(running, storm, read, rng))
        mirror = Mirror(data, chain)
        mirror.follow()
    size = mirror.finish()
    assert size == plant.SIZE + len(chain.told)
    turns = storm.turns()
    assert len({address for address, _ in storm.takers}) == SERVERS
    assert turns > len(PAUSES_S)
    print(f"{title}: {len(chain.told)} events, {len(chain.roots)} checkpoints,", end=" ")
    print(f"{turns} times another server wrote, {storm.refused} sent again; {size} entries, clean")
