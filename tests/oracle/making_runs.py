"""Runs, their later assays and scrap births that are meant to be accepted."""

from __future__ import annotations

from typing import Any

from tests.oracle import words
from tests.oracle.state import add, grams, take, weight
from tests.oracle.world import GRADED, Envelope, World

BILLION = 10**9


def inputs_of(world: World, lots: list[str], *, whole: float = 0.6) -> dict[str, int]:
    """How much is taken of each lot."""
    taken = {}
    for name in lots:
        held = weight(world.balance(name))
        taken[name] = held if world.chance(whole) else world.rng.randint(1, held)
    return taken


def spell_inputs(world: World, taken: dict[str, int]) -> list[dict[str, Any]]:
    """Inputs as they are sent; whole lots mostly as `all`."""
    sent = []
    for name, quantity in taken.items():
        whole = quantity == weight(world.balance(name)) and world.chance(0.7)
        sent.append({"lot": name, "mass": "all" if whole else world.spell_mass(quantity)})
    return sent


def run_body(world: World, site: str, step: str) -> dict[str, Any]:
    """The head of a run."""
    scopes = sorted(world.state.sites[site].scopes) or ["NOWHERE"]
    body = {"run": world.fresh(site, "R-"), "step": step, "scope": world.rng.choice(scopes)}
    if step in words.FURNACE:
        body["equipment"] = world.rng.choice(sorted(world.state.sites[site].equipment) or ["F1"])
    return body


def inheriting(world: World) -> Envelope | None:
    """SPLIT, MERGE, PACK or STORE."""
    step = world.rng.choice(["SPLIT", "SPLIT", "MERGE", "PACK", "STORE", "STORE"])
    site = world.busy_site(1 if step == "SPLIT" else 2)
    if site is None:
        return None
    lots = world.some(world.lots(site), 1 if step == "SPLIT" else 3)
    taken = inputs_of(world, lots)
    total = sum(taken.values())
    body = run_body(world, site, step)
    pieces = 1 if step == "MERGE" else world.rng.randint(1, 3)
    stores = [n for n, lot in world.state.lots.items() if lot.step == "STORE" and n not in taken]
    stores = [n for n in stores if n.startswith(site) and world.state.lots[n].at_site == site]
    outputs: list[dict[str, Any]] = []
    for piece in range(pieces):
        left = pieces - piece - 1
        mass = total if left == 0 else world.rng.randint(1, max(1, total - left))
        total -= mass
        name = world.fresh(site)
        if step == "STORE" and stores and world.chance(0.6):
            name = stores.pop(world.rng.randrange(len(stores)))
        role = world.rng.choice(["product", "product", "byproduct", "internal_scrap", "residue"])
        spelled: Any = world.spell_mass(mass) if mass > 0 else "rest"
        outputs.append({"lot": name, "role": role, "mass": spelled})
    if world.chance(0.4):
        outputs[-1]["mass"] = "rest"
    body |= {"inputs": spell_inputs(world, taken), "outputs": outputs}
    return world.home("run_recorded", site, body, [])


def transforming(world: World) -> Envelope | None:
    """A mechanical, furnace or other step."""
    groups = [words.MECHANICAL, words.FURNACE, words.FURNACE, words.OTHERS]
    step = world.rng.choice(sorted(world.rng.choice(groups)))
    if world.chance(0.3):
        step = world.rng.choice(["MELT", "STAMP", "LEACH"])
    site = world.busy_site()
    if site is None:
        return None
    taken = inputs_of(world, world.some(world.lots(site), 4))
    body = run_body(world, site, step)
    charge: Any = {}
    heel = f"{site}/HEEL-{body.get('equipment')}"
    if step in words.FURNACE and heel in world.state.lots:
        charge = add(charge, world.balance(heel))
    for name, quantity in taken.items():
        charge = add(charge, take(world.balance(name), quantity))
    body["inputs"] = spell_inputs(world, taken)
    wet = weight(charge)
    if world.chance(0.25):
        extra = max(1, wet // 50)
        item = {"name": "si_metal", "mass": world.spell_mass(extra), "assay": {"Si": "98.5 %"}}
        body["additions"] = [item]
        wet += extra
    contents = {s: grams(charge, s) for s in charge if s not in ("H2O", "OTHER")}
    fill_outputs(world, body, site, wet, contents, grams(charge, "OTHER"))
    if world.chance(0.2):
        body["energy"] = [{"carrier": "electricity", "wh": world.rng.randint(0, 10**9)}]
    return world.home("run_recorded", site, body, [])


def fill_outputs(
    world: World, body: dict[str, Any], site: str, wet: int, contents: dict[str, int], other: int
) -> None:
    """Outputs (and a heel) that carry about what is in the charge."""
    rng, step = world.rng, body["step"]
    pieces = rng.randint(1, 3) + (1 if step in words.FURNACE and world.chance(0.6) else 0)
    stretch = 100 if step in words.MECHANICAL else rng.choice([100, 100, 90, 130])
    masses, left = [], wet * rng.choice([stretch, stretch, stretch - 3]) // 100
    for piece in range(pieces):
        rest = pieces - piece - 1
        masses.append(max(1, left if rest == 0 else rng.randint(1, max(1, left - rest))))
        left -= masses[-1]
    yields = {element: rng.choice([1000, 1000, 980, 900, 1004]) for element in contents}
    grown = dict(contents)
    if other and world.chance(0.15):
        grown["Mg"], yields["Mg"] = rng.randint(1, other), 1000
    outputs = []
    for mass in masses:
        assay, room = {}, BILLION
        for element, total in grown.items():
            part = total * yields[element] * mass // (max(wet, 1) * 1000)
            ppb = min(room, part * BILLION // mass)
            if world.chance(0.95):
                assay[element], room = ppb, room - ppb
        item: dict[str, Any] = {"mass": world.spell_mass(mass)}
        if world.chance(0.95):
            item["assay"] = world.spell_assay(assay)
        outputs.append(item)
    if len(outputs) > 1 and step in words.FURNACE and world.chance(0.6):
        body["heel"] = outputs.pop()
    for item in outputs:
        item["lot"] = world.fresh(site)
        item["role"] = rng.choice(["product", "product", "byproduct", "internal_scrap", "residue"])
        item["assay_grade"] = rng.choice(["final", "final", "final", "provisional"])
        if world.chance(0.1):
            item["material"] = GRADED
    body["outputs"] = outputs


def run_finalized(world: World) -> Envelope | None:
    """Other assays for untouched outputs of a run."""
    found = []
    for run_name, run in world.state.runs.items():
        here = [
            name
            for name in run.outputs
            if name in world.lots(run.site) and not world.state.lots[name].touched
        ]
        if here:
            found.append((run_name, here))
    if not found:
        return None
    run_name, here = world.rng.choice(found)
    run = world.state.runs[run_name]
    outputs = []
    for name in world.some(here, 3):
        wet = weight(world.balance(name))
        assay, room = {}, BILLION
        for element in world.balance(name):
            if element in ("H2O", "OTHER"):
                continue
            factor = world.rng.choice([1000, 1001, 990, 950, 1020])
            ppb = min(room, grams(world.balance(name), element) * BILLION * factor // wet // 1000)
            assay[element], room = ppb, room - ppb
        if world.chance(0.2):
            assay["Mg"] = min(room, 10**6)
        item: dict[str, Any] = {"lot": name, "assay": world.spell_assay(assay)}
        if world.chance(0.2):
            item["moisture"] = world.spell_content(world.rng.randint(0, 2 * 10**7))
        outputs.append(item)
    body = {"run": run_name, "outputs": outputs}
    return world.home("run_finalized", run.site, body, [world.paper("lab_report")])


def scrap_declared(world: World) -> Envelope | None:
    """A lot with free PRIM that a run made."""
    found = []
    for site in world.state.sites:
        for name in world.lots(site):
            has = any(lines.get(("PRIM", "")) for lines in world.balance(name).values())
            if has and world.state.lots[name].scopes():
                found.append(name)
    if not found:
        return None
    name = world.rng.choice(found)
    lot = world.state.lots[name]
    scope = world.rng.choice(sorted(lot.scopes()))
    body = {"lot": name, "class": world.rng.choice(["PRE", "PRE", "BMW"]), "from_scope": scope}
    body |= {"process": "STAMP"}
    evidence = [world.paper("scrap_declaration")] if world.chance(0.95) else []
    return world.home("scrap_declared", lot.at_site, body, evidence)
