"""Writers and readers at full speed: nothing acknowledged is lost, every proof holds.

`make hammer` is the long form. A tenth of what is sent is not new: the same event twice at once, or
one that was acknowledged long ago.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledger import apikeys
from ledger.service import Ledger
from tests.cluster import Database
from tests.faults import amounts, readers, servers
from tests.faults.chain import Chain, Mirror
from tests.faults.nursery import Nursery
from tests.faults.readers import Read
from tests.faults.storm import Storm, gone
from tests.store import plant
from tests.store.load import api_key

WRITERS = 24
RANDOM_READERS = 3


async def work(storm: Storm, read: Read, auditor: str, seconds: float) -> None:
    """Everybody at once for so long, or until something is wrong."""
    kinds = [storm.write(number) for number in range(WRITERS)]
    kinds += [readers.at_random(storm, read, number) for number in range(RANDOM_READERS)]
    kinds += [readers.follow(storm, read, 0), readers.whole(storm, read, 1, auditor)]
    tasks = [asyncio.create_task(kind) for kind in kinds]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    storm.stopping = True
    await gone(tasks)
    await storm.repeat()
    await readers.link_all(storm, read)


def report(title: str, storm: Storm, read: Read, seconds: float, size: int) -> None:
    times = sorted(storm.seconds)
    p50, p99 = (1000 * amounts.quantile(times, share) for share in (0.5, 0.99))
    rate = len(storm.chain.told) / seconds
    print(f"{title}: {len(storm.chain.told)} events, {rate:.0f}/s,", end=" ")
    print(f"{storm.duplicates} duplicates, p50 {p50:.0f} ms, p99 {p99:.0f} ms;", end=" ")
    print(f"{storm.refused} sent again; 0 lost, {size} entries, audit clean")
    print(f"  proofs: {storm.chain.answers} of answers, {read.inclusions} inclusion,", end=" ")
    print(f"{read.consistencies} consistency over {len(storm.chain.roots)} checkpoints", end=" ")
    print(f"({read.checkpoints} read, {read.published} of them published);", end=" ")
    print(f"{read.passes} times the whole log by {read.tiles} tiles and bundles")


def auditors_key(data: Path) -> str:
    ledger = Ledger.open(plant.settings_of(data))
    key = apikeys.create(ledger, plant.OPERATOR, ["audit"], "test")
    plant.close(ledger)
    return key


def test_every_answer_holds_while_everybody_writes_and_reads(
    nursery: Nursery, database: Database, tmp_path: Path
) -> None:
    data, title = tmp_path / "data", f"hammer on {database.name}"
    plant.place(data, database)
    plant.build(data)
    chain, read = Chain.of(data), Read()
    with servers.serving(nursery, data) as (server,):
        storm = Storm([server.address], api_key(data), chain, amounts.seeded(title))
        asyncio.run(work(storm, read, auditors_key(data), amounts.SECONDS))
        mirror = Mirror(data, chain)
        mirror.follow()
    size = mirror.finish()
    report(title, storm, read, amounts.SECONDS, size)
    assert size == plant.SIZE + len(chain.told)
    assert storm.duplicates
    assert read.inclusions
    assert read.consistencies
    assert storm.refused <= 1 + len(chain.told) // 1_000  # closed as idle the moment it was used
    assert read.passes or not read.published
