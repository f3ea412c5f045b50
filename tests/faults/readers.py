"""Readers of a log that somebody is writing: each proof they are given must hold.

The roots that proofs are held against are those of checkpoints that were seen, never the server's
word beside the proof.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from ledger.tlog import tiles, tree
from tests.faults.chain import Place
from tests.faults.storm import BROKEN, Line, Storm

STORED, PUBLISHED = "/v1/log/checkpoint", "/checkpoint"
PAUSE_S = 0.02
RESTS = 5


@dataclass
class Read:
    """How much was read and found right."""

    inclusions: int = 0
    consistencies: int = 0
    checkpoints: int = 0
    published: int = 0
    passes: int = 0
    tiles: int = 0
    unanswered: int = 0


async def _get(line: Line, path: str) -> bytes | None:
    """None where the server does not answer now, or has no such address."""
    try:
        status, data = await line.ask("GET", path)
    except BROKEN:
        return None
    assert status in (200, 404, 503), (path, status, data)
    return data if status == 200 else None


async def _json(line: Line, path: str) -> dict[str, Any] | None:
    data = await _get(line, path)
    return None if data is None else dict(json.loads(data))


async def _link(storm: Storm, line: Line, read: Read, old: int, new: int) -> None:
    """That one checkpoint is a prefix of another, both as they were signed."""
    found = await _json(line, f"/v1/log/proof/consistency?from={old}&to={new}")
    if found is None:
        read.unanswered += 1
        return
    storm.chain.link(old, new, found["proof"])
    read.consistencies += 1


async def look(storm: Storm) -> int:
    """The stored and the published checkpoint, once; the size that is published, 0 for none."""
    line, size = storm.line(0), 0
    for path in (STORED, PUBLISHED):
        text = await _get(line, path)
        size = 0 if text is None else storm.chain.see(text.decode()).size
    line.close()
    return size


async def follow(storm: Storm, read: Read, number: int) -> None:
    """Reads checkpoints, the stored and the published one, and proves each seen from the last."""
    line = storm.line(number)
    while not storm.stopping:
        for path in (STORED, PUBLISHED):
            text = await _get(line, path)
            if text is None:
                continue
            storm.chain.see(text.decode())
            read.checkpoints += 1
            read.published += path == PUBLISHED
        for old, new in storm.chain.unlinked()[:50]:
            await _link(storm, line, read, old, new)
        await asyncio.sleep(PAUSE_S)
    line.close()


async def at_random(storm: Storm, read: Read, number: int) -> None:
    """Reads where an acknowledged event is, under any checkpoint that covers it."""
    line = storm.line(number)
    while not storm.stopping:
        await asyncio.sleep(PAUSE_S)
        if not storm.recorded:
            continue
        place = storm.chain.told[storm.rng.choice(storm.recorded)["id"]]
        size = storm.rng.choice([size for size in storm.chain.roots if size > place[0]])
        if await _inclusion(storm, line, place, size):
            read.inclusions += 1
        else:
            read.unanswered += 1
    line.close()


async def _inclusion(storm: Storm, line: Line, place: Place, size: int) -> bool:
    found = await _json(line, f"/v1/log/proof/inclusion?n={place[0]}&size={size}")
    if found is None:
        return False
    assert found["leaf_hash"] == place[1].hex()
    storm.chain.prove(place, size, found["proof"])
    return True


async def whole(storm: Storm, read: Read, number: int, auditor: str) -> None:
    """Reads the whole log under the published checkpoint, again and again, by tiles and bundles."""
    line = Line(storm.line(number).address, auditor)
    while not storm.stopping:
        await asyncio.sleep(PAUSE_S)
        began = time.monotonic()
        text = await _get(line, PUBLISHED)
        hashes = None if text is None else await _leaf_hashes(line, read, _size(storm, text))
        if text is None or hashes is None:
            read.unanswered += 1
            await asyncio.sleep(10 * PAUSE_S)
            continue
        size = _size(storm, text)
        assert tree.root(hashes) == storm.chain.roots[size], f"the tiles are not those of {size}"
        for n, leaf_hash in list(storm.chain.told.values()):
            assert n >= size or hashes[n] == leaf_hash, n
        read.passes += 1
        await _rest(storm, RESTS * (time.monotonic() - began))
    line.close()


async def _rest(storm: Storm, seconds: float) -> None:
    """Hashing a whole log takes the core that the clients share."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not storm.stopping:
        await asyncio.sleep(PAUSE_S)


def _size(storm: Storm, text: bytes) -> int:
    return storm.chain.see(text.decode()).size


async def _leaf_hashes(line: Line, read: Read, size: int) -> list[bytes] | None:
    """Those of the tiles, which must be those of the entries in the bundles."""
    hashes: list[bytes] = []
    for index in range(-(-size // tiles.WIDTH)):
        width = min(tiles.WIDTH, size - index * tiles.WIDTH)
        data = await _get(line, "/" + tiles.tile_path(0, index, width))
        bundle = await _get(line, "/" + tiles.tile_path(tiles.ENTRIES, index, width))
        if data is None or bundle is None:
            return None
        hashes += [data[i : i + 32] for i in range(0, len(data), 32)]
        found = tiles.decode_bundle(bundle)
        assert [tree.leaf_hash(leaf) for leaf in found] == hashes[-width:], f"bundle {index}"
        read.tiles += 2
    return hashes


async def link_all(storm: Storm, read: Read) -> None:
    """Prove every checkpoint that was seen from the one before it."""
    line = storm.line(0)
    for old, new in storm.chain.unlinked():
        await _link(storm, line, read, old, new)
    line.close()
    assert not storm.chain.unlinked()
