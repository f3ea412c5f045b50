"""Proof files of single entries: made from the local ledger, checked without any."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from api.commands import output
from api.commands.ledgers import where
from ledger import dossiers
from ledger.book import encoding
from ledger.certificate import head as heads
from ledger.certificate import policy as policies
from ledger.certificate import verdict
from ledger.errors import FormatError, LedgerError, ProofError, RuleError
from ledger.service import Ledger
from ledger.tlog import proof_file, tree


def proof(arguments: argparse.Namespace) -> int:
    if arguments.check:
        return _check(arguments)
    if arguments.entry or arguments.leaf_hash or arguments.policy or arguments.n is None:
        raise _unusable("want an entry, or --check FILE with --entry or --leaf-hash and --policy")
    if not 0 <= arguments.n <= tree.MAX_SIZE:
        raise _unusable(f"no entry {arguments.n}")
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        data = dossiers.prove(ledger, arguments.n)
    path = Path(arguments.out or f"{arguments.n}.tlog-proof")
    path.write_bytes(data)
    print(f"proof that entry {arguments.n} is in the log: {path} ({len(data):,} bytes)")
    return 0


def _unusable(message: str) -> RuleError:
    return RuleError(
        "PARAMETER_INVALID", message, field="proof", hint="`remelt proof --help` has examples"
    )


def _check(arguments: argparse.Namespace) -> int:
    if arguments.n is not None or not arguments.policy:
        raise _unusable("--check takes a proof file and --policy")
    if bool(arguments.entry) == bool(arguments.leaf_hash):
        raise _unusable("--check needs the leaf: one of --entry FILE, --leaf-hash HEX")
    try:
        file = proof_file.parse_proof_file(Path(arguments.check).read_bytes())
        policy = policies.parse(Path(arguments.policy).read_bytes())
        hashes = _leaf_hashes(arguments)
    except LedgerError as error:
        print(f"remelt: error: {error}", file=sys.stderr)
        print(f"remelt: hint: {error.hint or 'is this the right file?'}", file=sys.stderr)
        return 2
    shown = _verified(file, policy, hashes)
    if arguments.json:
        output.json(shown)
        return 0
    print(f"IN THE LOG   yes, entry {shown['index']} of {shown['size']:,}, log {shown['log']}")
    for row in shown["cosigned"]:
        print(f"SEEN BY      {row['name']}{', which audits' if row['audits'] else ''}, {row['at']}")
    if not shown["cosigned"]:
        print("SEEN BY      nobody whom the policy names")
    return 0


def _verified(
    file: proof_file.ProofFile, policy: policies.Policy, hashes: list[bytes]
) -> dict[str, Any]:
    """What the file proves. ProofError of the log's signature, the proof, quorum or age."""
    logs = [log.verifier for log in policy.logs]
    try:
        seen, opened = proof_file.verify(file, logs, hashes[0])
    except ProofError as error:
        if error.code != "PROOF_INVALID" or len(hashes) == 1:
            raise
        seen, opened = proof_file.verify(file, logs, hashes[1])
    in_log = verdict.InLog(seen.origin, seen.size, seen.root.hex(), "", "", True)
    now_s = int(time.time())
    by = heads.seen(heads.Head(seen, opened, in_log, ()), policy, now_s)
    heads.check_seen(by, policy, now_s)
    cosigned = [
        {"name": made.name, "audits": made.audits, "at": verdict.time_of(made.time_s * 1000)}
        for made in by.cosigned
    ]
    return {
        "index": file.index, "size": seen.size, "log": seen.origin, "root": seen.root.hex(),
        "cosigned": cosigned,
    }  # fmt: skip


def _leaf_hashes(arguments: argparse.Namespace) -> list[bytes]:
    """The hash of the leaf; of a file, as it stands and as the canonical entry it shows."""
    if arguments.leaf_hash:
        if not re.fullmatch(r"[0-9a-f]{64}", arguments.leaf_hash, re.ASCII):
            raise FormatError(
                "FIELD_INVALID",
                f"leaf-hash: {arguments.leaf_hash[:80]!r}, want 64 lower-case hex digits",
                hint="answers of the API carry it as leaf_hash",
            )
        return [bytes.fromhex(arguments.leaf_hash)]
    data = Path(arguments.entry).read_bytes()
    made = [tree.leaf_hash(data)]
    try:
        shown = orjson.loads(data)
        # An answer of GET /v1/entries/{n} is as good as the entry in it.
        if isinstance(shown, dict):
            made.append(tree.leaf_hash(encoding.canonical(shown.get("entry", shown))))
    except ValueError:
        pass  # a leaf of another kind of log
    return made
