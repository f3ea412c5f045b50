"""GET /my/lots/{site}/{name}: a lot for its parties: what happened to it, what it came of."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from fastapi import APIRouter, Response

from api.pages import lot, names
from api.pages.mine import lot_seen, viewer_of
from api.pages.reader import Reader
from api.pages.visit import ReadingDep, Visit
from ledger import entry, recent, reports
from ledger.store import engine as engines
from ledger.store import entries

router = APIRouter(include_in_schema=False)

ENTRIES_MAX: Final = 60
LINEAGE_SHOWN: Final = 60


@router.api_route("/my/lots/{site}/{name}", methods=["GET", "HEAD"])
def lot_page(found: ReadingDep, site: str, name: str) -> Response:
    view = lot_seen(found, f"{site}/{name}")
    who = Reader(found.who.language, found.who.chosen, view["zone"])
    happened = [_event(found, who, n) for n in reversed(view["entries"][-ENTRIES_MAX:])]
    shown = {
        **lot.page(found.ledger, view, who),
        "lot": view["lot"],
        "public": f"/L/{view['lot']}/{view['fingerprint']}",
        "entries": happened,
        "entries_more": max(len(view["entries"]) - ENTRIES_MAX, 0),
        "back": _lineage(found, view["lot"], "back"),
        "forward": _lineage(found, view["lot"], "forward"),
    }
    return found.page("my_lot.html", shown)


def _event(found: Visit, who: Reader, n: int) -> dict[str, Any]:
    """One entry, as far as the visitor has a part in it."""
    viewer = viewer_of(found)
    if viewer is not None and viewer not in reports.concerned(found.ledger, [n]):
        return {"n": n, "mine": False}
    with engines.reading(found.ledger.engine) as connection:
        read = entry.parse(entries.read_leaf(connection, found.ledger.log_id, n))
    body = read.event.body
    about = getattr(body, "run", "") or getattr(body, "consignment", "")
    return {
        "n": n,
        "mine": True,
        "kind": who.name(names.KINDS, read.event.kind),
        "about": about or getattr(body, "serial", ""),
        "party": read.event.party,
        "happened": who.date_time(read.event.occurred_at_ms),
        "recorded": who.date_time(read.at_ms),
        "papers": [who.name(names.EVIDENCE, paper.type) for paper in read.event.evidence],
    }


def _lineage(found: Visit, lot_name: str, direction: str) -> dict[str, Any]:
    """Rows of (steps away, lot, made of or went into), nearest first."""
    made = reports.lineage(found.ledger, lot_name, direction)
    near, far = ("child", "parent") if direction == "back" else ("parent", "child")
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for edge in made["edges"]:
        beside[edge[near]].append(edge[far])
    rows: list[dict[str, Any]] = []
    reached, frontier, steps = {lot_name}, [lot_name], 0
    while frontier:
        steps += 1
        following: list[str] = []
        for one in frontier:
            for other in beside[one]:
                rows.append({"steps": steps, "lot": other, "of": one})
                if other not in reached:
                    reached.add(other)
                    following.append(other)
        frontier = following
    hidden, rows = len(rows) - LINEAGE_SHOWN, rows[:LINEAGE_SHOWN]
    seen = recent.seen(found.ledger, viewer_of(found), {row["lot"] for row in rows})
    return {
        "rows": [{**row, "seen": row["lot"] in seen} for row in rows],
        "more": max(hidden, 0),
        "truncated": made["truncated"],
    }
