"""The witness protocol without its HTTP: what is asked, what a witness decides, what it answers.

A log asks to be cosigned with POST <prefix>/add-checkpoint:

    old <size>\\n              of the checkpoint that the witness cosigned last, 0 for none
    <base64(hash)>\\n ...      consistency proof from there, none if old is 0
    \\n
    <the signed checkpoint, verbatim>

The answer is 200 with one or more cosignature lines; 409 with `text/x.tlog.size` and the size
from which the witness wants the proof; or 400, 403, 404, 422. `decide` is the witness's side,
`read_answer` the log's. Nothing here stores, signs on its own, or reads a clock.
Source: C2SP tlog-witness v1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, Literal

from ledger import errors
from ledger.tlog import checkpoint, cosignature, lines, note, proof, tree

MAX_REQUEST_BYTES: Final = note.MAX_NOTE_BYTES + 4096
"""What a request can need. Other witnesses stop at 16 KiB: send them no cosignatures of others."""

SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"

_OLD: Final = b"old "


@dataclass(frozen=True, slots=True)
class Request:
    """An add-checkpoint request taken apart; nothing in it is verified. signed: the note."""

    old_size: int
    hashes: tuple[bytes, ...]
    signed: bytes

    @property
    def claimed(self) -> checkpoint.Checkpoint:
        """What the note states, whoever wrote it: to look up what is stored of that origin."""
        return checkpoint.parse_checkpoint(note.parse_note(self.signed).text)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Store `seen` in place of what was stored, durably, then cosign it and answer."""

    seen: checkpoint.Checkpoint
    opened: note.Note


@dataclass(frozen=True, slots=True)
class Refused:
    """The status of a refusal and why. size: with 409, the size that the witness has."""

    status: int
    why: str
    size: int | None = None

    @property
    def content_type(self) -> str:
        """The Content-Type of the answer."""
        return TEXT_TYPE if self.size is None else SIZE_TYPE

    @property
    def body(self) -> bytes:
        """The body of the answer: the size alone, else a sentence."""
        return f"{self.why if self.size is None else self.size}\n".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the answer of a witness means to the log.

    kind: "cosigned", with `cosignatures` by the names of the keys; "resend", with a proof from
    `size`; "ahead", the witness has cosigned a larger tree of `size`, which this log must not
    have forgotten; "conflict", what the witness stored does not go with what it was shown;
    "refused", asking again will not help; "later", it may.
    why: in words, for the operator.
    """

    kind: Literal["cosigned", "resend", "ahead", "conflict", "refused", "later"]
    why: str
    size: int | None = None
    cosignatures: Mapping[str, cosignature.Cosignature] = field(default_factory=dict)


def monitoring_path(origin: str) -> str:
    """Return where below its monitoring prefix a witness shows what it cosigned last of a log."""
    return f"{sha256(origin.encode()).hexdigest()}/checkpoint"


# The request.


def make_request(old_size: int, signed: bytes, subtree: tree.SubtreeReader) -> Request:
    """Return the request that a witness at `old_size` cosign the checkpoint `signed`.

    Raises ProofError: NOTE_INVALID if `signed` is no checkpoint, PROOF_INVALID if it is of fewer
    than `old_size` leaves; and whatever `subtree` raises.
    """
    request = Request(old_size, (), signed)
    size = request.claimed.size
    if old_size == 0:
        return request
    return replace(request, hashes=tuple(proof.consistency(old_size, size, subtree)))


def format_request(request: Request) -> bytes:
    """Return the body of a request.

    Raises ProofError NOTE_INVALID for one that `parse_request` would not give back.
    """
    old = _OLD + b"%d\n" % request.old_size
    body = old + lines.format_hashes(request.hashes) + b"\n" + request.signed
    if parse_request(body) != request:
        raise note.malformed("request", "reads back as another one", "lines as fields", body)
    return body


def parse_request(body: bytes) -> Request:
    """Return the request that `body` is; it verifies nothing.

    Raises ProofError NOTE_INVALID for anything that `format_request` would write otherwise, and
    for a note that is no checkpoint: to be answered with `malformed`.
    """
    head, signed = lines.split_head(body, "request", MAX_REQUEST_BYTES)
    if not head[0].startswith(_OLD):
        raise note.malformed("request", "no old size", "old <size> in the first line", head[0])
    old_size = lines.parse_number(head[0].removeprefix(_OLD), "request old size")
    request = Request(old_size, lines.parse_hashes(head[1:], "request hash"), signed)
    _ = request.claimed  # raises
    return request


# The witness's side.


def malformed(error: errors.ProofError) -> Refused:
    """Return the answer to a body that `parse_request` refused."""
    return Refused(400, error.message)


def decide(
    stored: checkpoint.Checkpoint | None,
    request: Request,
    logs: Mapping[str, Sequence[note.Verifier]],
) -> Accepted | Refused:
    """Decide whether the checkpoint of `request` may be cosigned.

    stored: what the witness cosigned last of `request.claimed.origin`, None if nothing.
    logs: the keys trusted for each origin.

    1. 404: the origin must be known.
    2. 403: one of its keys must have signed; a bad signature by one of them refuses as well.
    3. 400: the old size must not exceed that of the checkpoint.
    4. 409 with the stored size: the old size must be the stored one, 0 if nothing is stored.
    5. 422: the tree must be an append-only successor of the stored one: the empty tree has one
       root, the proof from 0 is empty, that from equal sizes too and the roots are the same.

    Reading `stored`, this decision, and storing the outcome must be one transaction, else a
    slower request rolls a faster one back. Source: C2SP tlog-witness v1.0.0, "add-checkpoint".
    """
    origin = request.claimed.origin
    if origin not in logs:
        return Refused(404, f"no log {origin[:200]!r} is witnessed here")
    try:
        seen, opened = checkpoint.open_checkpoint(request.signed, logs[origin], origin)
    except errors.ProofError as error:
        return Refused(403, error.message)
    if request.old_size > seen.size:
        return Refused(400, f"old size {request.old_size}, want at most that of the checkpoint")
    last = stored or checkpoint.Checkpoint(origin, 0, tree.EMPTY_ROOT)
    assert last.origin == origin, "tlog: the stored checkpoint is of another log"
    if request.old_size != last.size:
        return Refused(409, f"old size {request.old_size}, want {last.size}", last.size)
    try:
        _check_successor(last, seen, request.hashes)
    except errors.ProofError as error:
        return Refused(422, error.message)
    return Accepted(seen, opened)


def _check_successor(
    last: checkpoint.Checkpoint, seen: checkpoint.Checkpoint, hashes: Sequence[bytes]
) -> None:
    """Check consistency with the empty tree as predecessor of all; raises PROOF_INVALID."""
    if last.size > 0:
        proof.check_consistency(
            hashes, old_size=last.size, old_root=last.root, new_size=seen.size, new_root=seen.root
        )
    elif hashes:
        raise _inconsistent(f"a proof of {len(hashes)} hashes from size 0, want none")
    elif seen.size == 0 and seen.root != tree.EMPTY_ROOT:
        raise _inconsistent(f"an empty tree with root {seen.root.hex()}, want SHA-256 of nothing")


def _inconsistent(wrong: str) -> errors.ProofError:
    return errors.ProofError("PROOF_INVALID", f"consistency: {wrong}", field="proof")


def cosign(accepted: Accepted, keys: Iterable[cosignature.CosigningKey], time: int) -> bytes:
    """Return the body of the 200: a line of each of `keys`. Only after `seen` is stored durably.

    time: seconds since 1970, from 1 on. Raises ProofError NOTE_INVALID.
    """
    made = (cosignature.cosign(accepted.opened.text, key, time) for key in keys)
    return b"".join(map(note.format_signature, made))


# The log's side.


def read_answer(
    status: int,
    content_type: str,
    body: bytes,
    request: Request,
    witnesses: Mapping[str, cosignature.Cosigner],
) -> Answer:
    """Return what the answer of a witness to `request` means; raises for no answer whatever.

    witnesses: the keys of this witness by the caller's names; other keys' lines are ignored.
    """
    if status == 200:
        return _read_cosignatures(body, request, witnesses)
    if status == 409:
        return _read_conflict(content_type, body, request)
    said = body[:200].decode(errors="replace").strip()
    why = f"status {status}: {said}" if said else f"status {status}"
    if status == 422:
        return Answer("conflict", why)
    return Answer("later" if status == 429 or status >= 500 else "refused", why)


def _read_cosignatures(
    body: bytes, request: Request, witnesses: Mapping[str, cosignature.Cosigner]
) -> Answer:
    if len(body) > note.MAX_NOTE_BYTES:
        return Answer("refused", f"status 200 with {len(body)} bytes")
    try:
        # Not parsed as one note: a blank line in the body would make another text of it.
        text = note.parse_note(request.signed).text
        opened = note.Note(text, (), note.parse_signatures(body))
        found = cosignature.open_cosignatures(opened, witnesses)
    except errors.ProofError as error:
        return Answer("refused", f"status 200: {error.message}")
    timed = {name: cosigned for name, cosigned in found.items() if cosigned.time > 0}
    if not timed:
        return Answer("refused", "status 200: no cosignature with a time by a key of this witness")
    return Answer("cosigned", "status 200", cosignatures=timed)


def _read_conflict(content_type: str, body: bytes, request: Request) -> Answer:
    """Read a 409. Witnesses of the drafts answer so, without a size, where the roots differ."""
    if content_type.partition(";")[0].strip().lower() != SIZE_TYPE or body[-1:] != b"\n":
        return Answer("conflict", "status 409 without a size")
    try:
        size = lines.parse_number(body[:-1], "size of the witness")
    except errors.ProofError as error:
        return Answer("refused", f"status 409: {error.message}")
    why = f"status 409: the witness is at size {size}"
    if size > request.claimed.size:
        return Answer("ahead", why, size)
    if size == request.old_size:  # what it was given: another proof would meet the same answer
        return Answer("conflict", why, size)
    return Answer("resend", why, size)
