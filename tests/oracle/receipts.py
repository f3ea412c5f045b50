"""Metal enters; a received lot is assayed again; scrap is born."""

from __future__ import annotations

from typing import Any

from tests.oracle.attribution import contents
from tests.oracle.common import (
    Event,
    actor,
    heel_name,
    in_order,
    known_lot,
    known_party,
    lies_here,
    new_lot,
    not_empty,
    touch,
)
from tests.oracle.finals import remove
from tests.oracle.quantity import BILLION, largest_remainder, part_of, part_of_up
from tests.oracle.refuse import Refused
from tests.oracle.state import NONE, Balance, Line, Lot, State, grams, serials
from tests.oracle.words import TICKET_TYPES

LEAST_CLAIMABLE_FIRST = ["UNK", "PRIM", "PRE", "BMW", "POST"]


def proven_shares(origin: dict[str, Any], element: str) -> dict[str, int]:
    """The shares of one element; absent: UNK."""
    if "all" in origin:
        return dict(origin["all"])
    return dict(origin.get("each", {}).get(element, {"UNK": BILLION}))


def over_origins(origin: dict[str, Any], element: str, milligrams: int) -> dict[Line, int]:
    """Grams of one element split over the proven shares."""
    shares = proven_shares(origin, element)
    order = [name for name in LEAST_CLAIMABLE_FIRST if name in shares]
    parts = largest_remainder(milligrams, [shares[name] for name in order])
    return {(name, ""): part for name, part in zip(order, parts, strict=True) if part}


def lot_received(state: State, event: Event) -> None:
    """A receipt from outside, or from a party that has no site here."""
    actor(state, event)
    body, site = event["body"], event["site"]
    if "party" in body["from"]:
        sender = body["from"]["party"]
        known_party(state, sender, "body.from.party")
        if any(known.party == sender for known in state.sites.values()):
            raise Refused("HANDOVER_REQUIRED", "body.from.party", sender)
    new_lot(state, body["lot"], "body.lot")
    ticket = (site, body.get("ticket"), body.get("ticket_part"))
    if "ticket" in body and ticket in state.tickets:
        raise Refused("TICKET_REUSED", "body.ticket", body["ticket"])
    papers = [item["sha256"] for item in event["evidence"] if item["type"] in TICKET_TYPES]
    for index, item in enumerate(event["evidence"]):
        other = state.documents.get(item["sha256"], event["party"])
        if item["type"] in TICKET_TYPES and other != event["party"]:
            raise Refused("TICKET_REUSED", f"evidence[{index}].sha256", "another party's receipt")
    heel_name(body["lot"], "body.lot")

    ppb, origin = body.get("assay", {}), body.get("origin", {})
    water = part_of_up(body["mass"], body.get("moisture", 0))
    dry = body["mass"] - water
    elements = contents(dry, ppb)
    lines: Balance = {e: over_origins(origin, e, amount) for e, amount in elements.items()}
    lines["H2O"] = {NONE: water}
    lines["OTHER"] = {NONE: dry - sum(elements.values())}
    state.post(f"lot:{body['lot']}", lines)
    state.post(f"source:{site}", lines, -1)
    state.lots[body["lot"]] = Lot(
        at_site=site,
        dated=event["occurred_at"],
        made_at=site,
        grade=body.get("assay_grade", "provisional"),
        mentions=set(ppb),
        origin=origin,
        ppb=dict(ppb),
    )
    if "ticket" in body:
        state.tickets.add(ticket)
    for paper in papers:
        state.documents[paper] = event["party"]


def assay_recorded(state: State, event: Event) -> None:
    """Revalue a received lot that nothing has touched."""
    actor(state, event)
    body = event["body"]
    name = body["lot"]
    known_lot(state, name, "body.lot")
    lies_here(state, event, name, "body.lot")
    not_empty(state, name, "body.lot")
    lot, before = state.lots[name], state.lot(name)
    if lot.run is not None or lot.touched:
        raise Refused("LOT_TOUCHED", "body.lot", name)
    ppb = {**lot.ppb, **body["assay"]}
    if sum(ppb.values()) > BILLION:
        raise Refused("ASSAY_SUM_OVER_100", "body.assay", "with the elements it keeps")

    wet = sum(grams(before, substance) for substance in before)
    water = grams(before, "H2O")
    if "moisture" in body:
        water = part_of_up(wet, body["moisture"])
    dry = wet - water
    elements = {element: part_of(dry, value) for element, value in ppb.items()}
    source = f"source:{lot.made_at}"
    for element in sorted(elements):
        difference = elements[element] - grams(before, element)
        if difference >= 0:
            more = {element: over_origins(lot.origin, element, difference)}
            state.post(f"lot:{name}", more)
            state.post(source, more, -1)
        else:
            fewer(state, name, source, element, -difference)
    others = {"H2O": water, "OTHER": dry - sum(elements.values())}
    for substance, amount in others.items():
        change = {substance: {NONE: amount - grams(before, substance)}}
        state.post(f"lot:{name}", change)
        state.post(source, change, -1)
    lot.ppb = ppb
    lot.mentions = lot.mentions | set(body["assay"])
    lot.grade = body["grade"]
    touch(state, event, name)


def fewer(state: State, name: str, source: str, element: str, amount: int) -> None:
    """Grams leave by LR over origins, equal remainders to the most claimable."""
    lines = state.lot(name)[element]
    order = [o for o in reversed(LEAST_CLAIMABLE_FIRST) if any(o == line[0] for line in lines)]
    held = [sum(v for line, v in lines.items() if line[0] == origin) for origin in order]
    for origin, part in zip(order, largest_remainder(amount, held), strict=True):
        remove(state, name, element, origin, part)
        state.post(source, {element: {(origin, ""): part}})


def scrap_declared(state: State, event: Event) -> None:
    """The whole lot's free PRIM becomes the class."""
    actor(state, event)
    body = event["body"]
    name = body["lot"]
    known_lot(state, name, "body.lot")
    site_name, scope = body["from_scope"].split("/")
    if site_name not in state.sites or scope not in state.sites[site_name].scopes:
        raise Refused("SCOPE_UNKNOWN", "body.from_scope", body["from_scope"])
    lies_here(state, event, name, "body.lot")
    not_empty(state, name, "body.lot")
    lot, before = state.lots[name], state.lot(name)
    if serials(before):
        raise Refused("LOT_CERTIFIED", "body.lot", name)
    in_order(state, event, name, "body.lot")
    if body["from_scope"] not in lot.scopes():
        raise Refused("CLASS_CHANGE_FORBIDDEN", "body.from_scope", body["from_scope"])
    if not any(lines.get(("PRIM", "")) for lines in before.values()):
        raise Refused("CLASS_CHANGE_FORBIDDEN", "body.lot", "no free PRIM")
    if ("internal", event["party"]) in lot.marks:
        raise Refused("SCRAP_SCOPE_SAME_PROCESS", "body.lot", "its own internal scrap")
    for substance, lines in before.items():
        moved = lines.get(("PRIM", ""), 0)
        state.post(f"lot:{name}", {substance: {("PRIM", ""): -moved, (body["class"], ""): moved}})
    lot.touched = True
    lot.marks = lot.marks | {("declared", body["from_scope"])}
    touch(state, event, name)
