"""Runs: the checks of stages 4 to 8, then the work."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle import readings, words
from tests.oracle.common import (
    Event,
    actor,
    heel_name,
    in_order,
    known_lot,
    lies_here,
    new_lot,
    not_empty,
)
from tests.oracle.refuse import Refused
from tests.oracle.state import State, grams, serials, under_serial, weight
from tests.oracle.working import heel_lot, inherit, transform


def existing_store(state: State, event: Event, name: str) -> bool:
    """May this output be added to?"""
    lot = state.lots.get(name)
    return event["body"]["step"] == "STORE" and lot is not None and lot.step == "STORE"


def check_existence(state: State, event: Event) -> None:
    """Stage 6."""
    body, site = event["body"], state.sites[event["site"]]
    for index, item in enumerate(body["inputs"]):
        known_lot(state, item["lot"], f"body.inputs[{index}].lot")
    if body["scope"] not in site.scopes:
        raise Refused("SCOPE_UNKNOWN", "body.scope", body["scope"])
    if body["step"] in words.FURNACE and body["equipment"] not in site.equipment:
        raise Refused("SCOPE_UNKNOWN", "body.equipment", body["equipment"])
    if body["run"] in state.runs:
        raise Refused("RUN_DUPLICATE", "body.run", body["run"])
    for index, item in enumerate(body["outputs"]):
        if not existing_store(state, event, item["lot"]):
            new_lot(state, item["lot"], f"body.outputs[{index}].lot")


def claim_figures(state: State, name: str) -> dict[str, Fraction]:
    """Serial -> its exact share of the lot's grams of its substance."""
    balance = state.lot(name)
    return {
        serial: Fraction(
            under_serial(balance, serial), grams(balance, state.certificates[serial].substance)
        )
        for serial in serials(balance)
    }


def check_certified(state: State, event: Event, name: str, path: str) -> None:
    """May this step take (or add to) a lot with certified grams?"""
    body, held = event["body"], serials(state.lot(name))
    inherits = body["step"] in words.INHERITING
    if body["step"] == "SPLIT" or not (held or (inherits and readings.DILUTION_AT_FIRST_LOT)):
        return
    if inherits:
        together = [item["lot"] for item in body["inputs"]]
        together += [item["lot"] for item in body["outputs"] if item["lot"] in state.lots]
        figures = [claim_figures(state, lot) for lot in together if weight(state.lot(lot))]
        if any(other != figures[0] for other in figures):
            raise Refused("LOT_CERTIFIED", path, "a certificate would be diluted")
    elif any(state.certificates[serial].issuer == event["party"] for serial in held):
        raise Refused("LOT_CERTIFIED", path, "the issuer's own certificate")


def check_lots(state: State, event: Event) -> None:
    """Stage 7, lot by lot."""
    body, heel = event["body"], heel_lot(event)
    if heel in state.lots and weight(state.lot(str(heel))):
        in_order(state, event, str(heel), "body.equipment")
    for index, item in enumerate(body["inputs"]):
        name, path = item["lot"], f"body.inputs[{index}].lot"
        lies_here(state, event, name, path)
        not_empty(state, name, path)
        check_certified(state, event, name, path)
        in_order(state, event, name, path)
    for index, item in enumerate(body["outputs"]):
        name, path = item["lot"], f"body.outputs[{index}].lot"
        if name not in state.lots:
            heel_name(name, path)
            continue
        lies_here(state, event, name, path)
        check_certified(state, event, name, path)
        in_order(state, event, name, path)


def check_same_process(state: State, event: Event) -> None:
    """Declared scrap does not come back into its own process."""
    body = event["body"]
    if body["step"] in words.INHERITING | words.MECHANICAL:
        return
    for index, item in enumerate(body["inputs"]):
        for mark, scope in state.lots[item["lot"]].marks:
            if mark != "declared":
                continue
            here = f"{event['site']}/{body['scope']}"
            same = scope == here
            if state.parameters["same_process"] == "plant":
                same = scope.split("/")[0] == event["site"]
            if same:
                raise Refused("SCRAP_SCOPE_SAME_PROCESS", f"body.inputs[{index}].lot", scope)


def check_sizes(state: State, event: Event) -> tuple[dict[str, int], dict[str, int] | None]:
    """Stage 8: what is taken of each input, and what the outputs of an inheriting step weigh.

    Gives None for the second where wet mass does not close.
    """
    body, taken = event["body"], {}
    for index, item in enumerate(body["inputs"]):
        held = weight(state.lot(item["lot"]))
        taken[item["lot"]] = held if item["mass"] == "all" else item["mass"]
        if taken[item["lot"]] > held:
            raise Refused("LOT_INSUFFICIENT", f"body.inputs[{index}].mass", str(held))
    fixed = sum(item["mass"] for item in body["outputs"] if item["mass"] != "rest")
    rest = sum(taken.values()) - fixed
    weights = {i["lot"]: rest if i["mass"] == "rest" else i["mass"] for i in body["outputs"]}
    if body["step"] == "SPLIT":
        least = state.parameters["split_minimum"]
        source = body["inputs"][0]["lot"]
        for index, item in enumerate(body["outputs"]):
            if 0 < weights[item["lot"]] < least:
                raise Refused("SPLIT_TOO_SMALL", f"body.outputs[{index}].mass")
        if 0 < weight(state.lot(source)) - taken[source] < least:
            raise Refused("SPLIT_TOO_SMALL", "body.inputs[0].mass")
    closes = sum(weights.values()) == sum(taken.values()) and min(weights.values(), default=1) > 0
    return taken, weights if closes else None


def run_recorded(state: State, event: Event) -> None:
    """A run."""
    actor(state, event)
    check_existence(state, event)
    check_lots(state, event)
    check_same_process(state, event)
    taken, weights = check_sizes(state, event)
    if event["body"]["step"] not in words.INHERITING:
        transform(state, event, taken)
    elif weights is None:
        raise Refused("MASS_NOT_CLOSED", "body.outputs")
    else:
        inherit(state, event, taken, weights)
