"""The forger: he owns the real log key and the real operator key, and turns UNK into POST.

He changes one heat's output in the log, lets the real rules carry the lie forward through every
later entry, chains all entries anew, rebuilds the tree and signs a fresh checkpoint. Everything is
consistent again, except that the statement of the heat, which he cannot sign, gives other grams.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

from ledger import entry, keys, reports, settings
from ledger.book import fold, rules
from ledger.book.rules.draft import Outcome
from ledger.certificate import dossier
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import checkpoint, proof, tree


def forge(data: Path, run: str, lot: str, serial: str) -> bytes:
    """A dossier of `serial` from a log in which `run` made POST of the UNK in `lot`."""
    ledger = Ledger.open(settings.load(str(data)))
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        size = head.size if head else 0
        leaves = [row[2] for row in entries.read_leaves(connection, ledger.log_id, 0, size)]
    forged = rewrite(leaves, ledger.origin, run, lot)
    hashes = [tree.leaf_hash(leaf) for leaf in forged]
    signed = checkpoint.sign_checkpoint(
        checkpoint.Checkpoint(ledger.origin, size, tree.root(hashes)),
        keys.load_log_keys(ledger.settings),
    )
    subtree = proof.subtree_from_leaves(hashes)
    view = reports.certificate_view(ledger, serial)
    return dossier.assemble(
        serial,
        view["entries"][0],
        lambda n: forged[n],
        lambda n: proof.inclusion(n, size, subtree),
        signed,
        lambda found: True,
        {},
    )


def rewrite(leaves: list[bytes], origin: str, run: str, lot: str) -> list[bytes]:
    """Every leaf again: the lie in `run`, honest consequences after it."""
    memory, forged, prev = fold.Memory(), list[bytes](), entry.ZERO_HASH
    for leaf in leaves:
        found = entry.parse(leaf)
        outcome = Outcome(found.book, found.lots, found.reads)
        body: Any = found.event.body
        if getattr(body, "run", "") == run and found.event.kind == "run_recorded":
            outcome = Outcome(_lie(found.book, lot), found.lots, found.reads)
        elif forged:
            signer = rules.Signer(found.jws.kid, True)
            outcome = rules.decide(found.event, found.at_ms, memory, signer)
        made = entry.compose(found.n, found.at_ms, prev, found.statement, outcome)
        memory.apply(entry.parse(made).facts(), origin)
        forged.append(made)
        prev = entry.leaf_hash(made)
    if forged == leaves:
        raise SystemExit(f"forger: no run {run} in this log")
    return forged


def _lie(book: dict[str, Any], lot: str) -> dict[str, Any]:
    """All UNK grams of the lot become POST; the heat's losses get them back, so it balances."""
    lied = copy.deepcopy(book)
    page = lied[f"lot:{lot}"]["Al"]
    moved = page.pop("UNK")[1]
    page["POST"] = [page["POST"][0] + moved, page["POST"][1] + moved]
    loss = next(pages["Al"] for account, pages in lied.items() if account.startswith("loss:"))
    loss["UNK"] = loss.get("UNK", 0) + moved
    loss["POST"] = loss.get("POST", 0) - moved
    return lied


if __name__ == "__main__":
    data_dir, run_id, lot_id, serial_no, out = sys.argv[1:]
    Path(out).write_bytes(forge(Path(data_dir), run_id, lot_id, serial_no))
