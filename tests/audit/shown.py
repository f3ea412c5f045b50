"""A log in memory as others see it: a directory of tiles, and the policy of who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledger import entry
from ledger.certificate import policy as policies
from ledger.tlog import checkpoint, cosignature, note, tree
from tests import harness
from tests.monitor import logs

WITNESS = cosignature.key_from_seed("witness.example/w1", cosignature.ED25519, b"w" * 32)
SEEN_AT = 1_772_409_600


def write(log: harness.TestLedger, directory: Path, leaves: Sequence[bytes] | None = None) -> Path:
    """The log's files, or those of other leaves that it signs; cosigned once."""
    shown = log.leaves if leaves is None else leaves
    directory.mkdir(exist_ok=True)
    return logs.write(logs.static(shown, signed(log, shown)), directory)


def signed(log: harness.TestLedger, leaves: Sequence[bytes]) -> bytes:
    root = tree.root([entry.leaf_hash(leaf) for leaf in leaves])
    made = checkpoint.Checkpoint(log.origin, len(leaves), root)
    opened = note.parse_note(checkpoint.sign_checkpoint(made, [log.signer]))
    line = cosignature.cosign(opened.text, WITNESS, SEEN_AT)
    return note.format_note(opened.text, [*opened.unverified, line])


def policy(log: harness.TestLedger, **changes: Any) -> policies.Policy:
    vkey = WITNESS.cosigner.vkey
    witnesses = (policies.Witness("w1", vkey),)
    return log.policy(**{"witnesses": witnesses, "quorum": "w1", **changes})


def policy_file(log: harness.TestLedger, directory: Path, **changes: Any) -> Path:
    path = directory / "policy.txt"
    path.write_bytes(policies.format_policy(policy(log, **changes)))
    return path


def certified_twice() -> harness.TestLedger:
    """The same grams under two certificates: the operator showed the rules an old state."""
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    before = log.memory.objects["lot:HF01/A"]
    log.certify(["HF01/A"], "Al")
    log.memory.objects["lot:HF01/A"] = before
    log.certify(["HF01/A"], "Al")
    return log
