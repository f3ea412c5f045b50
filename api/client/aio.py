"""The client for asyncio: the same methods, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from api.client import answers, core, rows, transport, wire
from api.client.retry import Retry, Send, Steps, Wait
from api.client.wire import Answer, Lost, Value

T = TypeVar("T")


class AsyncClient:
    """A ledger's HTTP interface, for one party, in one event loop. Arguments: see `Client`."""

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        party: str = "",
        key: rows.Key | str | Path | None = None,
        log: str = "",
        log_key: str = "",
        retry: Retry = core.PATIENT,
        ca_file: str | Path | None = None,
        insecure_http: bool = False,
    ) -> None:
        self._core = core.make(log, log_key, party, key, retry)
        self._http = httpx.AsyncClient(**transport.options(url, api_key, ca_file, insecure_http))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._http.base_url)!r}, party={self._core.party!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # What to send.

    @property
    def log(self) -> str:
        """The origin of the log that events are made for."""
        return self._core.log

    def event(self, kind: str, body: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """An envelope of the client's party, with a new id and dated now unless `more` says it."""
        return self._core.event(kind, body, **more)

    def seal(self, event: rows.Event) -> bytes:
        """The bytes that `record` would send: signed, if there is a key. Keep them to send them
        again: signing a second time gives other bytes, and with private fields another event."""
        return rows.seal(event, self._core.key)

    # Recording.

    async def record(self, event: rows.Event) -> answers.Recorded:
        """Record one event; returns once it is on disk."""
        return await self._run(self._core.record(event))

    async def try_event(self, event: rows.Event) -> answers.Tried:
        """What recording the event would book; nothing is written."""
        return await self._run(self._core.try_event(event))

    async def record_many(
        self, events: Iterable[rows.Event] | AsyncIterable[rows.Event]
    ) -> AsyncIterator[answers.Row]:
        """Record a stream of any length, in order: one Row for each event, refused or not.

        Up to 1,000 events are read ahead and sent together. If NoAnswer ends the stream, send all
        of it again.
        """
        cutter = rows.Cutter(self._core.key)
        async for event in _stream(events):
            if chunk := cutter.add(event):
                for row in await self._run(self._core.send(chunk)):
                    yield row
        if chunk := cutter.rest():
            for row in await self._run(self._core.send(chunk)):
                yield row

    async def confirm(
        self, event: rows.Event, recorded: answers.Recorded | answers.Row
    ) -> answers.Entry:
        """The entry that was recorded, read back and compared with what was sent."""
        return await self._run(self._core.confirm(event, recorded))

    # Reading.

    async def entry(self, n: int) -> answers.Entry:
        """One entry; its hash is computed again."""
        return await self._run(self._core.entry(n))

    async def lot(self, lot: str) -> answers.Lot:
        """A lot as it stands."""
        return await self._run(self._core.lot(lot))

    async def lineage(self, lot: str, direction: str = "both") -> answers.Lineage:
        """What a lot was made of (`back`), what was made of it (`forward`), or both."""
        return await self._run(self._core.lineage(lot, direction))

    async def certificate(self, serial: str) -> answers.Certificate:
        """A certificate, on the server's word."""
        return await self._run(self._core.certificate(serial))

    async def dossier(self, serial: str) -> bytes:
        """The file that proves a certificate without this server."""
        return await self._run(self._core.dossier(serial))

    async def download(self, path: str, **query: Value) -> bytes:
        """Anything else that the server has at a path, as it comes."""
        return await self._run(self._core.download(path, **query))

    async def label(self, lot: str, form: str = "pdf", **options: Value) -> bytes:
        """The label of a lot: png, svg, pdf or zpl."""
        return await self._run(self._core.label(lot, form, **options))

    # Lists.

    async def pages(self, name: str, **filters: Value) -> AsyncIterator[answers.Page[Any]]:
        """A list page by page: lots, entries, certificates, sites or parties.

        filters: those of docs/api.md (`from_` for `from`), and limit, updated_after, total.
        """
        asked = core.list_request(name, filters)
        while True:
            page = await self._run(self._core.page(core.LISTS[name], asked))
            yield page
            if page.next is None:
                return
            asked = wire.follow(asked.path, page.next)

    async def lots(self, **filters: Value) -> AsyncIterator[answers.ListedLot]:
        """Lots, in the order of their last change; as many pages as it takes."""
        async for page in self.pages("lots", **filters):
            for item in page.items:
                yield item

    async def entries(self, **filters: Value) -> AsyncIterator[answers.ListedEntry]:
        """Entries, in the order of their last change; as many pages as it takes."""
        async for page in self.pages("entries", **filters):
            for item in page.items:
                yield item

    async def certificates(self, **filters: Value) -> AsyncIterator[answers.ListedCertificate]:
        """Certificates, in the order of their last change; as many pages as it takes."""
        async for page in self.pages("certificates", **filters):
            for item in page.items:
                yield item

    async def sites(self, **filters: Value) -> AsyncIterator[answers.ListedSite]:
        """Sites, in the order of their last change; as many pages as it takes."""
        async for page in self.pages("sites", **filters):
            for item in page.items:
                yield item

    async def parties(self, **filters: Value) -> AsyncIterator[answers.ListedParty]:
        """Parties, in the order of their last change; as many pages as it takes."""
        async for page in self.pages("parties", **filters):
            for item in page.items:
                yield item

    # The log.

    async def checkpoint(self) -> answers.Checkpoint:
        """The latest checkpoint; with `log_key`, its signature is checked."""
        return await self._run(self._core.checkpoint())

    async def inclusion(
        self, n: int, checkpoint: answers.Checkpoint | None = None
    ) -> answers.Inclusion:
        """That entry n is in the tree of a checkpoint (without one: the latest), checked."""
        return await self._run(self._core.inclusion(n, checkpoint))

    async def follow(self, old: answers.Checkpoint) -> answers.Checkpoint:
        """The latest checkpoint, after checking that nothing under the old one was changed."""
        return await self._run(self._core.follow(old))

    async def ready(self) -> dict[str, Any]:
        """The origin and size of the log, if the server can read and write."""
        return await self._run(self._core.ready())

    # The transport.

    async def _run(self, steps: Steps[T]) -> T:
        came: Answer | Lost | None = None
        try:
            while True:
                came = await self._step(steps.send(came))
        except StopIteration as done:
            value: T = done.value
            return value

    async def _step(self, step: Send | Wait) -> Answer | Lost | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            async with (
                asyncio.timeout(step.timeout_s),
                self._http.stream(**transport.arguments(step)) as response,
            ):
                body = transport.Body(response)
                async for piece in response.aiter_bytes():
                    body.add(piece)
                return body.answer()
        except TimeoutError:
            return Lost(f"not all of it in {step.timeout_s:g} s")
        except httpx.RequestError as error:
            return transport.lost(error)


async def _stream(
    events: Iterable[rows.Event] | AsyncIterable[rows.Event],
) -> AsyncIterator[rows.Event]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event
