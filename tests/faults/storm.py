"""Many clients of one log at once, each on a connection of its own, and what they were told.

HTTP by hand: the clients share two cores with the server they are to keep busy.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.faults.chain import Chain
from tests.store import plant

BROKEN = (OSError, asyncio.IncompleteReadError, EOFError)
PATIENCE_S = 120
DUPLICATES = 0.05  # of each kind


@dataclass
class Line:
    """A connection to a server, made anew when it broke."""

    address: str
    key: str
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", sent: Any = lambda: None
    ) -> tuple[int, bytes]:
        """Status and body; one of BROKEN where no answer came. `sent` is called in between."""
        try:
            return await asyncio.wait_for(self._ask(method, path, body, sent), PATIENCE_S)
        except (*BROKEN, asyncio.CancelledError):
            self.close()
            raise

    async def _ask(self, method: str, path: str, body: bytes, sent: Any) -> tuple[int, bytes]:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # the server closes connections that were idle for a while
        if self._streams is None:
            url = urlsplit(self.address)
            self._streams = await asyncio.open_connection(url.hostname, url.port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()
        sent()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), await reader.readexactly(int(fields["content-length"]))

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Storm:
    """Writers, and what became of their events. Anything but 201 and 503 is a problem."""

    addresses: list[str]
    key: str
    chain: Chain
    rng: random.Random
    in_flight: dict[str, plant.Envelope] = field(default_factory=dict)
    unanswered: dict[str, plant.Envelope] = field(default_factory=dict)
    recorded: list[plant.Envelope] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    duplicates: int = 0
    refused: int = 0  # 503, or no answer
    takers: set[tuple[str, int]] = field(default_factory=set)  # address, size of its checkpoint
    stopping: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))

    def line(self, number: int) -> Line:
        return Line(self.addresses[number % len(self.addresses)], self.key)

    def fresh(self) -> plant.Envelope:
        return plant.receipt(f"HF01/S{next(self._numbers)}")

    async def send(self, line: Line, envelope: plant.Envelope) -> bool:
        """Whether it was acknowledged; what was not is kept, to be sent again."""
        event_id = envelope["id"]
        began = time.perf_counter()
        status = 0
        try:
            status, data = await line.ask(
                "POST", "/v1/events", orjson.dumps(envelope),
                lambda: self.in_flight.setdefault(event_id, envelope),
            )  # fmt: skip
        except BROKEN:
            pass
        finally:
            was_sent = self.in_flight.pop(event_id, None) is not None
        if status == 201:
            self.seconds.append(time.perf_counter() - began)
            answer = json.loads(data)
            self.chain.acknowledged(event_id, answer)
            self.takers.add((line.address, answer["size"]))
            self.unanswered.pop(event_id, None)
            return True
        assert status in (0, 503), data
        self.refused += 1
        if was_sent and event_id not in self.chain.told:
            self.unanswered[event_id] = envelope
        return False

    async def write(self, number: int, *, until_broken: bool = False) -> None:
        """One writer, until told to stop: new events, a tenth twice at once or once more."""
        lines = [self.line(number), self.line(number + 1)]
        try:
            while not self.stopping:
                taken = await self._step(lines)
                if not taken and until_broken:
                    return
                if not taken:
                    await asyncio.sleep(0.2)
        finally:
            for line in lines:
                line.close()

    async def _step(self, lines: list[Line]) -> bool:
        chance = self.rng.random()
        if chance < DUPLICATES and self.recorded:
            self.duplicates += 1
            return await self.send(lines[0], self.rng.choice(self.recorded))
        envelope = self.fresh()
        if chance < 2 * DUPLICATES:
            self.duplicates += 1
            taken = all(await asyncio.gather(*(self.send(line, envelope) for line in lines)))
        else:
            taken = await self.send(lines[0], envelope)
        if taken:
            self.recorded.append(envelope)
        return taken

    def turns(self) -> int:
        """How often the next checkpoint was signed by another server."""
        order = [address for address, _ in sorted(self.takers, key=lambda taker: taker[1])]
        return sum(a != b for a, b in itertools.pairwise(order))

    async def repeat(self, clients: int = 32) -> int:
        """Send again what nobody answered, until all of it was acknowledged; how many."""
        waiting, count = list(self.unanswered.values()), len(self.unanswered)

        async def resend(number: int) -> None:
            line = self.line(number)
            while waiting:
                envelope = waiting.pop()
                if not await self.send(line, envelope):
                    waiting.append(envelope)
                    await asyncio.sleep(0.2)
            line.close()

        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(resend(number) for number in range(clients)))
        assert not self.unanswered
        return count


async def gone(tasks: list[asyncio.Task[None]]) -> None:
    """Until all tasks ended; what one of them found wrong is raised."""
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
