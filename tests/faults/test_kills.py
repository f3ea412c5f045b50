"""kill -9 under load: of the server, and of PostgreSQL; at least 50 requests are in flight.

What was acknowledged is there afterwards, under every checkpoint that anybody ever saw; what was
not is there or not, and recorded once when it is sent again.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import cluster as clusters
from tests.cluster import POSTGRESQL_ONLY, Cluster, Database
from tests.faults import amounts, readers, servers
from tests.faults.chain import Chain, Mirror
from tests.faults.nursery import Nursery
from tests.faults.servers import Server
from tests.faults.storm import Storm, gone
from tests.store import plant
from tests.store.load import api_key

CLIENTS = 128
MARGIN = 20
DELAY_MOST_S = 0.1
ACKNOWLEDGED_MOST = 200
AGAIN_EVERY = 25
ENOUGH = 100
Kill = Callable[[], None]
Restart = Callable[[], Awaitable[None]]


@dataclass
class Rounds:
    """What the rounds were like."""

    title: str
    in_flight: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    too_few: int = 0
    published: int = 0  # the size of the last published checkpoint

    def report(self, storm: Storm, size: int) -> None:
        print(f"{self.title}: {len(self.in_flight)} rounds with at least", end=" ")
        print(f"{amounts.IN_FLIGHT_MIN} unanswered, {self.too_few} with fewer;", end=" ")
        print(
            f"{len(storm.chain.told)} events acknowledged, {storm.chain.answers} answers,", end=" "
        )
        print(f"{len(storm.chain.roots)} checkpoints, 0 lost; {size} entries, audit clean")
        print(f"  unanswered in flight at the kill (sum {sum(self.in_flight)}):")
        print(amounts.histogram(self.in_flight, 10))
        print(f"  of these written all the same (sum {sum(self.written)}):")
        print(amounts.histogram(self.written, 10))


async def _one(storm: Storm, kill: Kill, rng: random.Random) -> set[str]:
    """One round: load, a moment by chance, the kill; the events in flight that nobody answered."""
    tasks = [
        asyncio.create_task(storm.write(number, until_broken=True)) for number in range(CLIENTS)
    ]
    wanted = len(storm.chain.told) + rng.randint(1, ACKNOWLEDGED_MOST)
    async with asyncio.timeout(60):
        while len(storm.chain.told) < wanted and not any(task.done() for task in tasks):
            await asyncio.sleep(0.001)
        await asyncio.sleep(rng.uniform(0, DELAY_MOST_S))
        while (
            len(storm.in_flight) < amounts.IN_FLIGHT_MIN + MARGIN
            and not any(task.done() for task in tasks)  # if so something is wrong: gone() says what
        ):
            await asyncio.sleep(0.001)
        in_flight = set(storm.in_flight)
        kill()
    await gone(tasks)
    return {event_id for event_id in in_flight if event_id not in storm.chain.told}


async def _all(
    storm: Storm, mirror: Mirror, kill: Kill, restart: Restart, rounds: Rounds, rng: random.Random
) -> None:
    while len(rounds.in_flight) < amounts.ROUNDS:
        unanswered = await _one(storm, kill, rng)
        await restart()
        mirror.follow()
        written = sum(event_id in mirror.ids for event_id in unanswered)
        published = await readers.look(storm)
        assert published >= rounds.published, "what is published went back"
        rounds.published = published
        await storm.repeat()
        if len(unanswered) < amounts.IN_FLIGHT_MIN:
            rounds.too_few += 1
            assert rounds.too_few <= 10 + amounts.ROUNDS
            continue
        rounds.in_flight.append(len(unanswered))
        rounds.written.append(written)
        if len(rounds.in_flight) % AGAIN_EVERY == 0:
            print(f"{rounds.title}: round {len(rounds.in_flight)}", flush=True)
            Mirror(mirror.data, mirror.chain).follow()  # everything once more


def killed(title: str, data: Path, server: Server, kill: Kill, restart: Restart) -> None:
    """All rounds, and the audit at the end."""
    chain, rng = Chain.of(data), amounts.seeded(title)
    storm = Storm([server.address], api_key(data), chain, rng)
    mirror, rounds = Mirror(data, chain), Rounds(title)
    asyncio.run(_all(storm, mirror, kill, restart, rounds, rng))
    mirror.follow()
    rounds.report(storm, mirror.finish())
    assert min(rounds.in_flight) >= amounts.IN_FLIGHT_MIN
    if amounts.ROUNDS >= ENOUGH:
        assert sum(rounds.in_flight) > sum(rounds.written) > 0  # kills on both sides of a commit


@pytest.mark.slow
def test_a_server_that_is_killed_loses_nothing_acknowledged(
    nursery: Nursery, database: Database, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    plant.place(data, database)
    plant.build(data)
    with servers.serving(nursery, data) as (server,):

        async def restart() -> None:
            server.start()

        killed(f"server on {database.name}", data, server, server.kill, restart)


@pytest.mark.slow
class TestPostgresql:
    pytestmark = POSTGRESQL_ONLY

    def test_a_database_that_is_killed_loses_nothing_acknowledged(
        self, nursery: Nursery, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        with clusters.running() as cluster:
            plant.place(data, Database("postgresql", cluster))
            plant.build(data)
            with servers.serving(nursery, data) as (server,):
                kill, restart = killing(cluster, server)
                killed("PostgreSQL itself", data, server, kill, restart)


def killing(cluster: Cluster, server: Server) -> tuple[Kill, Restart]:
    """How all of PostgreSQL's processes are killed, and how it is started again."""

    async def restart() -> None:
        cluster.start()  # in this thread: the kernel stops the server when its mother thread ends
        server.wait()

    return lambda: cluster.stop(signal.SIGKILL), restart
