"""The log's own keys: shown, added, retired."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from api.commands import output
from api.commands.ledgers import where
from ledger import logkeys, rotation, statements
from ledger.book import encoding
from ledger.service import Ledger


def list_all(arguments: argparse.Namespace) -> int:
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        known, signing = ledger.verifiers, _signing(ledger)
    rows = [{"vkey": key.vkey, "signs": key.vkey in signing} for key in known]
    if arguments.json:
        output.json(rows)
        return 0
    for row in rows:
        print(f"{'signs' if row['signs'] else 'retired':<8} {row['vkey']}")
    return 0


def add(arguments: argparse.Namespace) -> int:
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        fresh = rotation.prepare(ledger.settings, ledger.origin).verifier
        known = {key.vkey for key in ledger.verifiers}
        if fresh.vkey not in known:  # else it was named, and the command cut off after that
            _name(ledger, {*known, fresh.vkey})
        rotation.adopt(ledger.settings)
        policy = ledger.settings.data / "policy.txt"
        _add_to_policy(policy, fresh.vkey)
        count = len(_signing(ledger)) + 1
    print(f"added {fresh.vkey}")
    print(f"  every checkpoint is signed by {count} keys from now on")
    print("next: restart the servers, so that they sign with it")
    print(f"      give buyers and witnesses the new `log` line of {policy},")
    print("      and retire the old key when the last certificate that they hold has run out")
    return 0


def _name(ledger: Ledger, vkeys: set[str]) -> None:
    said = logkeys.statement(vkeys)
    event = statements.envelope(ledger.origin, ledger.operator, "policy_set", **said)
    ledger.sequencer.start()
    ledger.record(encoding.canonical(event), ledger.operator)
    ledger.sequencer.stop()


def retire(arguments: argparse.Namespace) -> int:
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        gone = rotation.retire(ledger.settings, arguments.key)
    print(f"retired {gone.verifier.vkey}")
    print("  what it signed stays valid for whoever names it; nothing new is signed with it")
    print("next: restart the servers; buyers need the line of the key that goes on")
    return 0


def _signing(ledger: Ledger) -> set[str]:
    return {signer.verifier.vkey for signer in ledger.sequencer.signers}


def _add_to_policy(path: Path, vkey: str) -> None:
    """One more `log` line below the others; whatever else people wrote into the file stays."""
    if not path.exists():
        return
    lines = path.read_text("utf-8", "surrogateescape").split("\n")
    if any(line.split()[:2] == ["log", vkey] for line in lines):
        return  # the command was cut off before, after this
    last = max((i for i, line in enumerate(lines) if line.startswith("log ")), default=-1)
    lines.insert(last + 1, f"log {vkey}")
    path.write_text("\n".join(lines), "utf-8", "surrogateescape")
