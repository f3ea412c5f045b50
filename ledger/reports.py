"""Answers about lots, lineage and certificates, as plain data for pages, API and command line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from ledger import clock, entry, witnesses
from ledger.book import bodies, crockford, lines, mass, state
from ledger.book import totals as totals_
from ledger.certificate import policy as policies
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, objects

LINEAGE_MAX: Final = 2_000
FINGERPRINT_DIGITS: Final = 10


def lot_view(ledger: Ledger, lot: str) -> dict[str, Any]:
    """A lot: where it is, what it is made of, what is certified on it. RuleError LOT_UNKNOWN."""
    with engines.reading(ledger.engine) as connection:
        found = _object(ledger, connection, f"lot:{lot}")
        if not isinstance(found, state.Lot):
            raise RuleError(
                "LOT_UNKNOWN",
                f"no lot {lot} in this log",
                field="lot",
                value=lot,
                hint="lots are written <site>/<name> in capitals",
            )
        row = entries.listed(connection, ledger.log_id, f"lot:{lot}")
        made = entry.parse(entries.read_leaf(connection, ledger.log_id, row["made_n"]))
        since = entry.parse(entries.read_leaf(connection, ledger.log_id, row["since_n"]))
        # A lot that left is as heavy as it was; of one that was used up nothing is there to weigh.
        held = found.balances or found.transit
        shown = held or before(since.book, lot)
        return {
            "lot": lot,
            "fingerprint": fingerprint(connection, ledger.log_id, row["made_n"]),
            **_whereabouts(ledger, connection, row, since),
            **making(made, lot),
            "role": found.role,
            "assay_grade": found.grade,
            "wet_mg": lines.wet_mg(held if row["place"] == "consumed" else shown),
            "made_mg": lines.wet_mg(state.account_balances(made.book, f"lot:{lot}")),
            "elements": totals_.elements(shown),
            "certificates": _certificates_on(ledger, connection, lot, shown),
            "balances": held,
            "marks": list(found.marks),
            "entries": entries.touching(connection, ledger.log_id, f"lot:{lot}"),
        }


def before(book: state.Book, lot: str) -> lines.Balances:
    """What a lot held before an entry that took everything of it."""
    page = book.get(f"lot:{lot}", {})
    held = {
        substance: {line: shown[1] - shown[0] for line, shown in page[substance].items()}
        for substance in page
    }
    return {substance: {k: mg for k, mg in page.items() if mg} for substance, page in held.items()}


def _object(ledger: Ledger, connection: Connection, key: str) -> state.State | None:
    found = objects.Objects(ledger.log_id, connection).find(key)
    return None if found is None else found[1]


def fingerprint(connection: Connection, log_id: str, n: int) -> str:
    """The first ten Crockford digits of the leaf hash of a lot's first entry."""
    leaf_hash = entry.leaf_hash(entries.read_leaf(connection, log_id, n))
    return crockford.digits(leaf_hash, FINGERPRINT_DIGITS)


_BY: Final = {
    bodies.RunRecorded: "run",
    bodies.LotDispatched: "consignment",
    bodies.LotArrived: "consignment",
    bodies.LotReturned: "consignment",
}


def _whereabouts(
    ledger: Ledger, connection: Connection, row: dict[str, Any], since: entry.Entry
) -> dict[str, Any]:
    """Whether it lies, is on the road, was used up or left, since when, and by what."""
    site = _object(ledger, connection, f"site:{row['site']}")
    by = _BY.get(type(since.event.body), "")
    return {
        "state": row["place"],
        "state_since_ms": row["since_ms"],
        "state_by": getattr(since.event.body, by) if by else "",
        "at_site": row["site"],
        "party": site.party if isinstance(site, state.Site) else "",
        "zone": site.zone if isinstance(site, state.Site) else "UTC",
    }


def as_it_went(ledger: Ledger, view: Mapping[str, Any]) -> lines.Balances:
    """What the entry took that emptied a lot; view: of `lot_view`."""
    with engines.reading(ledger.engine) as connection:
        for n in reversed(view["entries"]):
            found = entry.parse(entries.read_leaf(connection, ledger.log_id, n))
            deltas = state.account_deltas(found.book, f"lot:{view['lot']}")
            if lines.wet_mg(deltas) < 0:
                return {
                    substance: {line: -mg for line, mg in page.items()}
                    for substance, page in deltas.items()
                }
    return {}


def making(first: entry.Entry, lot: str) -> dict[str, Any]:
    """What made the lot: a receipt, or a run with its step; and what the goods are called."""
    body, material, made_by, step = first.event.body, None, "", ""
    if isinstance(body, bodies.LotReceived):
        material, made_by = body.material, "receipt"
    elif isinstance(body, bodies.RunRecorded):
        made_by, step = body.run, body.step
        material = next((o.material for o in body.outputs if o.lot == lot), None)
    shown = None
    if material is not None:
        shown = {"metal": material.metal, "form": material.form, "grade": material.grade}
    return {
        "made_by": made_by,
        "made_at_ms": first.event.occurred_at_ms,
        "made_by_party": first.event.party,
        "step": step,
        "material": shown,
    }


def _certificates_on(
    ledger: Ledger, connection: Connection, lot: str, balances: lines.Balances
) -> list[dict[str, Any]]:
    """Certificates with grams on the lot, and those once issued on it; the lot's own figure."""
    named = entries.serials_on(connection, ledger.log_id, lot)
    shown = []
    for number in named:
        view = entries.read_certificate(connection, ledger.log_id, number)
        if view is None:
            continue
        held = sum(lines.held_mg(balances, number).get(view.substance, {}).values())
        whole = lines.substance_mg(balances, view.substance)
        shown.append(
            {
                "serial": number,
                "status": _status(ledger, connection, view),
                "issuer": view.issuer,
                "substance": view.substance,
                "here_mg": held,
                "here_percent": mass.percent_floor(held, whole),
            }
        )
    return shown


def _status(ledger: Ledger, connection: Connection, view: totals_.Certificate) -> str:
    site = _object(ledger, connection, f"site:{view.site}")
    zone = site.zone if isinstance(site, state.Site) else "UTC"
    now_ms = time.time_ns() // 1_000_000
    return view.status(expired=clock.expired(view.valid_until, zone, now_ms))


def certificate_view(ledger: Ledger, serial: str) -> dict[str, Any]:
    """A certificate: figures, status, holder, lots. RuleError CERTIFICATE_UNKNOWN."""
    with engines.reading(ledger.engine) as connection:
        view = entries.read_certificate(connection, ledger.log_id, serial)
        if view is None:
            raise RuleError(
                "CERTIFICATE_UNKNOWN",
                f"no certificate {serial} in this log",
                field="serial",
                value=serial,
                hint="check the digits; outside its log a serial is quoted with the log's origin",
            )
        issued = entry.parse(entries.read_leaf(connection, ledger.log_id, view.n))
        body = issued.event.body
        assert isinstance(body, bodies.CertificateIssued)  # noqa: S101 (the view says so)
        holder = view.holder
        return {
            "serial": serial,
            "log": ledger.origin,
            "status": _status(ledger, connection, view),
            "issuer": view.issuer,
            "site": view.site,
            "holder": None if holder is None else holder.party or "external",
            "issued_at_ms": issued.event.occurred_at_ms,
            "valid_until": view.valid_until,
            "method": body.method,
            "classes": list(body.classes),
            "lots": list(view.lots),
            **view.figures(),
            "entries": entries.touching(connection, ledger.log_id, f"certificate:{serial}"),
        }


def lineage(ledger: Ledger, lot: str, direction: str) -> dict[str, Any]:
    """The lots a lot came of ("back"), went into ("forward"), or both, breadth first.

    At most LINEAGE_MAX lots; `truncated` says whether there are more.
    """
    with engines.reading(ledger.engine) as connection:
        if _object(ledger, connection, f"lot:{lot}") is None:
            raise RuleError("LOT_UNKNOWN", f"no lot {lot} in this log", field="lot", value=lot)
        ways = {"back": [True], "forward": [False], "both": [True, False]}[direction]
        edges: set[tuple[str, str, int]] = set()
        lots, truncated = {lot}, False
        for back in ways:
            reached, more = _walk(ledger, connection, lot, back=back, edges=edges)
            lots |= reached
            truncated = truncated or more
    return {
        "lot": lot,
        "direction": direction,
        "lots": sorted(lots),
        "edges": [
            {"child": child, "parent": parent, "entry": n}
            for child, parent, n in sorted(edges, key=lambda e: (e[2], e[0], e[1]))
        ],
        "truncated": truncated,
    }


def _walk(
    ledger: Ledger,
    connection: Connection,
    lot: str,
    *,
    back: bool,
    edges: set[tuple[str, str, int]],
) -> tuple[set[str], bool]:
    reached, frontier = {lot}, [lot]
    while frontier:
        found = entries.relatives(connection, ledger.log_id, frontier, back=back)
        edges.update(found)
        nearer = {parent if back else child for child, parent, _ in found} - reached
        if len(reached) + len(nearer) > LINEAGE_MAX:
            return reached, True
        reached |= nearer
        frontier = sorted(nearer)
    return reached, False


def lot_leaf_hash(ledger: Ledger, lot: str) -> bytes:
    """The leaf hash of a lot's first entry: what its label carries. RuleError LOT_UNKNOWN."""
    with engines.reading(ledger.engine) as connection:
        first = entries.first_touch(connection, ledger.log_id, f"lot:{lot}")
        if first is None:
            raise RuleError("LOT_UNKNOWN", f"no lot {lot} in this log", field="lot", value=lot)
        return entry.leaf_hash(entries.read_leaf(connection, ledger.log_id, first))


def concerned(ledger: Ledger, ns: Iterable[int]) -> set[str]:
    """The parties of these entries: who may read them."""
    with engines.reading(ledger.engine) as connection:
        return entries.parties_of(connection, ledger.log_id, ns)


def sees(ledger: Ledger, party: str, key: str) -> bool:
    """Whether a party has or had a part in a lot or certificate: "lot:…", "certificate:…"."""
    with engines.reading(ledger.engine) as connection:
        return entries.sees(connection, ledger.log_id, party, key)


def policy_file(ledger: Ledger) -> bytes:
    """The policy of somebody who trusts this log's present keys: a starting point for buyers.

    The witnesses that the log asks stand in it as remarks: whom to trust is not the log's to say.
    """
    with engines.reading(ledger.engine) as connection:
        opened = entry.parse(entries.read_leaf(connection, ledger.log_id, 0))
    logs = tuple(policies.Log(signer.verifier) for signer in ledger.sequencer.signers)
    asked = witnesses.read(ledger.settings).policy.witnesses
    rows = [f"# witness {made.name} {made.vkey} {made.url}\n" for made in asked]
    if rows:
        rows.insert(0, "# This log asks these to cosign. Whom of them you trust is yours to say:\n")
    policy = policies.format_policy(policies.Policy(logs, (opened.jws.kid,)))
    return policy + "".join(rows).encode("utf-8", "surrogateescape")
