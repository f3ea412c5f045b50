"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from api.client import answers, core, rows, transport, wire
from api.client.retry import Retry, Send, Steps, Wait
from api.client.wire import Answer, Lost, Value

T = TypeVar("T")


class Client:
    """A ledger's HTTP interface, for one party. Threads may share it.

    url: `https://…`; plain http is refused except on this machine, unless `insecure_http`.
    party, log: who speaks, and in which log; for `event`. key: the party's own key, or the PEM
    file with it; without one, the server signs. log_key: the log's vkey; with it every proof and
    checkpoint is checked. ca_file: certificates to trust instead of the system's.
    Methods raise Refusal, NoAnswer, BadAnswer and Untrusted (api.client.errors).
    """

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
        self._http = httpx.Client(**transport.options(url, api_key, ca_file, insecure_http))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._http.base_url)!r}, party={self._core.party!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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

    def record(self, event: rows.Event) -> answers.Recorded:
        """Record one event; returns once it is on disk."""
        return self._run(self._core.record(event))

    def try_event(self, event: rows.Event) -> answers.Tried:
        """What recording the event would book; nothing is written."""
        return self._run(self._core.try_event(event))

    def record_many(self, events: Iterable[rows.Event]) -> Iterator[answers.Row]:
        """Record a stream of any length, in order: one Row for each event, refused or not.

        Up to 1,000 events are read ahead and sent together. If NoAnswer ends the stream, send all
        of it again.
        """
        cutter = rows.Cutter(self._core.key)
        for event in events:
            if chunk := cutter.add(event):
                yield from self._run(self._core.send(chunk))
        if chunk := cutter.rest():
            yield from self._run(self._core.send(chunk))

    def confirm(self, event: rows.Event, recorded: answers.Recorded | answers.Row) -> answers.Entry:
        """The entry that was recorded, read back and compared with what was sent."""
        return self._run(self._core.confirm(event, recorded))

    # Reading.

    def entry(self, n: int) -> answers.Entry:
        """One entry; its hash is computed again."""
        return self._run(self._core.entry(n))

    def lot(self, lot: str) -> answers.Lot:
        """A lot as it stands."""
        return self._run(self._core.lot(lot))

    def lineage(self, lot: str, direction: str = "both") -> answers.Lineage:
        """What a lot was made of (`back`), what was made of it (`forward`), or both."""
        return self._run(self._core.lineage(lot, direction))

    def certificate(self, serial: str) -> answers.Certificate:
        """A certificate, on the server's word."""
        return self._run(self._core.certificate(serial))

    def dossier(self, serial: str) -> bytes:
        """The file that proves a certificate without this server."""
        return self._run(self._core.dossier(serial))

    def download(self, path: str, **query: Value) -> bytes:
        """Anything else that the server has at a path, as it comes."""
        return self._run(self._core.download(path, **query))

    def label(self, lot: str, form: str = "pdf", **options: Value) -> bytes:
        """The label of a lot: png, svg, pdf or zpl."""
        return self._run(self._core.label(lot, form, **options))

    # Lists.

    def pages(self, name: str, **filters: Value) -> Iterator[answers.Page[Any]]:
        """A list page by page: lots, entries, certificates, sites or parties.

        filters: those of docs/api.md (`from_` for `from`), and limit, updated_after, total.
        """
        asked = core.list_request(name, filters)
        while True:
            page = self._run(self._core.page(core.LISTS[name], asked))
            yield page
            if page.next is None:
                return
            asked = wire.follow(asked.path, page.next)

    def lots(self, **filters: Value) -> Iterator[answers.ListedLot]:
        """Lots, in the order of their last change; as many pages as it takes."""
        for page in self.pages("lots", **filters):
            yield from page.items

    def entries(self, **filters: Value) -> Iterator[answers.ListedEntry]:
        """Entries, in the order of their last change; as many pages as it takes."""
        for page in self.pages("entries", **filters):
            yield from page.items

    def certificates(self, **filters: Value) -> Iterator[answers.ListedCertificate]:
        """Certificates, in the order of their last change; as many pages as it takes."""
        for page in self.pages("certificates", **filters):
            yield from page.items

    def sites(self, **filters: Value) -> Iterator[answers.ListedSite]:
        """Sites, in the order of their last change; as many pages as it takes."""
        for page in self.pages("sites", **filters):
            yield from page.items

    def parties(self, **filters: Value) -> Iterator[answers.ListedParty]:
        """Parties, in the order of their last change; as many pages as it takes."""
        for page in self.pages("parties", **filters):
            yield from page.items

    # The log.

    def checkpoint(self) -> answers.Checkpoint:
        """The latest checkpoint; with `log_key`, its signature is checked."""
        return self._run(self._core.checkpoint())

    def inclusion(self, n: int, checkpoint: answers.Checkpoint | None = None) -> answers.Inclusion:
        """That entry n is in the tree of a checkpoint (without one: the latest), checked."""
        return self._run(self._core.inclusion(n, checkpoint))

    def follow(self, old: answers.Checkpoint) -> answers.Checkpoint:
        """The latest checkpoint, after checking that nothing under the old one was changed."""
        return self._run(self._core.follow(old))

    def ready(self) -> dict[str, Any]:
        """The origin and size of the log, if the server can read and write."""
        return self._run(self._core.ready())

    # The transport: the one thing that the asynchronous client does otherwise.

    def _run(self, steps: Steps[T]) -> T:
        came: Answer | Lost | None = None
        try:
            while True:
                came = self._step(steps.send(came))
        except StopIteration as done:
            value: T = done.value
            return value

    def _step(self, step: Send | Wait) -> Answer | Lost | None:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        until = time.monotonic() + step.timeout_s
        try:
            with self._http.stream(**transport.arguments(step)) as response:
                body = transport.Body(response)
                for piece in response.iter_bytes():
                    body.add(piece)
                    if time.monotonic() > until:
                        return Lost(f"not all of it in {step.timeout_s:g} s")
                return body.answer()
        except httpx.RequestError as error:
            return transport.lost(error)
