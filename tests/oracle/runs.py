"""Runs: taking, pooling, closing, attributing; and their later assays."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.oracle import words
from tests.oracle.common import (
    Event,
    actor,
    heel_name,
    in_order,
    known_lot,
    lies_here,
    new_lot,
    not_empty,
    touch,
)
from tests.oracle.quantity import part_of, part_of_up
from tests.oracle.refuse import Refused
from tests.oracle.state import (
    NONE,
    Balance,
    Line,
    Lot,
    Run,
    State,
    add,
    grams,
    serials,
    take,
    take_lines,
    under_serial,
    weight,
)


def contents(dry: int, assay: dict[str, int]) -> dict[str, int]:
    """Milligrams of each assayed element."""
    return {element: part_of(dry, ppb) for element, ppb in assay.items()}


# --- stages 4 to 8 -------------------------------------------------------------------------------


def heel_lot(event: Event) -> str | None:
    """The furnace's heel, if the step is a furnace step."""
    body = event["body"]
    if body["step"] in words.FURNACE:
        return f"{event['site']}/HEEL-{body['equipment']}"
    return None


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
    if not held or body["step"] == "SPLIT":
        return
    if body["step"] in words.INHERITING:
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


# --- stage 9 and effects -------------------------------------------------------------------------


def in_role_order(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Product, byproduct, internal_scrap, residue; within a role by lot id."""
    return sorted(outputs, key=lambda o: (words.ROLE_ORDER.index(o["role"]), o["lot"]))


def attribute(pool: dict[Line, int], wants: list[tuple[str, int]]) -> dict[str, dict[Line, int]]:
    """Sequential largest remainder of one element; what is wanted sums to the pool."""
    left = dict(pool)
    result = {}
    for name, amount in wants:
        part = take_lines(left, amount)
        result[name] = part
        for line, milligrams in part.items():
            left[line] -= milligrams
    assert not any(left.values()), "rows and columns are exact"
    return result


def check_gain(
    state: State, pool: Balance, gain: dict[str, int], silent: list[tuple[int, set[str]]]
) -> None:
    """Element by code point: is what came out beyond the pool allowed?"""
    tolerance = state.parameters["closure_tolerance"]
    beyond = {}
    for element in sorted(gain):
        over = gain[element] - part_of(grams(pool, element), tolerance)
        if over > 0:
            beyond[element] = over
            hidden = sum(other for other, mentions in silent if element not in mentions)
            if over > hidden:
                raise Refused("ELEMENT_GAIN_OUT_OF_TOLERANCE", "body.outputs", element)
    hidden = sum(other for other, mentions in silent if any(e not in mentions for e in beyond))
    if sum(beyond.values()) > hidden:
        raise Refused("ELEMENT_GAIN_OUT_OF_TOLERANCE", "body.outputs", "together")


def merged_facts(state: State, sources: list[str]) -> dict[str, Any]:
    """Mentions, marks, grade and scopes that several lots hand on."""
    lots = [state.lots[name] for name in sources]
    return {
        "mentions": set.intersection(*(lot.mentions for lot in lots)) if lots else set(),
        "marks": set().union(*(lot.marks for lot in lots)),
        "grade": "provisional" if any(lot.grade == "provisional" for lot in lots) else "final",
        "earlier_scopes": set.intersection(*(lot.scopes() for lot in lots)) if lots else set(),
    }


def inherit(state: State, event: Event, taken: dict[str, int], weights: dict[str, int]) -> None:
    """SPLIT, MERGE, PACK, STORE."""
    body = event["body"]
    pool: Balance = {}
    facts = {}
    for item in body["outputs"]:
        name = item["lot"]
        sources = list(taken)
        if name in state.lots and weight(state.lot(name)):
            sources.append(name)
        facts[name] = merged_facts(state, sources)
        if item["role"] == "internal_scrap":
            facts[name]["marks"].add(("internal", event["party"]))
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
    state.runs[body["run"]] = Run(
        event["party"], event["site"], body["step"], {}, {}, [], {}, {}, {}
    )


def made_by_run(event: Event) -> Lot:
    """A lot this run makes."""
    body = event["body"]
    return Lot(
        at_site=event["site"],
        dated=event["occurred_at"],
        made_at=event["site"],
        run=body["run"],
        step=body["step"],
        made_scope=f"{event['site']}/{body['scope']}",
    )


def melt(state: State, event: Event, taken: dict[str, int]) -> None:
    """Every step that does not inherit."""
    body, site = event["body"], event["site"]
    heel = heel_lot(event)
    sources = [(name, take(state.lot(name), q)) for name, q in taken.items()]
    if heel in state.lots and weight(state.lot(str(heel))):
        sources.insert(0, (str(heel), state.lot(str(heel))))
    added = [split_addition(item) for item in body.get("additions", [])]

    incoming: Balance = {}
    pool: Balance = {}
    drawn: set[str] = set()
    silent = []
    for name, part in sources:
        incoming = add(incoming, part)
        silent.append((grams(part, "OTHER"), set(state.lots[name].mentions)))
        for substance, lines in part.items():
            for (origin, claim), milligrams in lines.items():
                kept = claim
                if claim not in ("", "sold") and not state.certificates[claim].revoked:
                    drawn.add(claim)
                    kept = ""
                if substance not in ("H2O", "OTHER"):
                    pool = add(pool, {substance: {(origin, kept): milligrams}})
    for item, part in zip(body.get("additions", []), added, strict=True):
        incoming = add(incoming, part)
        silent.append((grams(part, "OTHER"), set(item.get("assay", {}))))
        pool = add(pool, {s: by for s, by in part.items() if s not in ("H2O", "OTHER")})

    outputs = {item["lot"]: assayed(item) for item in body["outputs"]}
    wants = [(item["lot"], outputs[item["lot"]]) for item in in_role_order(body["outputs"])]
    if "heel" in body:
        wants.append((str(heel), assayed(body["heel"])))
    if body["step"] in words.MECHANICAL:
        limit = weight(incoming) + part_of(weight(incoming), state.parameters["closure_tolerance"])
        if sum(item["mass"] for item in body["outputs"]) > limit:
            raise Refused("MASS_NOT_CLOSED", "body.outputs")
    elements = sorted(set(pool) | {e for _, parts in wants for e in parts["elements"]})
    gain, loss, given = close(pool, elements, wants)
    check_gain(state, pool, gain, silent)

    # Accepted from here on.
    for name, part in sources:
        state.post(f"lot:{name}", part, -1)
        state.lots[name].touched = True
        touch(state, event, name)
    for part in added:
        state.post(f"source:{site}", part, -1)
    for serial in drawn:
        state.certificates[serial].drawn = True
    for element, milligrams in gain.items():
        state.post(f"gain:{site}", {element: {("UNK", ""): milligrams}}, -1)
    state.post(f"loss:{site}/{body['step']}", loss)
    outgoing: Balance = {}
    for name, parts in wants:
        balance = add(given[name], {"H2O": {NONE: parts["H2O"]}, "OTHER": {NONE: parts["OTHER"]}})
        outgoing = add(outgoing, balance)
        state.post(f"lot:{name}", balance)
    for substance in ("H2O", "OTHER"):
        difference = grams(incoming, substance) - grams(outgoing, substance)
        state.post(f"ambient:{site}", {substance: {NONE: difference}})
    record(state, event, taken, given, loss, gain, pool, silent, outputs)


def split_addition(item: dict[str, Any]) -> Balance:
    """An addition's elements (UNK) and OTHER."""
    elements = contents(item["mass"], item.get("assay", {}))
    lines: Balance = {element: {("UNK", ""): amount} for element, amount in elements.items()}
    return add(lines, {"OTHER": {NONE: item["mass"] - sum(elements.values())}})


def assayed(item: dict[str, Any]) -> dict[str, Any]:
    """Water, elements and OTHER of an output or heel."""
    water = part_of_up(item["mass"], item.get("moisture", 0))
    dry = item["mass"] - water
    elements = contents(dry, item.get("assay", {}))
    return {"H2O": water, "elements": elements, "OTHER": dry - sum(elements.values())}


def close(
    pool: Balance, elements: list[str], wants: list[tuple[str, dict[str, Any]]]
) -> tuple[dict[str, int], Balance, dict[str, Balance]]:
    """Gain, loss and the lines of every output, element by element."""
    gain: dict[str, int] = {}
    loss: Balance = {}
    given: dict[str, Balance] = {name: {} for name, _ in wants}
    for element in elements:
        lines = dict(pool.get(element, {}))
        asked = [(name, parts["elements"].get(element, 0)) for name, parts in wants]
        gap = sum(lines.values()) - sum(amount for _, amount in asked)
        if gap < 0:
            gain[element] = -gap
            lines["UNK", ""] = lines.get(("UNK", ""), 0) - gap
        shared = attribute(lines, [*asked, ("loss", max(gap, 0))])
        loss = add(loss, {element: shared.pop("loss")})
        for name, part in shared.items():
            given[name] = add(given[name], {element: part})
    return gain, loss, given


def record(
    state: State,
    event: Event,
    taken: dict[str, int],
    given: dict[str, Balance],
    loss: Balance,
    gain: dict[str, int],
    pool: Balance,
    silent: list[tuple[int, set[str]]],
    outputs: dict[str, dict[str, Any]],
) -> None:
    """Make the lots, the heel and the run."""
    body, heel = event["body"], heel_lot(event)
    mechanical = body["step"] in words.MECHANICAL
    handed = merged_facts(state, list(taken))
    for item in body["outputs"]:
        lot = made_by_run(event)
        lot.mentions = set(item.get("assay", {}))
        lot.grade = item.get("assay_grade", "provisional")
        if mechanical:
            lot.marks = set(handed["marks"])
            lot.earlier_scopes = set(handed["earlier_scopes"])
        if item["role"] == "internal_scrap":
            lot.marks.add(("internal", event["party"]))
        state.lots[item["lot"]] = lot
    if "heel" in body and heel is not None:
        lot = made_by_run(event)
        lot.heel = True
        lot.mentions = set(body["heel"].get("assay", {}))
        lot.dated = max(lot.dated, state.lots[heel].dated if heel in state.lots else lot.dated)
        state.lots[heel] = lot
    state.runs[body["run"]] = Run(
        party=event["party"],
        site=event["site"],
        step=body["step"],
        pool=pool,
        gain=gain,
        silent=silent,
        outputs={
            item["lot"]: {
                "role": item["role"],
                "lot": item["lot"],
                "mass": item["mass"],
                "H2O": outputs[item["lot"]]["H2O"],
                "lines": given[item["lot"]],
            }
            for item in body["outputs"]
        },
        heel=given.get(str(heel), {}),
        loss=loss,
    )


def run_recorded(state: State, event: Event) -> None:
    """A run."""
    actor(state, event)
    check_existence(state, event)
    check_lots(state, event)
    check_same_process(state, event)
    taken, weights = check_sizes(state, event)
    if event["body"]["step"] not in words.INHERITING:
        melt(state, event, taken)
    elif weights is None:
        raise Refused("MASS_NOT_CLOSED", "body.outputs")
    else:
        inherit(state, event, taken, weights)


# --- later assays --------------------------------------------------------------------------------


def check_finalized(state: State, event: Event) -> None:
    """Stages 4 to 7 of a finalisation."""
    actor(state, event)
    body = event["body"]
    run = state.runs.get(body["run"])
    if run is not None and run.party != event["party"]:
        raise Refused("PERMISSION_DENIED", "body.run", "another party's run")
    if run is not None and run.site != event["site"]:
        raise Refused("PERMISSION_DENIED", "body.run", "another site's run")
    for index, item in enumerate(body["outputs"]):
        known_lot(state, item["lot"], f"body.outputs[{index}].lot")
    if run is None:
        raise Refused("RUN_UNKNOWN", "body.run", body["run"])
    if run.step in words.INHERITING:
        raise Refused("FIELD_INVALID", "body.run", "an inheriting step")
    for index, item in enumerate(body["outputs"]):
        if item["lot"] not in run.outputs:
            raise Refused("LOT_UNKNOWN", f"body.outputs[{index}].lot", "not of this run")
    for index, item in enumerate(body["outputs"]):
        name, path = item["lot"], f"body.outputs[{index}].lot"
        lies_here(state, event, name, path)
        not_empty(state, name, path)
        if state.lots[name].touched:
            raise Refused("LOT_TOUCHED", path, name)


def run_finalized(state: State, event: Event) -> None:
    """Restate the outputs named; the others and the heel keep what they have."""
    check_finalized(state, event)
    run, body = state.runs[event["body"]["run"]], event["body"]
    named = {item["lot"]: item for item in body["outputs"]}
    new: dict[str, dict[str, Any]] = {}
    for name, item in named.items():
        old = run.outputs[name]
        water = part_of_up(old["mass"], item["moisture"]) if "moisture" in item else old["H2O"]
        dry = old["mass"] - water
        elements = contents(dry, item["assay"])
        new[name] = {"H2O": water, "elements": elements, "OTHER": dry - sum(elements.values())}

    left = add(run.pool, {e: {("UNK", ""): amount} for e, amount in run.gain.items()})
    left = add(left, run.heel, -1)
    for name, old in run.outputs.items():
        if name not in named:
            left = add(left, old["lines"], -1)
    order = in_role_order([old for name, old in run.outputs.items() if name in named])
    wants = [(old["lot"], new[old["lot"]]) for old in order]
    elements = sorted(set(left) | {e for _, parts in wants for e in parts["elements"]})
    more, loss, given = close(left, elements, wants)
    gain = {e: run.gain.get(e, 0) + more.get(e, 0) for e in run.gain.keys() | more.keys()}
    check_gain(state, run.pool, gain, run.silent)

    for element, milligrams in more.items():
        state.post(f"gain:{run.site}", {element: {("UNK", ""): milligrams}}, -1)
    state.post(f"loss:{run.site}/{run.step}", add(loss, run.loss, -1))
    for name, parts in new.items():
        old = run.outputs[name]
        revalue(state, name, add(given[name], old["lines"], -1))
        before = state.lot(name)
        for substance in ("H2O", "OTHER"):
            difference = parts[substance] - grams(before, substance)
            state.post(f"lot:{name}", {substance: {NONE: difference}})
            state.post(f"ambient:{run.site}", {substance: {NONE: difference}}, -1)
        old["lines"], old["H2O"] = given[name], parts["H2O"]
        lot = state.lots[name]
        lot.mentions, lot.grade = set(named[name]["assay"]), "final"
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

