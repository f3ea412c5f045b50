"""Checkpoints: the signed statement that a log had this size and this root.

The text of the note is three lines or more:

    <origin>\\n                the log's identity, by rule a URL without scheme; key name = origin
    <size>\\n                  decimal, no leading zero
    <base64(root)>\\n          32 bytes
    <extension>\\n ...         none in our logs; not empty where others have them

A log signs with its Ed25519 key first. Signatures of further keys and of witnesses are more
lines under the same text: `note.format_note(opened.text, lines)` adds them.
Source: C2SP tlog-checkpoint v1.0.0.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from ledger import errors
from ledger.tlog import lines, note


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log (origin) had `size` leaves with root hash `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the text of a checkpoint, the bytes that are signed.

    Raises ProofError NOTE_INVALID for a checkpoint that `parse_checkpoint` would not give back.
    """
    try:
        body = _encode(checkpoint)
    except UnicodeEncodeError:
        raise note.malformed("checkpoint", "not UTF-8", "origin and extensions as text") from None
    if parse_checkpoint(body) != checkpoint:
        raise note.malformed("checkpoint", "reads back as another one", "lines as fields", body)
    return body


def _encode(checkpoint: Checkpoint) -> bytes:
    root = base64.b64encode(checkpoint.root).decode()
    rows = [checkpoint.origin, str(checkpoint.size), root, *checkpoint.extensions]
    return "".join(f"{row}\n" for row in rows).encode()


def parse_checkpoint(body: bytes) -> Checkpoint:
    """Return the checkpoint that `body`, the text of a note, states; it verifies nothing.

    Raises ProofError NOTE_INVALID for anything that `format_checkpoint` would write otherwise.
    """
    note.check_text(body, "checkpoint")
    *split, rest = body.split(b"\n")  # never splitlines: it would end lines at U+2028 as well
    if rest or len(split) < 3 or not all(split):
        raise note.malformed("checkpoint", "not a checkpoint", "3 lines or more, none empty", body)
    origin, size, root, *extensions = split
    return Checkpoint(
        origin.decode(),
        lines.parse_number(size, "checkpoint size"),
        lines.parse_hash(root, "checkpoint root"),
        tuple(e.decode() for e in extensions),
    )


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[note.Signer]) -> bytes:
    """Return the signed note of `checkpoint`, one line for each of `signers`, in their order.

    Whoever calls this has made sure that no other root of this size was ever signed.
    Raises ProofError NOTE_INVALID.
    """
    return note.sign(format_checkpoint(checkpoint), signers)


def open_checkpoint(
    signed: bytes, verifiers: Iterable[note.Verifier], origin: str | None = None
) -> tuple[Checkpoint, note.Note]:
    """Verify a signed checkpoint and return it with its note.

    verifiers: keys of the log only. One good signature is enough, so a witness's key must not
    stand among them; its lines are in the note's `unverified`.
    origin: the log it must be of; None takes any.
    Raises ProofError: NOTE_INVALID, SIGNATURE_INVALID, CHECKPOINT_UNSIGNED as `note.open_note`;
    LOG_MISMATCH if it is of another log.
    """
    opened = note.open_note(signed, verifiers)
    checkpoint = parse_checkpoint(opened.text)
    if origin is not None and checkpoint.origin != origin:
        wrong = f"checkpoint: of another log: {checkpoint.origin[:200]!r}, want {origin!r}"
        raise errors.ProofError("LOG_MISMATCH", wrong, field="origin", value=checkpoint.origin)
    return checkpoint, opened
