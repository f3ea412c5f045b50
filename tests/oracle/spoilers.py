"""Valid events made wrong, so that every refusal and the order of refusals is met."""

from __future__ import annotations

import copy
import datetime
import json
import re
from collections.abc import Callable
from typing import Any

from tests.oracle import making_runs
from tests.oracle.claims import serial_of
from tests.oracle.false_events import (
    back_to_furnace,
    false_scrap,
    from_inside,
    registered_twice,
    seldom,
    used_paper,
    wrong_claim,
    wrong_final,
    wrong_revocation,
    wrong_road,
    wrong_split,
)
from tests.oracle.state import weight
from tests.oracle.world import ELEMENTS, Envelope, World

Path = list[Any]
NOT_MASSES = [
    0,
    -5,
    1.5,
    "0 kg",
    "1.5",
    "5 lb",
    "5 pounds",
    "05 kg",
    "1e3 kg",
    "0.0001 mg",
    ".5 t",
    "5  kg",
    "5kg",
    "1 00 kg",
    2**53,
    "9 007 199 254 740 992 mg",
    True,
    None,
    [],
    "5 %",
    "−5 kg",
    "٣ kg",
    "1_000 kg",
    " 5 kg",
    "5 kg ",
    "",
    "+5 kg",
    "-5 kg",
    "10 000 000 t",
]
NOT_CONTENTS = [
    -1,
    2.5,
    "101 %",
    "100.00000001 %",
    "96,4 %",
    "5 kg",
    "5 ‰",
    "<5 lb",
    "%",
    None,
    10**9 + 1,
    2**53,
    "1e2 %",
    "0.5 ppb",
    "096 %",
    {},
    "5",
    "1 000 000 001 ppb",
]
NOT_WORDS = ["UNOBTAINIUM", "unobtainium", "", 5, None, ["a"], "Xx", "melt", "PRIM", "POST"]
NOT_TIMES = [
    "2026-03-02T09:15:00",
    "2026-03-02",
    "2026-13-02T09:15:00Z",
    "2026-02-30T09:15:00Z",
    "yesterday",
    1772413200,
    None,
    "2026-03-02T25:00:00Z",
    "2026-03-02 09:15:00Z",
]
NOT_NAMES = [
    "HB01",
    "HB01/",
    "hb01/A",
    "HB01/A B",
    "HB01/" + "A" * 21,
    "HB01/A@B",
    "/A",
    7,
    None,
    "HB01/-A",
    "ZZ99/A1",
    "HB01/HEEL-F1",
    "HB01/HEEL-NEW",
    "HB01/NOT-THERE",
]
NAME_KEYS = ("lot", "run", "consignment", "from_scope")
MASS_KEYS = ("mass", "gross", "tare", "amount", "split_minimum")
CONTENT_KEYS = ("moisture", *ELEMENTS, "Mg", "Mn", "POST", "PRE", "BMW", "PRIM", "UNK")


def nodes(value: Any, path: Path | None = None) -> list[Path]:
    """Paths of everything inside a JSON value."""
    path = path or []
    found = [path]
    if isinstance(value, dict):
        for name in value:
            found += nodes(value[name], [*path, name])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += nodes(item, [*path, index])
    return found


def at(value: Any, path: Path) -> Any:
    """The value at a path."""
    for step in path:
        value = value[step]
    return value


def put(value: Any, path: Path, new: Any) -> None:
    """Replace what is at a path."""
    at(value, path[:-1])[path[-1]] = new


def choose(world: World, envelope: Envelope, wanted: Callable[[Path, Any], bool]) -> Path | None:
    """A path that fits, or none."""
    found = [p for p in nodes(envelope) if p and wanted(p, at(envelope, p))]
    return world.rng.choice(found) if found else None


# --- one wrong thing -----------------------------------------------------------------------------


def drop_name(world: World, envelope: Envelope) -> None:
    """A field less."""
    path = choose(world, envelope, lambda p, _: isinstance(p[-1], str))
    if path:
        del at(envelope, path[:-1])[path[-1]]


def add_name(world: World, envelope: Envelope) -> None:
    """A field more."""
    objects = [p for p in nodes(envelope) if isinstance(at(envelope, p), dict)]
    name = world.rng.choice(["colour", "_sd", "note", "mass", "site", "moisture", "heel", "assay"])
    at(envelope, world.rng.choice(objects)).setdefault(name, world.rng.choice(["red", "5 kg", 1]))


def wrong_type(world: World, envelope: Envelope) -> None:
    """Any value of another type."""
    path = choose(world, envelope, lambda p, _: True)
    if path:
        put(envelope, path, world.rng.choice([None, True, False, [], {}, 3, "x", 1.25, [1], -3]))


def wrong_mass(world: World, envelope: Envelope) -> None:
    """A mass that is none."""
    path = choose(world, envelope, lambda p, _: p[-1] in MASS_KEYS)
    if path:
        put(envelope, path, world.rng.choice(NOT_MASSES))


def wrong_content(world: World, envelope: Envelope) -> None:
    """A content that is none."""
    path = choose(world, envelope, lambda p, _: p[-1] in CONTENT_KEYS)
    if path:
        put(envelope, path, world.rng.choice(NOT_CONTENTS))


def more_content(world: World, envelope: Envelope) -> None:
    """Too much of something."""
    path = choose(world, envelope, lambda p, _: p[-1] in CONTENT_KEYS and p[-1] != "moisture")
    if path:
        put(envelope, path, world.rng.choice(["100 %", "60 %", "99.9 %", "1 ppb"]))


def wrong_word(world: World, envelope: Envelope) -> None:
    """A word that is not in its list."""
    path = choose(
        world,
        envelope,
        lambda p, v: isinstance(v, str) and v != "" and re.fullmatch("[A-Za-z_-]+", v) is not None,
    )
    if path:
        put(envelope, path, world.rng.choice(NOT_WORDS))


def wrong_element(world: World, envelope: Envelope) -> None:
    """An assay or a certificate with an element that is none."""
    assays = [p for p in nodes(envelope) if p and p[-1] in ("assay", "origin")]
    if assays and world.chance(0.8):
        target = at(envelope, world.rng.choice(assays))
        if isinstance(target, dict):
            target[world.rng.choice(["Xx", "H2O", "OTHER", "al", "Alu", ""])] = "1 %"
    elif isinstance(envelope.get("body"), dict) and "substance" in envelope["body"]:
        envelope["body"]["substance"] = world.rng.choice(["Xx", "OTHER", "H2O", "Ag"])


def wrong_time(world: World, envelope: Envelope) -> None:
    """A time that is none."""
    envelope["occurred_at"] = world.rng.choice(NOT_TIMES)


def earlier(world: World, envelope: Envelope) -> None:
    """Before what happened to the lots."""
    moment = world.now - datetime.timedelta(days=world.rng.choice([1, 30]))
    envelope["occurred_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def wrong_name(world: World, envelope: Envelope) -> None:
    """An identifier of the wrong form, or of nothing."""
    in_list = "lots"
    path = choose(
        world,
        envelope,
        lambda p, v: p[-1] in NAME_KEYS or (len(p) > 1 and p[-2] == in_list),
    )
    if path:
        put(envelope, path, world.rng.choice(NOT_NAMES))


def other_lot(world: World, envelope: Envelope) -> None:
    """Another lot, of anybody and in any state, where one is named."""
    path = choose(
        world,
        envelope,
        lambda p, v: isinstance(v, str) and v in world.state.lots,
    )
    if path and world.state.lots:
        put(envelope, path, world.rng.choice(list(world.state.lots)))


def own_lot(world: World, envelope: Envelope) -> None:
    """Another lot of the same party: elsewhere, on the road, consumed or a heel."""
    mine = [
        name
        for name, lot in world.state.lots.items()
        if world.state.sites[lot.at_site].party == envelope.get("party")
    ]
    odd = [
        n
        for n in mine
        if "/HEEL-" in n or world.state.lots[n].in_transit or not weight(world.balance(n))
        or world.state.lots[n].at_site != envelope.get("site")
    ]  # fmt: skip
    path = choose(world, envelope, lambda p, v: isinstance(v, str) and v in world.state.lots)
    if path and odd:
        put(envelope, path, world.rng.choice(odd))


def used_name(world: World, envelope: Envelope) -> None:
    """A run, consignment, lot or ticket that exists already."""
    body = envelope.get("body")
    if not isinstance(body, dict):
        return
    site = str(envelope.get("site"))
    lots = [n for n in world.state.lots if n.startswith(site)]
    if "run" in body and world.chance(0.5) and world.state.runs:
        body["run"] = world.rng.choice(list(world.state.runs))
    elif "consignment" in body and world.state.consignments:
        body["consignment"] = world.rng.choice(list(world.state.consignments))
    elif envelope["kind"] == "run_recorded" and lots and body.get("outputs"):
        world.rng.choice(body["outputs"])["lot"] = world.rng.choice(lots)
    elif envelope["kind"] == "lot_received" and lots and world.chance(0.5):
        body["lot"] = world.rng.choice(lots)
    elif envelope["kind"] == "lot_received":
        used_paper(world, envelope)
    elif envelope["kind"] == "party_registered":
        body["party"] = world.rng.choice(sorted(world.state.parties))
    elif envelope["kind"] == "site_registered":
        body["site"] = world.rng.choice(list(world.state.sites))


def stranger(world: World, envelope: Envelope) -> None:
    """Another party, another site, or none that is known."""
    parties = [*sorted(world.state.parties), "NOBODY-1", "OPERATOR"]
    sites = [*world.state.sites, "ZZ99"]
    field = world.rng.choice(["party", "site", "from", "to", "holder"])
    body = envelope.get("body")
    if field == "party" or not isinstance(body, dict):
        envelope["party"] = world.rng.choice(parties)
    elif field == "site" and "site" in envelope:
        envelope["site"] = world.rng.choice(sites)
    elif field in body:
        body[field] = {"party": world.rng.choice(parties)}
        if field == "to":
            body[field]["site"] = world.rng.choice(sites)
    elif "party" in body:
        body["party"] = world.rng.choice(parties)


def no_evidence(world: World, envelope: Envelope) -> None:
    """Without evidence, or with other evidence."""
    envelope["evidence"] = [] if world.chance(0.5) else [world.paper("photo")]


def doubled(world: World, envelope: Envelope) -> None:
    """The same thing twice in a list."""
    path = choose(world, envelope, lambda p, v: isinstance(v, list) and len(v) > 0)
    if path:
        items = at(envelope, path)
        items.append(copy.deepcopy(world.rng.choice(items)))


def swapped_number(world: World, envelope: Envelope) -> None:
    """Another good mass: too much, too little, the rest, all."""
    path = choose(world, envelope, lambda p, _: p[-1] in MASS_KEYS)
    if path:
        choices = ["1 mg", 3, "500 t", "9 000 t", "all", "rest", "2 kg", "10.5 g", 900_000, "50 %"]
        put(envelope, path, world.rng.choice(choices))


def other_step(world: World, envelope: Envelope) -> None:
    """Another step, scope, furnace, kind, method or class."""
    body = envelope.get("body")
    if not isinstance(body, dict):
        return
    changes: dict[str, list[Any]] = {
        "step": ["MELT", "STAMP", "SPLIT", "MERGE", "STORE", "LEACH", "BAKE", "CAST", "SHRED"],
        "scope": ["CAST", "NOWHERE", "YARD", "PRESS", ""],
        "equipment": ["F1", "F99", "KILN", ""],
        "method": ["iso14021-mass", "mass-balance", "iso14021-batch", 5],
        "class": ["POST", "PRIM", "UNK", "BMW", "PREX"],
        "substance": ["Ag", "Al", "Cu", "Si"],
        "classes": [["POST"], ["PRE"], ["PRIM"], [], ["POST", "POST"], "POST"],
        "from_scope": ["HB01/CAST", "WH01/PRESS", "ZZ99/CAST", "HB01/NOWHERE"],
        "serial": ["0123456789AB", "0" * 12, "ABCD-EFGH-JKM", serial_of("try", "NOBODY", "x")],
        "valid_until": ["2026-02-30", "tomorrow", "2026-3-1", 5],
        "zone": ["Asia/Nowhere", "", "CET"],
        "parameters": [{"speed": 1}, {"strict": 1}, {"closure_tolerance": "5 kg"}],
    }
    present = [name for name in changes if name in body]
    if present and world.chance(0.85):
        name = world.rng.choice(present)
        body[name] = world.rng.choice(changes[name])
    else:
        envelope["kind"] = world.rng.choice(
            ["stock_counted", "credit_booked", "LOT_RECEIVED", "log_opened", 5, "lot_arrived"]
        )


def other_log(world: World, envelope: Envelope) -> None:
    """Meant for another log."""
    envelope["log"] = world.rng.choice(["demo.remelt.example/anhui", "Try", "try ", 5])


def used_id(world: World, envelope: Envelope) -> None:
    """An id that this party used for something else."""
    mine = [e for e in world.accepted if e["party"] == envelope.get("party") and "id" in e]
    envelope["id"] = world.rng.choice(mine)["id"] if mine else "not-an-id"


def changed_retry(world: World, envelope: Envelope) -> None:
    """An earlier event again, with one thing changed."""
    earlier_ones = [e for e in world.accepted if "id" in e]
    if earlier_ones:
        envelope.clear()
        envelope.update(copy.deepcopy(world.rng.choice(earlier_ones)))
        world.rng.choice([earlier, no_evidence, swapped_number, other_lot])(world, envelope)


SPOILERS: list[tuple[int, Callable[[World, Envelope], None]]] = [
    (4, drop_name), (4, add_name), (4, wrong_type), (4, wrong_mass), (3, wrong_content),
    (3, more_content), (4, wrong_word), (2, wrong_element), (2, wrong_time), (4, earlier),
    (3, wrong_name), (6, other_lot), (6, own_lot), (5, used_name), (4, stranger), (3, no_evidence),
    (2, doubled), (4, swapped_number), (7, other_step), (1, other_log), (1, used_id),
    (3, changed_retry), (4, wrong_split), (4, false_scrap), (5, back_to_furnace), (6, wrong_claim),
    (4, wrong_revocation), (5, wrong_road), (4, wrong_final),
    (3, registered_twice), (4, from_inside), (5, seldom),
]  # fmt: skip


def spoil(world: World, envelope: Envelope) -> Envelope:
    """One wrong thing, often two, so that the order of refusals decides."""
    spoiled = copy.deepcopy(envelope)
    weights = [share for share, _ in SPOILERS]
    for spoiler in world.rng.choices([s for _, s in SPOILERS], weights, k=world.rng.choice([1, 2])):
        try:
            spoiler(world, spoiled)
        except (TypeError, KeyError, AttributeError, IndexError):
            continue  # the first wrong thing left nothing for the second
    return spoiled


def broken_line(world: World, envelope: Envelope) -> bytes:
    """Bytes that are not one JSON object with names that stand once."""
    line = json.dumps(envelope).encode()
    return world.rng.choice(
        [
            line[: len(line) // 2],
            line + b"}",
            b"[" + line + b"]",
            line[:-1] + b', "kind": "lot_received"}',
            line.replace(b'"body"', b'"body": 1, "body"'),
            line[:-1] + b', "private": {"note": NaN}}',
            b"\xff" + line,
            b"null",
            b'"lot_received"',
            line[:-1] + b', "ratio": 1.5}',
        ]
    )


def too_large(world: World) -> Envelope | None:
    """A good run with an energy list that nobody can read."""
    made = making_runs.transforming(world)
    if made is not None:
        made["body"]["energy"] = [{"carrier": "electricity", "wh": 7_400_000}] * 900
    return made
