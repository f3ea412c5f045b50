"""A small HTTP/1.1 client over keep-alive sockets, so that the client is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load run gave."""

    per_second: float
    p50_ms: float
    p99_ms: float
    statuses: dict[int, int]


def request(path: str, body: bytes, media_type: str, api_key: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\n"
    if api_key:
        head += f"Authorization: Bearer {api_key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> int:
    status = int((await reader.readline()).split()[1])
    length = 0
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)
    return status


async def _client(port: int, mine: Sequence[bytes], times: list[float], seen: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for sent in mine:
        began = time.perf_counter()
        writer.write(sent)
        await writer.drain()
        seen.append(await _answer(reader))
        times.append(time.perf_counter() - began)
    writer.close()


async def _run(port: int, requests: Sequence[bytes], clients: int) -> Figures:
    times: list[float] = []
    seen: list[int] = []
    began = time.perf_counter()
    await asyncio.gather(
        *(_client(port, requests[i::clients], times, seen) for i in range(clients))
    )
    return _figures(times, seen, time.perf_counter() - began)


def _figures(times: list[float], seen: list[int], took_s: float) -> Figures:
    times.sort()
    return Figures(
        len(times) / took_s,
        times[len(times) // 2] * 1000,
        times[len(times) * 99 // 100] * 1000,
        {status: seen.count(status) for status in set(seen)},
    )


def run(port: int, requests: Sequence[bytes], clients: int) -> Figures:
    """Send every request once, over `clients` connections."""
    return asyncio.run(_run(port, requests, clients))


async def _paced(port: int, requests: Sequence[bytes], clients: int, per_second: float) -> Figures:
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    times: list[float] = []
    seen: list[int] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (next_due := await due.get()) is not None:
            at, sent = next_due
            writer.write(sent)
            await writer.drain()
            seen.append(await _answer(reader))
            times.append(time.perf_counter() - at)
        writer.close()

    clients_running = [asyncio.create_task(client()) for _ in range(clients)]
    began = time.perf_counter()
    for i, sent in enumerate(requests):
        at = began + i / per_second
        if (wait := at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait((at, sent))
    for _ in range(clients):
        due.put_nowait(None)
    await asyncio.gather(*clients_running)
    return _figures(times, seen, time.perf_counter() - began)


def run_paced(port: int, requests: Sequence[bytes], clients: int, per_second: float) -> Figures:
    """Send at a steady rate; a time counts from when its request was due, not from when it left."""
    return asyncio.run(_paced(port, requests, clients, per_second))
