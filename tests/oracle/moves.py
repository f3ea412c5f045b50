"""From hand to hand: dispatch, return, arrival."""

from __future__ import annotations

from tests.oracle import readings
from tests.oracle.common import (
    Event,
    actor,
    in_order,
    known_lot,
    known_party,
    lies_here,
    not_empty,
    touch,
)
from tests.oracle.quantity import BILLION
from tests.oracle.refuse import Refused
from tests.oracle.state import (
    NONE,
    Consignment,
    State,
    add,
    serials,
    take,
    weight,
)


def lot_dispatched(state: State, event: Event) -> None:
    """Lots go on the road, or out of the ledger."""
    actor(state, event)
    body, to = event["body"], event["body"]["to"]
    if "party" in to:
        known_party(state, to["party"], "body.to.party")
        if to["site"] not in state.sites:
            raise Refused("SITE_UNKNOWN", "body.to.site", to["site"])
        if state.sites[to["site"]].party != to["party"]:
            raise Refused("FIELD_INVALID", "body.to.site", "not a site of that party")
    for index, name in enumerate(body["lots"]):
        known_lot(state, name, f"body.lots[{index}]")
    if body["consignment"] in state.consignments:
        raise Refused("CONSIGNMENT_DUPLICATE", "body.consignment", body["consignment"])
    for index, name in enumerate(body["lots"]):
        path = f"body.lots[{index}]"
        lies_here(state, event, name, path)
        not_empty(state, name, path)
        bound_to_holder(state, event, name, path)
        in_order(state, event, name, path)

    outside = "external" in to
    for name in body["lots"]:
        lines = state.lot(name)
        state.post(f"lot:{name}", lines, -1)
        state.post(f"sink:{event['site']}" if outside else f"transit:{name}", lines)
        state.lots[name].in_transit = not outside
        touch(state, event, name)
    place = "outside" if outside else "road"
    state.consignments[body["consignment"]] = Consignment(
        event["party"], event["site"], to, dict.fromkeys(body["lots"], place)
    )


def bound_to_holder(state: State, event: Event, name: str, path: str) -> None:
    """While the issuer has custody, the metal goes to the holder of its certificate only."""
    to = event["body"]["to"]
    for serial in serials(state.lot(name)):
        certificate = state.certificates[serial]
        if certificate.issuer != event["party"] or certificate.holder is None:
            continue
        if "external" in certificate.holder:
            fits = "external" in to
        else:
            fits = to.get("party") == certificate.holder["party"]
        if not fits:
            raise Refused("LOT_CERTIFIED", path, serial)


def check_on_road(
    state: State, event: Event, lots: list[tuple[str, str]], consignment: Consignment | None
) -> Consignment:
    """Stage 6 of a return or an arrival."""
    for name, path in lots:
        known_lot(state, name, path)
    if consignment is None:
        raise Refused("CONSIGNMENT_UNKNOWN", "body.consignment", event["body"]["consignment"])
    for name, path in lots:
        if name not in consignment.lots:
            raise Refused("LOT_UNKNOWN", path, "not in the consignment")
    for name, path in lots:
        if consignment.lots[name] == "arrived":
            raise Refused("LOT_DUPLICATE", path, "arrived")
        if consignment.lots[name] == "returned":
            raise Refused(readings.RETURNED_LOT, path, "returned")
    for name, path in lots:
        if consignment.lots[name] == "outside":
            raise Refused(readings.OUTSIDE_LOT, path, "left the ledger")
        in_order(state, event, name, path)
    return consignment


def lot_returned(state: State, event: Event) -> None:
    """Back to the sender before the arrival is stated."""
    actor(state, event)
    body = event["body"]
    consignment = state.consignments.get(body["consignment"])
    if consignment is not None and (consignment.party, consignment.site) != (
        event["party"],
        event["site"],
    ):
        raise Refused("PERMISSION_DENIED", "body.consignment", "another sender")
    lots = [(name, f"body.lots[{i}]") for i, name in enumerate(body["lots"])]
    consignment = check_on_road(state, event, lots, consignment)
    for name in body["lots"]:
        lines = state.balance(f"transit:{name}")
        state.post(f"transit:{name}", lines, -1)
        state.post(f"lot:{name}", lines)
        consignment.lots[name] = "returned"
        state.lots[name].in_transit = False
        touch(state, event, name)


def lot_arrived(state: State, event: Event) -> None:
    """Each lot arrives once, with the weight of the second scale."""
    actor(state, event)
    body, site = event["body"], event["site"]
    consignment = state.consignments.get(body["consignment"])
    to = consignment.to if consignment is not None else {}
    meant = (to.get("party"), to.get("site")) == (event["party"], site)
    if to and not meant and ("party" in to or readings.OUTSIDE_HAS_NO_RECEIVER):
        raise Refused("PERMISSION_DENIED", "body.consignment", "meant for another")
    lots = [(item["lot"], f"body.lots[{i}].lot") for i, item in enumerate(body["lots"])]
    consignment = check_on_road(state, event, lots, consignment)
    ticket = any(item["type"] == "weigh_ticket" for item in event["evidence"])
    for index, item in enumerate(body["lots"]):
        sent = weight(state.balance(f"transit:{item['lot']}"))
        apart = abs(sent - item["mass"]) * BILLION
        close = apart <= sent * state.parameters["scale_tolerance"]
        agreed = "difference" in item and ticket
        if not close and not (agreed and apart <= sent * state.parameters["accepted_limit"]):
            raise Refused("WEIGHT_MISMATCH", f"body.lots[{index}].mass", str(sent))
    for item in body["lots"]:
        name = item["lot"]
        lot, lines = state.lots[name], state.balance(f"transit:{name}")
        sent = weight(lines)
        state.post(f"transit:{name}", lines, -1)
        if item["mass"] <= sent:
            kept = take(lines, item["mass"])
            state.post(f"loss:{site}/TRANSIT", add(lines, kept, -1))
        else:
            excess = {"OTHER": {NONE: item["mass"] - sent}}
            kept = add(lines, excess)
            state.post(f"ambient:{site}", excess, -1)
        state.post(f"lot:{name}", kept)
        consignment.lots[name] = "arrived"
        lot.at_site, lot.in_transit = site, False
        lot.touched = lot.touched or item["mass"] != sent
        touch(state, event, name)
