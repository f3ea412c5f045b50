"""A small plant for tests of the store: real databases, real keys, custodial parties.

Two parties, HEFEI with site HF01 and WUHU with site WH01: entries 1 to 4 of every log here.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select

from ledger import audit, entry, service, settings, statements
from ledger.book import encoding
from ledger.errors import LedgerError
from ledger.sequencer import Accepted, Result, Sequencer
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from ledger.tlog import checkpoint, proof, tiles
from tests.cluster import Database

ORIGIN = "store.remelt.example/test"
OPERATOR = "OPERATOR"
OWNERS = {"HF01": "HEFEI", "WH01": "WUHU"}
SIZE = 5  # entries of the template
Envelope = dict[str, Any]


def place(data: Path, database: Database) -> None:
    """Make the directory of a new ledger, and note in it where its database is."""
    data.mkdir(exist_ok=True)
    _note(data, database.new(data))


def copy(data: Path, to: Path, database: Database) -> Path:
    """A copy of a log that nobody has open, directory and database."""
    shutil.copytree(data, to)
    _note(to, database.copy(url_of(data), to))
    return to


def _note(data: Path, url: str) -> None:
    if not url.startswith("sqlite"):  # its file lies in the directory, wherever that is copied to
        (data / "database.url").write_text(url)


def url_of(data: Path) -> str:
    noted = data / "database.url"
    return noted.read_text() if noted.exists() else f"sqlite:///{data}/ledger.sqlite"


def settings_of(data: Path) -> settings.Settings:
    """Settings without the environment's say."""
    return settings.Settings(data, url_of(data), "", "")


def build(data: Path) -> None:
    """Open a log with two parties and their sites, and close it again."""
    ledger = service.create(settings_of(data), ORIGIN, OPERATOR, {})
    ledger.sequencer.start()
    for site, party in OWNERS.items():
        accept(ledger, registration(party))
        accept(ledger, site_of(site, party))
    close(ledger)


def close(ledger: Ledger) -> None:
    ledger.sequencer.stop()
    ledger.engine.dispose()


def with_clock(ledger: Ledger, clock_ms: Callable[[], int]) -> Ledger:
    """The ledger with a writer that goes by another clock."""
    old = ledger.sequencer
    ledger.sequencer = Sequencer(ledger.engine, ledger.log_id, old.signers, clock_ms)
    return ledger


# Envelopes.


def registration(party: str, **more: Any) -> Envelope:
    body = {
        "party": party, "country": "CN", "roles": ["recycler"], "custody": "operator",
        "share": "open", **more,
    }  # fmt: skip
    private = {"name": f"{party.title()} Metal Co."}
    return statements.envelope(ORIGIN, OPERATOR, "party_registered", body, private=private)


def site_of(site: str, party: str) -> Envelope:
    body = {
        "site": site, "party": party, "type": "remelter", "country": "CN",
        "zone": "Asia/Shanghai", "scopes": [{"id": "CAST", "level": "line"}], "equipment": ["F1"],
    }  # fmt: skip
    private = {"name": f"Works {site}"}
    return statements.envelope(ORIGIN, OPERATOR, "site_registered", body, private=private)


def at(site: str, kind: str, body: Mapping[str, Any], **more: Any) -> Envelope:
    """An event at a site, by its party."""
    return statements.envelope(ORIGIN, OWNERS[site], kind, body, site=site, **more)


def paper(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "sha256": hashlib.sha256(name.encode()).hexdigest()}


def receipt(lot: str, mass: Any = "10 t", **more: Any) -> Envelope:
    """Old scrap from outside; every lot comes with a paper of its own."""
    body = {
        "lot": lot, "from": {"external": True}, "mass": mass, "assay": {"Al": "95 %"},
        "material": {"metal": "aluminium", "form": "scrap"}, "assay_grade": "final",
        "origin": {"POST": "100 %"},
    }  # fmt: skip
    evidence = [paper("waste_note", lot)]
    return at(lot.partition("/")[0], "lot_received", body, **{"evidence": evidence, **more})


def run(run_: str, step: str, inputs: list[str], outputs: list[Envelope], **more: Any) -> Envelope:
    """A run that takes its inputs whole."""
    taken = [{"lot": lot, "mass": "all"} for lot in inputs]
    body = {"run": run_, "step": step, "scope": "CAST", "inputs": taken, "outputs": outputs}
    return at(run_.partition("/")[0], "run_recorded", {**body, **more})


def made(lot: str, mass: Any, *, role: str = "product", al: str = "") -> Envelope:
    """An output; with an assay where it does not inherit."""
    output: Envelope = {"lot": lot, "role": role, "mass": mass}
    return output | {"assay": {"Al": al}, "assay_grade": "final"} if al else output


def melt(run_: str, inputs: list[str], ingot: str, mass: str) -> Envelope:
    return run(run_, "MELT", inputs, [made(ingot, mass, al="96 %")], equipment="F1")


def certificate(lots: list[str], **more: Any) -> Envelope:
    body = {
        "lots": lots, "substance": "Al", "method": "iso14021-batch", "classes": ["POST"],
        "amount": "all", **more,
    }  # fmt: skip
    return at(lots[0].partition("/")[0], "certificate_issued", body)


def story() -> list[Envelope]:
    """What makes the template a log of every view: metal in, melted, certified, sent, arrived."""
    to = {"party": "WUHU", "site": "WH01"}
    arrived = {"consignment": "HF01/K-1", "lots": [{"lot": "HF01/INGOT", "mass": "17 t"}]}
    sent = {"consignment": "HF01/K-1", "lots": ["HF01/INGOT"], "to": to}
    private = {"driver": "Li Wei", "plate": "皖A·12345"}
    return [
        receipt("HF01/A", private={"note": "yard 3"}),
        receipt("HF01/B"),
        melt("HF01/H-1", ["HF01/A", "HF01/B"], "HF01/INGOT", "17 t"),
        certificate(["HF01/INGOT"]),
        at("HF01", "lot_dispatched", sent, private=private),
        at("WH01", "lot_arrived", arrived, evidence=[paper("weigh_ticket", "K-1")]),
        receipt("WH01/C"),
    ]


# Recording.


def submit(ledger: Ledger, *envelopes: Envelope, proofs: bool = True) -> Future[list[Result]]:
    prepared = [ledger.prepare(encoding.canonical(e), e["party"]) for e in envelopes]
    return ledger.submit(prepared, with_proofs=proofs)


def record(ledger: Ledger, *envelopes: Envelope) -> list[Result]:
    return submit(ledger, *envelopes).result(60)


def accept(ledger: Ledger, *envelopes: Envelope) -> list[Accepted]:
    """Record events that must all be taken."""
    results = record(ledger, *envelopes)
    taken = [result for result in results if isinstance(result, Accepted)]
    assert len(taken) == len(results), results
    return taken


def codes(results: list[Result]) -> list[str]:
    """ "" for what was taken, the code of what was refused."""
    return [result.code if isinstance(result, LedgerError) else "" for result in results]


# What stands in the database.


def count(ledger: Ledger, table: Table) -> int:
    with engines.reading(ledger.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def checkpoint_sizes(ledger: Ledger) -> list[int]:
    c = tables.checkpoints.c
    with engines.reading(ledger.engine) as connection:
        return list(connection.execute(select(c.size).order_by(c.size)).scalars())


def leaf(ledger: Ledger, n: int) -> entry.Entry:
    with engines.reading(ledger.engine) as connection:
        return entry.parse(entries.read_leaf(connection, ledger.log_id, n))


def stored(ledger: Ledger) -> dict[tuple[str, str], tuple[int, str]]:
    """(party, id) -> (n, leaf hash) of every entry."""
    c = tables.entries.c
    with engines.reading(ledger.engine) as connection:
        rows = connection.execute(select(c.party, c.event_id, c.n, c.leaf_hash))
        return {(row.party, row.event_id): (row.n, row.leaf_hash.hex()) for row in rows}


def audited(ledger: Ledger) -> audit.Report:
    """The report of a full audit that must find nothing."""
    with engines.reading(ledger.engine) as connection:
        report = audit.run(connection, ledger.log_id, ledger.verifier)
    assert report.finding is None, report.finding
    return report


def check_answer(ledger: Ledger, answer: Accepted) -> checkpoint.Checkpoint:
    """An answer holds on its own: signed checkpoint, proof, place; what the checkpoint says."""
    signed, _ = checkpoint.open_checkpoint(answer.checkpoint.encode(), [ledger.verifier])
    assert (signed.origin, signed.size) == (ledger.origin, answer.size)
    proof.check_inclusion(
        answer.proof,
        size=signed.size,
        root=signed.root,
        index=answer.n,
        leaf_hash=answer.leaf_hash,
    )
    return signed


def check_consistent(ledger: Ledger, heads: list[checkpoint.Checkpoint]) -> None:
    """Every one of these checkpoints is a prefix of the next larger one."""
    ordered = sorted(set(heads), key=lambda head: head.size)
    with engines.reading(ledger.engine) as connection:
        subtree = tiles.hash_reader(
            ordered[-1].size,
            lambda level, i: entries.read_tile(connection, ledger.log_id, level, i),
        )
        for old, new in itertools.pairwise(ordered):
            proof.check_consistency(
                proof.consistency(old.size, new.size, subtree),
                old_size=old.size,
                old_root=old.root,
                new_size=new.size,
                new_root=new.root,
            )
