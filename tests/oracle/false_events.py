"""Whole events that are wrong in the present state: they take the place of the one given."""

from __future__ import annotations

from typing import Any

from tests.oracle import makers, making_runs
from tests.oracle.claims import serial_of
from tests.oracle.state import serials, weight
from tests.oracle.world import Envelope, World


def used_paper(world: World, envelope: Envelope) -> None:
    """A ticket, or a document of another party's receipt."""
    earlier_ones = [e for e in world.accepted if e["kind"] == "lot_received"]
    if not earlier_ones:
        return
    old = world.rng.choice(earlier_ones)
    for name in ("ticket", "ticket_part"):
        if name in old["body"] and old["site"] == envelope.get("site"):
            envelope["body"][name] = old["body"][name]
    if "evidence" in old:
        envelope["evidence"] = [*envelope.get("evidence", []), *old["evidence"]][:16]


def wrong_split(world: World, envelope: Envelope) -> None:
    """A split that leaves crumbs, or takes more than there is."""
    site = world.busy_site()
    if site is None:
        return
    lot = world.rng.choice(world.lots(site))
    held = weight(world.balance(lot))
    least = world.state.parameters["split_minimum"]
    mass = world.rng.choice([least - 1, held - least + 1, held + 1, held - 1, held])
    body = making_runs.run_body(world, site, world.rng.choice(["SPLIT", "PACK", "MERGE"]))
    body["inputs"] = [{"lot": lot, "mass": world.rng.choice(["all", mass, held])}]
    outputs = [{"lot": world.fresh(site), "role": "product", "mass": mass}]
    if world.chance(0.7):
        outputs.append({"lot": world.fresh(site), "role": "product", "mass": "rest"})
    envelope.clear()
    envelope.update(world.home("run_recorded", site, {**body, "outputs": outputs}, []))


def false_scrap(world: World, envelope: Envelope) -> None:
    """Any lot declared from any scope."""
    site = world.busy_site()
    if site is None:
        return
    lot = world.rng.choice(world.lots(site))
    scopes = [f"{s}/{scope}" for s, known in world.state.sites.items() for scope in known.scopes]
    scope = world.rng.choice(sorted(world.state.lots[lot].scopes()) or sorted(scopes))
    if world.chance(0.3):
        scope = world.rng.choice(sorted(scopes))
    body = {"lot": lot, "class": "PRE", "from_scope": scope, "process": "STAMP"}
    evidence = [world.paper("waste_note")]
    envelope.clear()
    envelope.update(world.home("scrap_declared", site, body, evidence))


def back_to_furnace(world: World, envelope: Envelope) -> None:
    """Declared scrap, or a certified lot, melted where it lies."""
    marked = [
        (site, name)
        for site in world.state.sites
        for name in world.lots(site)
        if any(mark == "declared" for mark, _ in world.state.lots[name].marks)
        or serials(world.balance(name))
    ]
    if not marked:
        return
    site, name = world.rng.choice(marked)
    body = making_runs.run_body(world, site, world.rng.choice(["MELT", "LEACH", "STAMP", "MERGE"]))
    body["inputs"] = [{"lot": n, "mass": "all"} for n in {name: 0, **dict.fromkeys(
        world.some(world.lots(site), 2))}]  # fmt: skip
    body["outputs"] = [{"lot": world.fresh(site), "role": "product", "mass": "1 mg"}]
    if body["step"] == "MERGE":
        body["outputs"][0]["mass"] = "rest"
    envelope.clear()
    envelope.update(world.home("run_recorded", site, body, []))


def wrong_claim(world: World, envelope: Envelope) -> None:
    """Any lot certified for any element and amount."""
    site = world.busy_site()
    if site is None:
        return
    lot = world.rng.choice(world.lots(site))
    elements = sorted(world.state.lots[lot].mentions) or ["Al"]
    body: dict[str, Any] = {"lots": [lot], "substance": world.rng.choice([*elements, "Ag"])}
    body |= {"method": "iso14021-batch", "classes": world.some(["POST", "BMW", "PRE"], 3)}
    body["amount"] = world.rng.choice(["all", "1 mg", "90 %", "100 %", "1 ppb", "40 t", 2])
    envelope.clear()
    envelope.update(world.home("certificate_issued", site, body, []))


def wrong_revocation(world: World, envelope: Envelope) -> None:
    """Of nobody's certificate, twice, by another, with consent of nobody."""
    nobodys = serial_of("try", "NOBODY", str(world.number))
    serial = world.rng.choice([*world.state.certificates, nobodys])
    known = world.state.certificates.get(serial)
    party = known.issuer if known and world.chance(0.8) else world.state.sites[world.site()].party
    body: dict[str, Any] = {"serial": serial, "reason": "dispute"}
    if world.chance(0.5) and world.state.lots:
        body["lots"] = world.some([*world.state.lots, "HB01/NOT-THERE"], 2)
    if world.chance(0.4):
        body["consent"] = "e30.e30.c2lnbmF0dXJl"
    envelope.clear()
    envelope.update(world.event("certificate_revoked", party, body))


def wrong_road(world: World, envelope: Envelope) -> None:
    """Arrivals and returns of anything, anywhere, with any weight."""
    if not world.state.consignments:
        return
    name = world.rng.choice(list(world.state.consignments))
    known = world.state.consignments[name]
    lots = [*known.lots, world.rng.choice(list(world.state.lots))]
    lot = world.rng.choice(lots)
    sent = weight(world.state.balance(f"transit:{lot}")) or 1000
    if world.chance(0.3):
        body: dict[str, Any] = {"consignment": name, "lots": [lot]}
        made = world.home("lot_returned", known.site, body, [])
    else:
        mass = sent * world.rng.choice([1000, 1004, 996, 1050, 949, 1060]) // 1000 or 1
        body = {"consignment": name, "lots": [{"lot": lot, "mass": mass}]}
        if world.chance(0.4):
            body["lots"][0]["difference"] = "accepted"
        site = known.to.get("site", known.site)
        evidence = [world.paper("weigh_ticket")] if world.chance(0.5) else []
        made = world.home("lot_arrived", site, body, evidence)
    envelope.clear()
    envelope.update(made)


def wrong_final(world: World, envelope: Envelope) -> None:
    """Any run finalised for any lot; any lot assayed again."""
    site = world.busy_site()
    runs = [n for n in world.state.runs if site and n.startswith(site)]
    if site is None or not runs:
        return
    run = world.rng.choice([*runs, f"{site}/R-0"])
    made = [n for n, lot in world.state.lots.items() if lot.run == run]
    lot = world.rng.choice(made or world.lots(site))
    assay = {"Al": world.rng.choice(["99 %", "1 %"])}
    body: dict[str, Any] = {"run": run, "outputs": [{"lot": lot, "assay": assay}]}
    made_event = world.home("run_finalized", site, body, [])
    if world.chance(0.4):
        lot = world.rng.choice(world.lots(site))
        body = {"lot": lot, "assay": assay, "grade": "final"}
        made_event = world.home("assay_recorded", site, body, [])
    envelope.clear()
    envelope.update(made_event)


def registered_twice(world: World, envelope: Envelope) -> None:
    """A party or a site that is registered already, by whom it may concern."""
    party = world.rng.choice(sorted(world.state.parties))
    about = {"country": "CN", "roles": ["lab"], "custody": "operator", "share": "open"}
    made = world.event("party_registered", "OPERATOR", {"party": party, **about})
    if world.chance(0.5):
        site = world.rng.choice([*world.state.sites, "NEW1"])
        body: dict[str, Any] = {"site": site, "party": party, "type": "yard", "country": "CN"}
        body |= {"scopes": [], "zone": "Asia/Shanghai"}
        made = world.event("site_registered", world.rng.choice(["OPERATOR", party]), body)
    envelope.clear()
    envelope.update(made)


def from_inside(world: World, envelope: Envelope) -> None:
    """A receipt from a party of this log, or on another party's papers."""
    made = makers.lot_received(world)
    if world.chance(0.5):
        made["body"]["from"] = {"party": world.rng.choice([*sorted(world.state.parties), "NO-ONE"])}
    else:
        used_paper(world, made)
    envelope.clear()
    envelope.update(made)


def seldom(world: World, envelope: Envelope) -> None:
    """What chance alone meets too seldom."""
    site = world.site()
    made = makers.lot_received(world)
    shape = world.rng.choice(["road", "site", "heel", "origin", "method", "double"])
    known = list(world.state.consignments)
    if shape == "road" and world.state.lots:
        lot = world.rng.choice(list(world.state.lots))
        body: dict[str, Any] = {"consignment": f"{site}/K-0", "lots": [lot]}
        made = world.home("lot_returned", site, body, [])
    elif shape == "double" and known and world.lots(site):
        here = [name for name in known if name.startswith(site)] or [f"{site}/K-1"]
        to = {"external": True}
        body = {"consignment": world.rng.choice(here), "lots": world.lots(site)[:1], "to": to}
        made = world.home("lot_dispatched", site, body, [])
    elif shape == "method" and world.lots(site):
        body = {"lots": world.lots(site)[:1], "substance": "Al", "method": "mass-balance"}
        made = world.home("certificate_issued", site, {**body, "classes": ["POST"]}, [])
        made["body"]["amount"] = "all"
    elif shape == "heel":
        body = {"lot": world.rng.choice([f"{site}/HEEL-F1", f"{site}/HEEL-F2"]), "grade": "final"}
        made = world.home("assay_recorded", site, {**body, "assay": {"Al": "9 %"}}, [])
    elif shape == "site":
        made["site"] = "ZZ99"
        made["body"]["lot"] = "ZZ99/A1"
    else:
        made["body"]["origin"] = {"POST": "50 %", "UNK": world.rng.choice(["49.9999999 %", 1])}
    envelope.clear()
    envelope.update(made)
