"""Events that are meant to be accepted, made from what the oracle knows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.oracle import words
from tests.oracle.making_runs import inheriting, run_finalized, scrap_declared, transforming
from tests.oracle.state import serials, under_serial, weight
from tests.oracle.world import ELEMENTS, GRADED, MATERIAL, SITES, WITHOUT_SITE, Envelope, World

BILLION = 10**9
OUTSIDE: list[dict[str, Any]] = [{"external": True}, {"external": True, "country": "DE"}]


def opening(world: World) -> None:
    """Parties, sites and, for small masses, a policy that lets them be split."""
    about = {"country": "CN", "roles": ["recycler"], "custody": "operator", "share": "open"}
    for party in [*dict.fromkeys(owner for owner, *_ in SITES.values()), *WITHOUT_SITE]:
        world.offer(world.event("party_registered", "OPERATOR", {"party": party, **about}))
    for site, (party, scopes, equipment, zone) in SITES.items():
        body: dict[str, Any] = {"site": site, "party": party, "type": "remelter", "zone": zone}
        body |= {"country": "CN"}
        body |= {"scopes": [{"id": scope, "level": "line"} for scope in scopes]}
        body |= {"equipment": equipment}
        stated_by = world.rng.choice(["OPERATOR", party])
        world.offer(world.event("site_registered", stated_by, body))
    if world.small:
        world.offer(policy(world, {"split_minimum": "1 mg"}))


def policy(world: World, parameters: dict[str, Any]) -> Envelope:
    """A change of parameters."""
    body = {"parameters": parameters, "tables": {}}
    return world.event("policy_set", "OPERATOR", body)


def policy_set(world: World) -> Envelope:
    """Another value of one or two parameters."""
    rng = world.rng
    evidence = copy.deepcopy(words.DEFAULT_EVIDENCE)
    evidence[rng.choice(list(evidence))].append(rng.choice(["photo", "certificate", "other"]))
    choices: dict[str, list[Any]] = {
        "closure_tolerance": ["0.5 %", "2 %", "0 %", 5_000_000],
        "scale_tolerance": ["0.3 %", "1 %", "3000 ppm"],
        "accepted_limit": ["5 %", "8 %"],
        "split_minimum": ["1 mg"] if world.small else ["1 kg", "0.5 kg", "1 g"],
        "strict": [False, False, True],
        "same_process": ["plant", "scope"],
        "evidence": [evidence],
    }
    chosen = world.some(list(choices), 2)
    return policy(world, {name: rng.choice(choices[name]) for name in chosen})


def again_registered(world: World) -> Envelope:
    """A site once more, with another scope and furnace, or a new party."""
    if world.chance(0.3):
        about = {"country": "NL", "roles": ["lab"], "custody": "self", "share": "closed"}
        body: dict[str, Any] = {"party": f"LAB-{world.number}", **about}
        world.number += 1
        return world.event("party_registered", "OPERATOR", body)
    site = world.site()
    known = world.state.sites[site]
    extra = world.rng.choice(["EXTRA", "LINE-2", "CAST"])
    body = {"site": site, "party": known.party, "type": "remelter", "country": "CN"}
    body |= {"scopes": [{"id": extra, "level": "unit"}], "equipment": ["F1", "F7"]}
    body |= {"zone": known.zone, "geo": {"lat_e7": 339_500_000, "lon_e7": -1}}
    return world.event("site_registered", world.rng.choice(["OPERATOR", known.party]), body)


def key_added(world: World) -> Envelope:
    """A key, which does not matter in a trial."""
    party = world.state.sites[world.site()].party
    body = {"party": party, "custody": "operator", "label": "second phone"}
    return world.event("key_added", world.rng.choice(["OPERATOR", party]), body)


# --- receipts ------------------------------------------------------------------------------------


def random_assay(world: World, most: int = 3) -> dict[str, int]:
    """Contents that sum to at most 100 %."""
    left, result = BILLION, {}
    for element in world.some(ELEMENTS, most):
        if world.small:
            ppb = world.rng.choice([0, left, left // 2, left // 3 // 1000 * 1000])
        else:
            ppb = world.rng.choice([world.rng.randint(0, left), left // 10**7 * 10**7 // 2])
        result[element] = ppb
        left -= ppb
    return result


def random_shares(world: World) -> dict[str, int]:
    """Origin classes that sum to 100 %."""
    classes = world.some(["POST", "PRE", "BMW", "PRIM", "UNK"], 3)
    cuts = sorted(world.rng.choice([world.rng.randint(0, 100), 50, 33]) for _ in classes[1:])
    ends = [0, *cuts, 100]
    return {
        name: (ends[i + 1] - ends[i]) * 10**7
        for i, name in enumerate(classes)
        if ends[i + 1] > ends[i]
    }


def random_origin(world: World, elements: list[str]) -> tuple[dict[str, Any], set[str]]:
    """An origin as it is sent, and the classes in it."""
    if elements and world.chance(0.35):
        named = world.some(elements, 3)
        each = {element: random_shares(world) for element in named}
        sent: dict[str, Any] = {
            element: {name: world.spell_content(v) for name, v in shares.items()}
            for element, shares in each.items()
        }
        return sent, {name for shares in each.values() for name in shares}
    shares = random_shares(world)
    if world.chance(0.4):
        shares = {world.rng.choice(["POST", "PRE", "PRIM", "BMW"]): BILLION}
    return {name: world.spell_content(v) for name, v in shares.items()}, set(shares)


def lot_received(world: World) -> Envelope:
    """A receipt in one of its forms."""
    site, rng = world.site(), world.rng
    body: dict[str, Any] = {"lot": world.fresh(site)}
    body["from"] = rng.choice([*OUTSIDE, {"party": rng.choice(WITHOUT_SITE)}])
    body["material"] = rng.choice([MATERIAL, GRADED])
    net = world.mass()
    if world.chance(0.25):
        tare = rng.choice([0, net // 10])
        deductions = [net // 100 + 1] if world.chance(0.4) else []
        body["gross"] = world.spell_mass(net + tare + sum(deductions))
        body["tare"] = world.spell_mass(tare)
        if deductions:
            reason = rng.choice(sorted(words.DEDUCTIONS))
            body["deductions"] = [{"mass": world.spell_mass(deductions[0]), "reason": reason}]
    else:
        body["mass"] = world.spell_mass(net)
    if world.chance(0.3):
        body["moisture"] = world.spell_content(rng.choice([0, 15_000_000, rng.randint(0, 10**8)]))
    assay = random_assay(world) if world.chance(0.85) else {}
    if assay:
        body["assay"] = world.spell_assay(assay)
        body["assay_grade"] = rng.choice(["final", "final", "final", "default", "provisional"])
    evidence = []
    if world.chance(0.9):
        body["origin"], classes = random_origin(world, list(assay))
        for name in sorted(classes - {"UNK"}):
            if world.chance(0.88):
                listed = world.state.parameters["evidence"][name]
                evidence.append(world.paper(rng.choice(listed)))
    if world.chance(0.3):
        body["ticket"] = f"T-{rng.randint(1, 10**6)}"
        if world.chance(0.5):
            body["ticket_part"] = rng.randint(1, 3)
    return world.home("lot_received", site, body, evidence)


def assay_recorded(world: World) -> Envelope | None:
    """Another assay of a received lot that nothing has touched, certified ones preferred."""
    lots = [
        name
        for site in world.state.sites
        for name in world.lots(site)
        if world.state.lots[name].run is None and not world.state.lots[name].touched
    ]
    if not lots:
        return None
    certified = [name for name in lots if serials(world.balance(name))]
    name = world.rng.choice(certified if certified and world.chance(0.6) else lots)
    lot = world.state.lots[name]
    assay = {}
    for element in world.some([*lot.ppb, "Mn"], 3):
        old = lot.ppb.get(element, 0)
        assay[element] = world.rng.choice([old, old * 9 // 10, old * 101 // 100 + 7, old // 2])
    body: dict[str, Any] = {"lot": name, "assay": world.spell_assay(assay)}
    if world.chance(0.3):
        body["moisture"] = world.spell_content(world.rng.randint(0, 10**8))
    body["grade"] = world.rng.choice(["final", "final", "provisional", "default"])
    return world.home("assay_recorded", lot.at_site, body, [world.paper("lab_report")])


# --- from hand to hand ---------------------------------------------------------------------------


def lot_dispatched(world: World) -> Envelope | None:
    """Lots to another site, seldom out of the ledger."""
    site = world.busy_site()
    if site is None:
        return None
    lots = world.some(world.lots(site), 3)
    to = dict(world.rng.choice(OUTSIDE))
    if world.chance(0.85):
        target = world.rng.choice([s for s in world.state.sites if s != site])
        to = {"party": world.state.sites[target].party, "site": target}
    body: dict[str, Any] = {"consignment": world.fresh(site, "K-"), "lots": lots, "to": to}
    if world.chance(0.5):
        body["mode"] = world.rng.choice(["road", "rail", "sea", "inland", "other"])
    return world.home("lot_dispatched", site, body, [])


def on_road(world: World) -> tuple[str, list[str]] | None:
    """A consignment and the lots of it that are still on the road."""
    found = []
    for name, consignment in world.state.consignments.items():
        lots = [lot for lot, where in consignment.lots.items() if where == "road"]
        if lots:
            found.append((name, lots))
    return world.rng.choice(found) if found else None


def lot_arrived(world: World) -> Envelope | None:
    """Weighed again: mostly the same, sometimes within the tolerance, sometimes agreed."""
    road = on_road(world)
    if road is None:
        return None
    name, lots = road
    items, evidence = [], []
    for lot in world.some(lots, 3):
        sent = weight(world.state.balance(f"transit:{lot}"))
        slack = sent * world.state.parameters["scale_tolerance"] // BILLION
        wide = sent * world.state.parameters["accepted_limit"] // BILLION
        mass = sent + world.rng.choice([0, 0, 0, slack, -slack, world.rng.randint(-slack, slack)])
        item: dict[str, Any] = {"lot": lot}
        if world.chance(0.2):
            mass = sent + world.rng.choice([wide, -wide, world.rng.randint(-wide, wide)])
            item["difference"] = "accepted"
            evidence = [world.paper("weigh_ticket")]
        item["mass"] = world.spell_mass(max(1, mass))
        items.append(item)
    to = world.state.consignments[name].to
    body = {"consignment": name, "lots": items}
    return world.home("lot_arrived", to["site"], body, evidence)


def lot_returned(world: World) -> Envelope | None:
    """Back to the sender."""
    road = on_road(world)
    if road is None:
        return None
    name, lots = road
    body = {"consignment": name, "lots": world.some(lots, 3)}
    return world.home("lot_returned", world.state.consignments[name].site, body, [])


# --- certificates --------------------------------------------------------------------------------


def certificate_issued(world: World) -> Envelope | None:
    """A claim on one lot or several."""
    found = []
    for site in world.state.sites:
        lots = [n for n in world.lots(site) if world.state.lots[n].grade != "provisional"]
        claimable = [
            n
            for n in lots
            if any(o in words.CLAIMABLE for by in world.balance(n).values() for o, _ in by)
        ]
        if claimable:
            found.append((site, claimable))
    if not found:
        return None
    site, lots = world.rng.choice(found)
    first = world.rng.choice(lots)
    mentioned = sorted(world.state.lots[first].mentions) or ["Al"]
    substance = world.rng.choice(mentioned)
    named = [first]
    if world.chance(0.25):
        others = [n for n in lots if n != first and substance in world.state.lots[n].mentions]
        named += world.some(others, 2) if others else []
    lines = world.balance(first).get(substance, {})
    classes = world.some(words.CLAIMABLE, 3)
    free = sum(v for (o, c), v in lines.items() if o in classes and not c)
    amount: Any = world.spell_mass(world.rng.choice([free, free // 2, free // 3]) or 1)
    if world.chance(0.3):
        total = sum(lines.values()) or 1
        amount = f"{free * 100 // total * world.rng.choice([1, 1, 2]) // 2 or 1} %"
    if len(named) == 1 and world.chance(0.4):
        amount = "all"
    body: dict[str, Any] = {"lots": named, "substance": substance, "method": "iso14021-batch"}
    body |= {"classes": classes, "amount": amount}
    if world.chance(0.3):
        party = world.state.sites[site].party
        holders = sorted({s.party for s in world.state.sites.values()} - {party})
        choices = [{"external": True}, *({"party": holder} for holder in holders)]
        body["holder"] = world.rng.choice(choices)
    if world.chance(0.3):
        body["valid_until"] = world.rng.choice(["2026-03-01", "2026-03-03", "2027-12-31"])
    return world.home("certificate_issued", site, body, [])


def certificate_revoked(world: World) -> Envelope | None:
    """A certificate taken back, mostly with the lots that hold it."""
    open_ones = [s for s, c in world.state.certificates.items() if not c.revoked]
    if not open_ones:
        return None
    serial = world.rng.choice(open_ones)
    certificate = world.state.certificates[serial]
    body: dict[str, Any] = {"serial": serial}
    body["reason"] = world.rng.choice(sorted(words.REVOKE_REASONS))
    lots = [n for n in world.state.lots if under_serial(world.balance(n), serial)]
    if lots and world.chance(0.8):
        body["lots"] = lots
    if certificate.holder is not None and world.chance(0.7):
        body["consent"] = "e30.e30.c2lnbmF0dXJl"
    return world.event("certificate_revoked", certificate.issuer, body)


Maker = Callable[[World], Envelope | None]
MAKERS: list[tuple[int, Maker]] = [
    (20, lot_received),
    (6, assay_recorded),
    (20, inheriting),
    (22, transforming),
    (7, run_finalized),
    (5, scrap_declared),
    (12, lot_dispatched),
    (14, lot_arrived),
    (3, lot_returned),
    (12, certificate_issued),
    (4, certificate_revoked),
    (2, policy_set),
    (2, again_registered),
    (1, key_added),
]


def choose(world: World) -> Maker:
    """Some maker; deep ones often."""
    weights = [share for share, _ in MAKERS]
    (chosen,) = world.rng.choices([maker for _, maker in MAKERS], weights)
    return chosen
