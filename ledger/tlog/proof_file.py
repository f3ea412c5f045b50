"""Proof files (.tlog-proof): one leaf, its inclusion proof and the checkpoint it leads to.

    c2sp.org/tlog-proof@v1\\n
    extra <base64>\\n          left out where there is none; authenticated by nothing
    index <number>\\n          of the leaf, from 0
    <base64(hash)>\\n ...      the inclusion proof, from the leaf upward
    \\n
    <the signed checkpoint, verbatim, with its cosignatures>

The file holds neither the leaf nor any key: who verifies it brings the hash of the leaf and the
keys that count. Source: C2SP tlog-proof v1 (draft).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.tlog import checkpoint, lines, note, proof

HEADER: Final = b"c2sp.org/tlog-proof@v1"
MAX_EXTRA_BYTES: Final = 48_000
"""Extra data whose line stays below 64 KiB, where the scanners of Go programs give up."""

MAX_FILE_BYTES: Final = note.MAX_NOTE_BYTES + 68 * 1024

_EXTRA: Final = b"extra "
_INDEX: Final = b"index "


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A proof file taken apart; nothing in it is verified.

    signed: the note of the checkpoint. extra: whatever an application put there, b"" for none;
    anybody may have changed it.
    """

    index: int
    hashes: tuple[bytes, ...]
    signed: bytes
    extra: bytes = b""


def format_proof_file(file: ProofFile) -> bytes:
    """Return the bytes of a proof file.

    Raises ProofError NOTE_INVALID for one that `parse_proof_file` would not give back.
    """
    extra = _EXTRA + base64.b64encode(file.extra) + b"\n" if file.extra else b""
    index = _INDEX + b"%d\n" % file.index
    hashes = lines.format_hashes(file.hashes)
    data = HEADER + b"\n" + extra + index + hashes + b"\n" + file.signed
    if parse_proof_file(data) != file:
        raise note.malformed("proof file", "reads back as another one", "lines as fields", data)
    return data


def parse_proof_file(data: bytes) -> ProofFile:
    """Return the proof file that `data` is; it verifies nothing.

    Takes at most 63 hashes, 48,000 bytes of extra data and a checkpoint of 64 KiB. Raises
    ProofError NOTE_INVALID for anything that `format_proof_file` would write otherwise.
    """
    head, signed = lines.split_head(data, "proof file", MAX_FILE_BYTES)
    if head.pop(0) != HEADER:
        raise note.malformed("proof file", "not a proof file", HEADER.decode(), data)
    extra = _parse_extra(head.pop(0)) if head and head[0].startswith(_EXTRA) else b""
    if not head or not head[0].startswith(_INDEX):
        raise note.malformed("proof file", "no index line", "index <number>", b"\n".join(head))
    index = lines.parse_number(head.pop(0).removeprefix(_INDEX), "proof file index")
    hashes = lines.parse_hashes(head, "proof file hash")
    checkpoint.parse_checkpoint(note.parse_note(signed).text)
    return ProofFile(index, hashes, signed, extra)


def _parse_extra(line: bytes) -> bytes:
    extra = note.decode_base64(line.removeprefix(_EXTRA), "proof file extra")
    if not 0 < len(extra) <= MAX_EXTRA_BYTES:
        want = f"1 to {MAX_EXTRA_BYTES}, or no such line"
        raise note.malformed("proof file extra", f"{len(extra)} bytes", want)
    return extra


def verify(
    file: ProofFile, logs: Iterable[note.Verifier], leaf_hash: bytes
) -> tuple[checkpoint.Checkpoint, note.Note]:
    """Verify that the log of the file's checkpoint holds the leaf at `file.index`.

    logs: keys of logs, each named as the log's origin; a witness's key must not stand among
    them. leaf_hash: `tree.leaf_hash` of the entry, which the caller has from elsewhere.
    1. A key of `logs` whose name is the checkpoint's origin must have signed it: the key of one
       trusted log says nothing of another.
    2. The inclusion proof must lead from the leaf to its root.

    Returns the checkpoint and its note, for `cosignature.verify_cosignatures`: how many witnesses
    are enough is for the caller's policy. Raises ProofError: NOTE_INVALID, CHECKPOINT_UNSIGNED,
    SIGNATURE_INVALID, PROOF_INVALID.
    """
    origin = checkpoint.parse_checkpoint(note.parse_note(file.signed).text).origin
    own = [verifier for verifier in logs if verifier.name == origin]
    seen, opened = checkpoint.open_checkpoint(file.signed, own, origin)  # 1
    proof.check_inclusion(  # 2
        file.hashes, size=seen.size, root=seen.root, index=file.index, leaf_hash=leaf_hash
    )
    return seen, opened
