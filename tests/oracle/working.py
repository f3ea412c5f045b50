"""What a run does to lots: inheriting steps, and all the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracle import readings, words
from tests.oracle.attribution import (
    Silent,
    Wants,
    assayed,
    check_gain,
    close,
    in_role_order,
    split_addition,
)
from tests.oracle.common import Event, touch
from tests.oracle.quantity import part_of
from tests.oracle.refuse import Refused
from tests.oracle.state import NONE, Balance, Lot, Run, State, add, grams, take, weight


def heel_lot(event: Event) -> str | None:
    """The furnace's heel, if the step is a furnace step."""
    body = event["body"]
    if body["step"] in words.FURNACE:
        return f"{event['site']}/HEEL-{body['equipment']}"
    return None


def merged_facts(state: State, sources: list[str]) -> dict[str, Any]:
    """Mentions, marks, grade and scopes that several lots hand on."""
    lots = [state.lots[name] for name in sources]
    return {
        "mentions": set.intersection(*(lot.mentions for lot in lots)) if lots else set(),
        "marks": set().union(*(lot.marks for lot in lots)),
        "grade": "provisional" if any(lot.grade == "provisional" for lot in lots) else "final",
        "earlier_scopes": set.intersection(*(lot.scopes() for lot in lots)) if lots else set(),
    }


def made_by_run(event: Event) -> Lot:
    """A lot this run makes."""
    body = event["body"]
    makes = readings.INHERITING_RUN_MAKES_SCRAP or body["step"] not in words.INHERITING
    return Lot(
        at_site=event["site"],
        dated=event["occurred_at"],
        made_at=event["site"],
        run=body["run"],
        step=body["step"],
        made_scope=f"{event['site']}/{body['scope']}" if makes else None,
    )


def inherit(state: State, event: Event, taken: dict[str, int], weights: dict[str, int]) -> None:
    """SPLIT, MERGE, PACK, STORE: outputs inherit the pool, wet mass closes exactly."""
    body = event["body"]
    facts = {}
    for item in body["outputs"]:
        sources = list(taken)
        if item["lot"] in state.lots and weight(state.lot(item["lot"])):
            sources.append(item["lot"])
        facts[item["lot"]] = merged_facts(state, sources)
        if item["role"] == "internal_scrap":
            facts[item["lot"]]["marks"].add(("internal", event["party"]))
    pool: Balance = {}
    for name, quantity in taken.items():
        part = take(state.lot(name), quantity)
        state.post(f"lot:{name}", part, -1)
        pool = add(pool, part)
        state.lots[name].touched = True
        touch(state, event, name)
    for item in in_role_order(body["outputs"]):
        name = item["lot"]
        part = take(pool, weights[name])
        pool = add(pool, part, -1)
        state.post(f"lot:{name}", part)
        if name in state.lots:
            state.lots[name].touched = True
            touch(state, event, name)
        else:
            state.lots[name] = made_by_run(event)
        for fact, value in facts[name].items():
            setattr(state.lots[name], fact, value)
    assert not pool, "wet mass closes exactly"
    state.runs[body["run"]] = Run(event["party"], event["site"], body["step"])


@dataclass
class Charge:
    """What goes into a run that does not inherit."""

    sources: list[tuple[str, Balance]] = field(default_factory=list)
    added: list[Balance] = field(default_factory=list)
    incoming: Balance = field(default_factory=dict)  # every line as taken
    pool: Balance = field(default_factory=dict)  # elements, claims drawn down
    silent: Silent = field(default_factory=list)
    drawn: set[str] = field(default_factory=set)  # certificates that lose grams


def gather(state: State, event: Event, taken: dict[str, int]) -> Charge:
    """Heel first, then inputs in order, then additions."""
    body, heel, charge = event["body"], heel_lot(event), Charge()
    if heel is not None and heel in state.lots and weight(state.lot(heel)):
        charge.sources.append((heel, state.lot(heel)))
    charge.sources += [(name, take(state.lot(name), q)) for name, q in taken.items()]
    for name, part in charge.sources:
        charge.incoming = add(charge.incoming, part)
        charge.silent.append((grams(part, "OTHER"), set(state.lots[name].mentions)))
        for substance, lines in part.items():
            for (origin, claim), milligrams in lines.items():
                kept = claim
                if claim not in ("", "sold") and not state.certificates[claim].revoked:
                    charge.drawn.add(claim)
                    kept = ""
                if substance not in ("H2O", "OTHER"):
                    charge.pool = add(charge.pool, {substance: {(origin, kept): milligrams}})
    for item in body.get("additions", []):
        part = split_addition(item)
        charge.added.append(part)
        charge.incoming = add(charge.incoming, part)
        charge.silent.append((grams(part, "OTHER"), set(item.get("assay", {}))))
        metal = {s: lines for s, lines in part.items() if s != "OTHER"}
        charge.pool = add(charge.pool, metal)
    return charge


def transform(state: State, event: Event, taken: dict[str, int]) -> None:
    """Every step that does not inherit."""
    body, heel = event["body"], heel_lot(event)
    charge = gather(state, event, taken)
    parts = {item["lot"]: assayed(item) for item in body["outputs"]}
    wants: Wants = [(item["lot"], parts[item["lot"]]) for item in in_role_order(body["outputs"])]
    if "heel" in body:
        wants.append((str(heel), assayed(body["heel"])))
    if body["step"] in words.MECHANICAL:
        heavy = weight(charge.incoming)
        limit = heavy + part_of(heavy, state.parameters["closure_tolerance"])
        if sum(item["mass"] for item in body["outputs"]) > limit:
            raise Refused("MASS_NOT_CLOSED", "body.outputs")
    gain, loss, given = close(charge.pool, wants)
    check_gain(state, charge.pool, gain, charge.silent)

    # Accepted from here on.
    facts = merged_facts(state, list(taken))
    settle(state, event, charge, wants, gain, loss, given)
    make_lots(state, event, facts)
    state.runs[body["run"]] = Run(
        party=event["party"],
        site=event["site"],
        step=body["step"],
        pool=charge.pool,
        gain=gain,
        silent=charge.silent,
        outputs={
            item["lot"]: {**item, "H2O": parts[item["lot"]]["H2O"], "lines": given[item["lot"]]}
            for item in body["outputs"]
        },
        heel=given.get(str(heel), {}),
        loss=loss,
    )


def settle(
    state: State,
    event: Event,
    charge: Charge,
    wants: Wants,
    gain: dict[str, int],
    loss: Balance,
    given: dict[str, Balance],
) -> None:
    """Post everything; water and OTHER against ambient, each by itself."""
    site = event["site"]
    for name, part in charge.sources:
        state.post(f"lot:{name}", part, -1)
        state.lots[name].touched = True
        touch(state, event, name)
    for part in charge.added:
        state.post(f"source:{site}", part, -1)
    for serial in charge.drawn:
        state.certificates[serial].drawn = True
    for element, milligrams in gain.items():
        state.post(f"gain:{site}", {element: {("UNK", ""): milligrams}}, -1)
    state.post(f"loss:{site}/{event['body']['step']}", loss)
    outgoing: Balance = {}
    for name, parts in wants:
        rest = {"H2O": {NONE: parts["H2O"]}, "OTHER": {NONE: parts["OTHER"]}}
        outgoing = add(outgoing, add(given[name], rest))
        state.post(f"lot:{name}", add(given[name], rest))
    for substance in ("H2O", "OTHER"):
        difference = grams(charge.incoming, substance) - grams(outgoing, substance)
        state.post(f"ambient:{site}", {substance: {NONE: difference}})


def make_lots(state: State, event: Event, facts: dict[str, Any]) -> None:
    """The outputs and the heel as lots."""
    body, heel = event["body"], heel_lot(event)
    for item in body["outputs"]:
        lot = made_by_run(event)
        lot.mentions = set(item.get("assay", {}))
        lot.grade = item.get("assay_grade", "provisional")
        if body["step"] in words.MECHANICAL:
            lot.marks, lot.earlier_scopes = set(facts["marks"]), set(facts["earlier_scopes"])
        if item["role"] == "internal_scrap":
            lot.marks.add(("internal", event["party"]))
        state.lots[item["lot"]] = lot
    if "heel" in body and heel is not None:
        lot = made_by_run(event)
        lot.mentions = set(body["heel"].get("assay", {}))
        if heel in state.lots:
            lot.dated = max(lot.dated, state.lots[heel].dated)
        state.lots[heel] = lot
