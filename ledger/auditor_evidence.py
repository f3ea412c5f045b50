"""What an auditing witness found a log to have done, in files that convince others.

    evidence/finding.txt, finding.json     which entry, what is wrong, and how to check it
    evidence/entry-<n>.json                the leaf, byte for byte
    evidence/entry-<n>.tlog-proof          its inclusion proof and the signed checkpoint (C2SP)

Where the entry contradicts an earlier one, that one lies beside it: with both, the log's own
signature over both, and the parties' signatures in them, nothing needs to be believed.
A log that signed two histories leaves its two checkpoints and the proof that they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from ledger import evidence
from ledger.audit import Finding
from ledger.tilesource import Tree
from ledger.tlog import proof, proof_file

FINDING: Final = "finding.json"
FORK: Final = "consistency-proof.txt"


def kept(directory: Path) -> str:
    """What the evidence kept against a log says; "" if there is none, or none that is whole."""
    place = directory / evidence.DIRECTORY
    if (place / FORK).exists():
        return "LOG_FORKED: the log signed two histories"
    try:
        said = orjson.loads((place / FINDING).read_bytes())
    except OSError:
        return ""
    except ValueError:
        said = {}
    found = {"n": "?", "field": "?", "message": "see the evidence"} | said
    return f"the log broke its rules at entry {found['n']}, {found['field']}: {found['message']}"


def keep_fork(directory: Path, old: bytes, new: bytes, proves: bytes) -> None:
    """Keep two checkpoints that are not of one history, and why."""
    evidence.keep(directory, old, new, proves=proves)


def keep_finding(
    directory: Path,
    finding: Finding,
    other: int | None,
    read: Tree,
    entry: Callable[[int], bytes],
    signed: bytes,
    size: int,
) -> None:
    """Keep an entry that the rules forbid, and the one it contradicts, proven to be in the log.

    read: the mirror's tree, entry: its entries; signed: the checkpoint of its first
    `size` entries. finding.json comes last: with it the evidence is whole.
    """
    assert finding.n is not None  # noqa: S101 (an entry is to blame, always)
    place = evidence.keep(directory, signed)
    shown = [finding.n] if other is None or other >= finding.n else [other, finding.n]
    for n in shown:
        hashes = tuple(proof.inclusion(n, size, read.subtree))
        file = proof_file.ProofFile(n, hashes, signed)
        evidence.put(place / f"entry-{n}.json", entry(n))
        evidence.put(place / f"entry-{n}.tlog-proof", proof_file.format_proof_file(file))
    evidence.put(place / "finding.txt", _text(finding, shown, size).encode())
    said = {
        "n": finding.n, "field": finding.field, "message": finding.message,
        "entries": shown, "size": size,
    }  # fmt: skip
    evidence.put(place / FINDING, orjson.dumps(said, option=orjson.OPT_INDENT_2))


def _text(finding: Finding, shown: list[int], size: int) -> str:
    files = "\n".join(f"  entry-{n}.json, and entry-{n}.tlog-proof that it is in the log"
                      for n in shown)  # fmt: skip
    return (
        f"Entry {finding.n} of this log breaks its rules, in {finding.field}:\n\n"
        f"  {finding.message}\n\n"
        f"The log signed it with its checkpoint of size {size}. Beside this file lie, byte for "
        f"byte,\n\n{files}\n\n"
        "To check: SHA-256 of a zero byte and the entry's bytes is the leaf hash; the proof leads\n"
        "from there to the root in the checkpoint, which the log's key signed. `remelt audit "
        "--url`\non the log, or on the mirror in the directory above, finds the same.\n"
    )
