"""From events to the bytes that are sent: signing once, and cutting a stream into batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from api.client import wire
from api.client.answers import Row
from api.client.errors import BadAnswer, Refusal, refused_here
from ledger import statements
from ledger.book import encoding
from ledger.errors import LedgerError

# An envelope, a statement with its disclosures, or either as JSON.
Event = Mapping[str, Any] | bytes
Key = ec.EllipticCurvePrivateKey

ROWS_MAX: Final = 1_000
BATCH_MAX_BYTES: Final = 16 * 1024 * 1024
ROW_MAX_BYTES: Final = 64 * 1024


def seal(event: Event, key: Key | None) -> bytes:
    """The JSON to send, on one line: signed if there is a key and it is not signed yet.

    Signing draws salts and a nonce, so the bytes differ each time: keep them to send them again.
    Raises Refusal for what cannot be sent.
    """
    try:
        # A newline in JSON stands between its parts only; in a batch it would end the row.
        data = event.replace(b"\n", b" ") if isinstance(event, bytes) else orjson.dumps(dict(event))
    except (TypeError, orjson.JSONEncodeError) as error:
        hint = "exact integers below 2^53 and text; quantities as text: '24.98 t'"
        raise Refusal("JSON_INVALID", f"not JSON: {error}", hint=hint) from error
    if not data.strip():
        raise Refusal("JSON_INVALID", "an empty event", hint="send one JSON object")
    if len(data) > ROW_MAX_BYTES:
        hint = "divide it: several events instead of one"
        raise Refusal("EVENT_TOO_LARGE", f"{len(data)} bytes", value=len(data), hint=hint)
    if key is None:
        return data
    try:
        value = encoding.decode_object(data)
        return data if "statement" in value else signed(value, key)
    except LedgerError as error:
        raise refused_here(error) from error


def signed(envelope: Mapping[str, Any], key: Key) -> bytes:
    return orjson.dumps(statements.sign(envelope, key).as_dict())


@dataclass(frozen=True, slots=True)
class Chunk:
    """Up to 1,000 sealed events, and those that could not be sealed, in the order of the stream."""

    first: int
    rows: tuple[bytes | Refusal, ...] = field(repr=False)

    @property
    def content(self) -> bytes:
        return b"\n".join(row for row in self.rows if isinstance(row, bytes))

    def unsent(self) -> list[Row]:
        """The rows if none of them can be sent."""
        return [
            Row(number, refusal=row)
            for number, row in enumerate(self.rows, start=self.first)
            if isinstance(row, Refusal)
        ]

    def read(self, answer: wire.Answer) -> tuple[list[Row], str | None]:
        """A Row for every event of the chunk, and the checkpoint of the last one that was taken."""
        said = wire.read_json(answer)
        results = said.get("results")
        sent = [i for i, row in enumerate(self.rows) if isinstance(row, bytes)]
        if not isinstance(results, list) or len(results) != len(sent):
            raise BadAnswer(f"batch: results for {len(sent)} rows, want as many as were sent")
        rows = {row.number: row for row in self.unsent()}
        for place, (i, result) in enumerate(zip(sent, results, strict=True), start=1):
            rows[self.first + i] = _row(self.first + i, place, result)
        note = said.get("checkpoint")
        return [rows[number] for number in sorted(rows)], note if isinstance(note, str) else None


def _row(number: int, place: int, result: Any) -> Row:
    try:
        if result["row"] != place:
            raise BadAnswer(f"batch: row {result['row']} in place of {place}")
        if result["ok"]:
            return Row(number, int(result["n"]), str(result["leaf_hash"]))
        return Row(number, refusal=wire.refusal(result["error"], 200))
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"batch: row {place} cannot be read") from error


class Cutter:
    """Cuts a stream of events into chunks that one request may carry, holding one at a time."""

    def __init__(self, key: Key | None) -> None:
        self._key = key
        self._first = 1
        self._rows: list[bytes | Refusal] = []
        self._size = 0

    def add(self, event: Event) -> Chunk | None:
        """The chunk that is complete without this event, if it does not fit any more."""
        row: bytes | Refusal
        try:
            row = seal(event, self._key)
        except Refusal as refusal:
            row = refusal
        size = len(row) + 1 if isinstance(row, bytes) else 0
        full = len(self._rows) == ROWS_MAX or self._size + size > BATCH_MAX_BYTES
        chunk = self.rest() if full else None
        self._rows.append(row)
        self._size += size
        return chunk

    def rest(self) -> Chunk | None:
        """What is held, as a chunk; None if that is nothing."""
        if not self._rows:
            return None
        chunk = Chunk(self._first, tuple(self._rows))
        self._first += len(self._rows)
        self._rows, self._size = [], 0
        return chunk
