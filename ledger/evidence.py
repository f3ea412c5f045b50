"""Two signed checkpoints of one log that contradict each other, kept word for word.

Whoever finds them stops, and stays stopped until a person has looked: a program that went on
would soon overwrite what proves the fork.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ledger.errors import ProofError
from ledger.tilesource import Tree
from ledger.tlog import checkpoint, lines, note, proof

DIRECTORY: Final = "evidence"


def refuse_kept(state: Path) -> None:
    """ProofError LOG_FORKED while evidence lies in a directory of state."""
    kept = sorted(path.name for path in (state / DIRECTORY).glob("*"))
    if kept:
        raise ProofError(
            "LOG_FORKED",
            f"{state / DIRECTORY}: evidence of a fork lies here: {', '.join(kept)[:300]}",
            field="evidence",
            value=str(state / DIRECTORY),
            hint="show it to whoever relies on the log (docs/monitor.md); to go on all the same, "
            "move it to a place where it is kept",
        )


def keep(state: Path, *notes: bytes, proves: bytes = b"", found: str = "") -> Path:
    """Put signed checkpoints, word for word, and what proves the contradiction into DIR/evidence.

    found: when and where they were found. On disk when this returns; the directory.
    """
    place = state / DIRECTORY
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for signed in reversed(notes):  # what was found last lies nowhere else
        said = checkpoint.parse_checkpoint(note.parse_note(signed).text)
        put(place / f"checkpoint-{said.size}-{said.root.hex()[:32]}.txt", signed)
    if proves:
        put(place / "consistency-proof.txt", proves)
    if found:
        put(place / "found.txt", found.encode())
    return place


def consistency(old: checkpoint.Checkpoint, new: checkpoint.Checkpoint, read: Tree) -> bytes:
    """Why `old` is no beginning of `new`: the root that `new` had at that size, and the proof.

    In words and lines, so that anybody can check it with the two checkpoints alone: the proof
    leads from the root stated here, which `old` does not have, to that of `new`.
    """
    hashes = proof.consistency(old.size, new.size, read.subtree) if 0 < old.size < new.size else []
    head = (
        f"log {new.origin}\n"
        f"The checkpoint of size {old.size} was signed with root {old.root.hex()}.\n"
        f"At that size the tree of the checkpoint of size {new.size} had root "
        f"{read.root_at(old.size).hex()};\n"
        "the RFC 6962 consistency proof from there, in base64:\n"
    )
    return head.encode() + lines.format_hashes(hashes)


def put(path: Path, content: bytes) -> None:
    """Write a file so that it is whole, under its name and on disk, or not there at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync(path.parent)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, so that they last."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(directory: Path) -> None:
    """Make the names in a directory last."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
