"""Everything that a client does, without doing it: steps for a transport to carry out.

`Client` and `AsyncClient` run these steps and add nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from api.client import answers, rows, trust, wire
from api.client.errors import Untrusted, refused_here
from api.client.retry import Patience, Retry, Steps
from api.client.wire import Answer, Call, Request, Value
from ledger import keys, statements
from ledger.book import encoding, shapes
from ledger.book import serial as serials
from ledger.errors import LedgerError

T = TypeVar("T")

PATIENT: Final = Retry()


@dataclass(frozen=True, slots=True)
class Core:
    """Who speaks to which ledger, how patiently, and which log key is believed."""

    log: str
    party: str
    key: rows.Key | None = field(repr=False)
    pin: trust.Pin
    patience: Patience

    def event(self, kind: str, body: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """An envelope of the client's party, with a new id and dated now unless `more` says it."""
        if not self.log or not self.party:
            raise ValueError("an event needs Client(party=…), and log=… or log_key=…")
        return statements.envelope(self.log, self.party, kind, body, **more)

    # Recording.

    def record(self, event: rows.Event) -> Steps[answers.Recorded]:
        call = Call(_post("/v1/events", rows.seal(event, self.key)), _reader(answers.Recorded))
        return self.pin.recorded((yield from self.patience.ask(call)))

    def try_event(self, event: rows.Event) -> Steps[answers.Tried]:
        asked = _post("/v1/events", rows.seal(event, self.key), dry_run=True)
        return (yield from self.patience.ask(Call(asked, _reader(answers.Tried))))

    def send(self, chunk: rows.Chunk) -> Steps[list[answers.Row]]:
        """One batch of a stream."""
        if not chunk.content:
            return chunk.unsent()
        asked = Request(
            "POST", "/v1/events/batch", content=chunk.content, media_type="application/x-ndjson"
        )
        found, signed = yield from self.patience.ask(Call(asked, chunk.read))
        self.pin.batch(signed, [row.n for row in found if row.n is not None])
        return found

    def confirm(
        self, event: rows.Event, recorded: answers.Recorded | answers.Row
    ) -> Steps[answers.Entry]:
        """The entry that was recorded: it has the hash that was answered and says what was sent."""
        if recorded.n is None:
            raise ValueError("a refused row has no entry")
        found = yield from self.entry(recorded.n)
        if found.leaf_hash != recorded.leaf_hash:
            raise Untrusted(f"entry {recorded.n}: its hash is not {recorded.leaf_hash}")
        sent = event if isinstance(event, Mapping) else encoding.decode_object(event)
        return trust.states(found, sent)

    # Reading.

    def entry(self, n: int) -> Steps[answers.Entry]:
        return trust.same_leaf((yield from self._get(answers.Entry, f"/v1/entries/{n}")))

    def lot(self, lot: str) -> Steps[answers.Lot]:
        return (yield from self._get(answers.Lot, f"/v1/lots/{_lot(lot)}"))

    def lineage(self, lot: str, direction: str) -> Steps[answers.Lineage]:
        return (
            yield from self._get(
                answers.Lineage, f"/v1/lots/{_lot(lot)}/lineage", direction=direction
            )
        )

    def certificate(self, serial: str) -> Steps[answers.Certificate]:
        return (yield from self._get(answers.Certificate, f"/v1/certificates/{_serial(serial)}"))

    def download(self, path: str, **query: Value) -> Steps[bytes]:
        call = Call(Request("GET", path, wire.query(query)), lambda answer: answer.content)
        return (yield from self.patience.ask(call))

    def dossier(self, serial: str) -> Steps[bytes]:
        return self.download(f"/v1/certificates/{_serial(serial)}/dossier")

    def label(self, lot: str, form: str, **options: Value) -> Steps[bytes]:
        return self.download(f"/v1/lots/{_lot(lot)}/label.{wire.segment(form)}", **options)

    def page(self, kind: type[T], asked: Request) -> Steps[answers.Page[T]]:
        """A page of a list; `asked` comes from `list_request` or from the page before."""

        def read(answer: Answer) -> answers.Page[T]:
            found = answers.read(_Listed, wire.read_json(answer))
            items = (answers.read(kind, item, f"items[{i}]") for i, item in enumerate(found.items))
            return answers.Page(tuple(items), found.next, found.size, found.total)

        return (yield from self.patience.ask(Call(asked, read)))

    # The log.

    def checkpoint(self) -> Steps[answers.Checkpoint]:
        signed = yield from self.download("/v1/log/checkpoint")
        return self.pin.open(signed.decode(errors="replace"))

    def inclusion(self, n: int, signed: answers.Checkpoint | None) -> Steps[answers.Inclusion]:
        """The proof of entry n, checked against a checkpoint: the latest, or the one given."""
        signed = signed or (yield from self.checkpoint())
        path = "/v1/log/proof/inclusion"
        return trust.proven(
            (yield from self._get(answers.Inclusion, path, n=n, size=signed.size)), signed
        )

    def follow(self, old: answers.Checkpoint) -> Steps[answers.Checkpoint]:
        """The latest checkpoint, once it is shown that its log begins with the old one's."""
        new = yield from self.checkpoint()
        if new.size < old.size:
            raise Untrusted(f"the log had {old.size} entries and now has {new.size}")
        asked = Request(
            "GET", "/v1/log/proof/consistency", wire.query({"from": old.size, "to": new.size})
        )
        found = yield from self.patience.ask(Call(asked, _consistency))
        return trust.continued(found, old, new)

    def ready(self) -> Steps[dict[str, Any]]:
        return (yield from self.patience.ask(Call(Request("GET", "/readyz"), wire.read_json)))

    def _get(self, kind: type[T], path: str, **query: Value) -> Steps[T]:
        call = Call(Request("GET", path, wire.query(query)), _reader(kind))
        return (yield from self.patience.ask(call))


@dataclass(frozen=True, slots=True)
class _Listed:
    items: tuple[Any, ...]
    next: str | None
    size: int
    total: int | None = None


LISTS: Final[dict[str, Any]] = {
    "lots": answers.ListedLot,
    "entries": answers.ListedEntry,
    "certificates": answers.ListedCertificate,
    "sites": answers.ListedSite,
    "parties": answers.ListedParty,
}


def serial_of(event: Mapping[str, Any]) -> str:
    """The serial that an event will give its certificate: known before it is recorded."""
    return serials.make(event["log"], event["party"], event["id"])


def list_request(name: str, filters: Mapping[str, Value]) -> Request:
    """The request of a list's first page. ValueError for a list that there is not."""
    if name not in LISTS:
        raise ValueError(f"list: {name}, want one of {', '.join(LISTS)}")
    return Request("GET", f"/v1/{name}", wire.query(filters))


def make(
    log: str, log_key: str, party: str, key: rows.Key | str | Path | None, retry: Retry
) -> Core:
    """The core of a client. ValueError for an argument that cannot be right."""
    pin = trust.parse_pin(log_key)
    if log and pin.origin and log != pin.origin:
        raise ValueError(f"log: {log}, but log_key is of {pin.origin}")
    try:
        own = keys.load_party_key(Path(key)) if isinstance(key, str | Path) else key
    except LedgerError as error:
        raise ValueError(f"key: {error.message}") from error
    return Core(log or pin.origin, party, own, pin, Patience(retry, time.monotonic, random.random))


def _post(path: str, content: bytes, **query: Value) -> Request:
    return Request("POST", path, wire.query(query), content, "application/json")


def _reader(kind: type[T]) -> Callable[[Answer], T]:
    return lambda answer: answers.read(kind, wire.read_json(answer))


def _consistency(answer: Answer) -> answers.Consistency:
    said = wire.read_json(answer)
    return answers.read(
        answers.Consistency, {**said, "from_size": said.get("from"), "to_size": said.get("to")}
    )


def _lot(lot: str) -> str:
    """A lot's place in a path. Refusal if it cannot be one: no name leads anywhere else."""
    try:
        return str(shapes.NAMED(lot, "lot"))
    except LedgerError as error:
        raise refused_here(error) from error


def _serial(text: str) -> str:
    """The same of a serial, with or without hyphens."""
    try:
        return serials.parse(text.replace("-", "").upper(), "serial")
    except LedgerError as error:
        raise refused_here(error) from error
