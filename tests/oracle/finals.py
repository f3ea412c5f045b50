"""A run's outputs restated by a later assay, and how grams leave a lot in a revaluation."""

from __future__ import annotations

from typing import Any

from tests.oracle import readings, words
from tests.oracle.attribution import Wants, check_gain, close, in_role_order, parted
from tests.oracle.common import Event, actor, known_lot, lies_here, not_empty, touch
from tests.oracle.quantity import part_of_up
from tests.oracle.refuse import Refused
from tests.oracle.state import NONE, Balance, Run, State, add, grams


def check_finalized(state: State, event: Event) -> Run:
    """Stages 4 to 7 of a finalisation."""
    actor(state, event)
    body = event["body"]
    run = state.runs.get(body["run"])
    if run is not None and (run.party, run.site) != (event["party"], event["site"]):
        raise Refused("PERMISSION_DENIED", "body.run", "another party's or site's run")
    lots = [(item["lot"], f"body.outputs[{i}].lot") for i, item in enumerate(body["outputs"])]
    for name, path in lots:
        known_lot(state, name, path)
    if run is None:
        raise Refused("RUN_UNKNOWN", "body.run", body["run"])
    if run.step in words.INHERITING:
        raise Refused("FIELD_INVALID", "body.run", "an inheriting step")
    for name, path in lots:
        if name not in run.outputs:
            raise Refused("LOT_UNKNOWN", path, "not of this run")
    for name, path in lots:
        lies_here(state, event, name, path)
        not_empty(state, name, path)
        if state.lots[name].touched:
            raise Refused("LOT_TOUCHED", path, name)
    return run


def restated(run: Run, item: dict[str, Any]) -> dict[str, Any]:
    """Water, elements and OTHER of one output under its new assay; wet mass stays."""
    old = run.outputs[item["lot"]]
    water = old["H2O"]
    if "moisture" in item or readings.FINAL_WITHOUT_MOISTURE_IS_DRY:
        water = part_of_up(old["mass"], item.get("moisture", 0))
    return parted(old["mass"], water, item)


def run_finalized(state: State, event: Event) -> None:
    """Restate the outputs named; the others and the heel keep what they have."""
    run = check_finalized(state, event)
    named = {item["lot"]: item for item in event["body"]["outputs"]}
    left = add(run.pool, {e: {("UNK", ""): amount} for e, amount in run.gain.items()})
    left = add(left, run.heel, -1)
    for name, old in run.outputs.items():
        if name not in named:
            left = add(left, old["lines"], -1)
    order = in_role_order([old for name, old in run.outputs.items() if name in named])
    wants: Wants = [(old["lot"], restated(run, named[old["lot"]])) for old in order]
    more, loss, given = close(left, wants)
    gain = {e: run.gain.get(e, 0) + more.get(e, 0) for e in run.gain.keys() | more.keys()}
    check_gain(state, run.pool, gain, run.silent)

    # Accepted from here on.
    for element, milligrams in more.items():
        state.post(f"gain:{run.site}", {element: {("UNK", ""): milligrams}}, -1)
    state.post(f"loss:{run.site}/{run.step}", add(loss, run.loss, -1))
    for name, parts in wants:
        old = run.outputs[name]
        revalue(state, name, add(given[name], old["lines"], -1))
        for substance in ("H2O", "OTHER"):
            difference = parts[substance] - grams(state.lot(name), substance)
            state.post(f"lot:{name}", {substance: {NONE: difference}})
            state.post(f"ambient:{run.site}", {substance: {NONE: difference}}, -1)
        old["lines"], old["H2O"] = given[name], parts["H2O"]
        state.lots[name].mentions = set(named[name]["assay"])
        state.lots[name].grade = "final"
        touch(state, event, name)
    run.gain, run.loss = gain, loss


def revalue(state: State, name: str, difference: Balance) -> None:
    """Post a difference on a lot: more is free; less is free first, then sold, then certified."""
    for element, lines in difference.items():
        for (origin, claim), amount in lines.items():
            if amount > 0 or claim:
                state.post(f"lot:{name}", {element: {(origin, claim): amount}})
            else:
                remove(state, name, element, origin, -amount)


def remove(state: State, name: str, element: str, origin: str, amount: int) -> None:
    """Take grams of one origin off a lot, free ones first; certificates that lose are DISPUTED."""
    held = state.lot(name).get(element, {})
    claims = sorted(claim for (o, claim) in held if o == origin)
    claims.sort(key=lambda claim: ["", "sold"].index(claim) if claim in ("", "sold") else 2)
    for claim in claims:
        part = min(amount, held[origin, claim])
        state.post(f"lot:{name}", {element: {(origin, claim): part}}, -1)
        amount -= part
        if part and claim not in ("", "sold"):
            state.certificates[claim].disputed = True
    assert amount == 0, "a lot cannot lose more of an origin than it has"
