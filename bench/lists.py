"""`python -m bench.lists [--objects N] [--postgresql]`: pages of lists over a large, made-up log.

Rows are written straight into the tables: one event for each lot, 1,000 sites, 334 parties. LATE
saw every tenth lot of the last tenth, FEW every 200th of all. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from ledger import lists
from ledger.book import state
from ledger.service import Ledger
from ledger.store import codec, listing, tables, writes
from ledger.store import engine as engines
from tests import cluster
from tests.store import plant

Row = dict[str, Any]
FIRST, BEGIN_MS, CHUNK = 7, 1_772_409_600_000, 20_000
SITES = [f"S{i:04d}" for i in range(1_000)]
PLACES = ["lying"] * 30 + ["consumed"] * 60 + ["road"] + ["left"] * 9


def party_of(site: str) -> str:
    return f"P{int(site[1:]) // 3:04d}"


def fill(ledger: Ledger, count: int) -> None:
    """Entries and lots like the last of the log, many times."""
    e, o = tables.entries.c, tables.objects.c
    with engines.writing(ledger.engine) as connection:
        leaf = connection.execute(select(e.leaf).where(e.n == FIRST - 1)).scalar_one()
        lot = connection.execute(select(o.state).where(o.key == "lot:HF01/INGOT")).scalar_one()
        dice = random.Random(1)
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            rows = [_row(ledger.log_id, i, count, dice, bytes(leaf), bytes(lot)) for i in numbers]
            for table in (tables.objects, tables.entries, tables.visible, tables.entry_parties):
                made = [row for many in rows for row in many[table.name]]
                writes._insert(connection, table, made)
        _places(connection, ledger.log_id)
        connection.execute(update(tables.head).values(size=FIRST + count))


def _row(
    log_id: str, i: int, count: int, dice: random.Random, leaf: bytes, lot: bytes
) -> dict[str, list[Row]]:
    n, at_ms, site = FIRST + i, BEGIN_MS + i * 1_000, dice.choice(SITES)
    key, party = f"lot:{site}/L{i}", party_of(site)
    seen = [party] + ["LATE"] * (i > count * 0.9 and i % 10 == 0) + ["FEW"] * (i % 200 == 0)
    kind = dice.choice(["lot_received", "run_recorded"]) if i % 5_000 else "certificate_issued"
    listed = {
        "kind": "lot", "place": dice.choice(PLACES), "site": site, "party": None, "country": None,
        "roles": "product", "metal": dice.choice(["aluminium", "copper", "lead", "zinc"]),
        "form": dice.choice(["scrap", "ingot", "ubc", "dross"]),
        "made_n": n, "made_ms": at_ms, "since_n": n, "since_ms": at_ms,
    }  # fmt: skip
    entry = {
        "party": party, "event_id": f"{i:036d}", "leaf_hash": dice.randbytes(32), "leaf": leaf,
    }  # fmt: skip
    part = {"kind": kind, "site": site, "occurred_ms": at_ms}
    same = {"log_id": log_id, "n": n}
    return {
        "objects": [{**same, "key": key, "state": lot, **listed}],
        "entries": [{**same, **entry}],
        "visible": [{**same, "party": name, "key": key} for name in seen],
        "entry_parties": [
            {**same, "party": name, "stated": int(name == party), **part} for name in seen
        ],
    }


def _places(connection: Connection, log_id: str) -> None:
    """The sites and parties that the lots name."""
    rows = []
    for i, site in enumerate(SITES):
        value = state.Site(party_of(site), "CN", ("MAIN",), ("F1",), "Asia/Shanghai")
        rows.append(
            {"log_id": log_id, "key": f"site:{site}", "n": FIRST + i, "state": codec.encode(value)}
            | listing.NOTHING
            | {"kind": "site", "party": value.party, "country": "CN"}
        )
    for i, name in enumerate(sorted({party_of(site) for site in SITES} | {"LATE", "FEW"})):
        known = state.Party(name, "CN", "open")
        rows.append(
            {"log_id": log_id, "key": f"party:{name}", "n": FIRST + i, "state": codec.encode(known)}
            | listing.NOTHING
            | {"kind": "party", "country": "CN", "roles": " recycler "}
        )
    writes._insert(connection, tables.objects, rows)


def questions(count: int) -> Iterator[tuple[str, lists.Query]]:
    some = {"site": "S0500", "state": "lying", "metal": "copper", "form": "ubc"}
    nothing = {"metal": "aluminium", "form": "ubc", "role": "heel"}
    for limit in (100, 1_000):
        for about, name, filters, viewer in (
            ("all lots", "lots", {}, None),
            ("lots at one site of 1,000", "lots", {"site": "S0500"}, None),
            ("lots by four filters", "lots", some, None),
            ("lots on the road", "lots", {"state": "road"}, None),
            ("lots that left", "lots", {"state": "left"}, None),
            ("lots of which there are none", "lots", nothing, None),
            ("lots of a day", "lots", {"from": BEGIN_MS + count * 700}, None),
            ("a party's 3,000 lots", "lots", {}, "P0100"),
            ("a party's 5,000 lots, lying", "lots", {"state": "lying"}, "FEW"),
            ("a party's 10,000 lots, all late", "lots", {}, "LATE"),
            ("all entries", "entries", {}, None),
            ("entries of a rare kind", "entries", {"kind": "certificate_issued"}, None),
            ("entries of one party, asked by an auditor", "entries", {"party": "P0100"}, None),
            ("a party's entries", "entries", {}, "P0100"),
            ("sites", "sites", {}, None),
            ("parties", "parties", {"role": "recycler"}, None),
        ):
            yield f"{about}, {limit} a page", lists.Query(name, filters, viewer, limit)
    yield "lots counted", lists.Query("lots", {}, None, 100, total=True)
    yield "lots at a site counted", lists.Query("lots", {"site": "S0500"}, None, 100, total=True)
    yield "a party's lots counted", lists.Query("lots", {}, "LATE", 100, total=True)


def measure(ledger: Ledger, query: lists.Query, pages: int = 30) -> tuple[list[float], int]:
    """Milliseconds of each page, and how many items there were."""
    took, items = [], 0
    for _ in range(pages):
        begin = time.perf_counter()
        answer = lists.read(ledger, query)
        took.append(1_000 * (time.perf_counter() - begin))
        items += len(answer.items)
        if answer.next is None:
            break
        query = replace(query, after=answer.next)
    return sorted(took), items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        kind = cluster.Database("sqlite")
        if arguments.postgresql:
            kind = cluster.Database("postgresql", stack.enter_context(cluster.running()))
        plant.place(data, kind)
        plant.build(data)
        ledger = Ledger.open(plant.settings_of(data))
        ledger.sequencer.start()
        receipt = plant.receipt("HF01/A")
        plant.accept(ledger, receipt, plant.melt("HF01/H-1", ["HF01/A"], "HF01/INGOT", "8 t"))
        ledger.sequencer.stop()
        fill(ledger, arguments.objects)
        if arguments.postgresql:
            with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as raw:
                raw.exec_driver_sql("ANALYZE")
        with engines.reading(ledger.engine) as connection:
            count = connection.execute(select(func.count()).select_from(tables.objects))
            print(f"{count.scalar_one():,} objects, {kind.name}; ms per page")
        for about, query in questions(arguments.objects):
            took, items = measure(ledger, query)
            p95 = took[max(0, -(-len(took) * 95 // 100) - 1)]
            print(
                f"{about:55} {len(took):3} pages {items:6} items  "
                f"p50 {statistics.median(took):6.1f}  p95 {p95:6.1f}  max {took[-1]:6.1f}"
            )
        ledger.engine.dispose()


if __name__ == "__main__":
    main()
