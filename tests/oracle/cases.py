"""The worked examples as files for `remelt try`, with figures computed apart from the model.

Every case takes a `Twist`: masses become mg·scale + offset, lots get other names, inputs another
order. Contained grams of the examples are written as lots that are all aluminium.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.oracle.claims import serial_of

T = 10**9
SMALL = ["UNK", "PRIM", "PRE", "BMW", "POST"]  # least claimable first
EVIDENCE = {
    "POST": {"type": "waste_note", "sha256": "a1" * 32},
    "PRE": {"type": "scrap_declaration", "sha256": "b2" * 32},
    "BMW": {"type": "scrap_declaration", "sha256": "c3" * 32},
    "PRIM": {"type": "invoice", "sha256": "d4" * 32},
}
Vector = dict[str, int]


@dataclass(frozen=True)
class Twist:
    """A change that the figures have to follow."""

    scale: int = 1
    offset: int = 0
    rename: Callable[[str], str] = str
    seed: int = 0

    def mg(self, milligrams: int) -> int:
        """A mass of the example, changed."""
        return milligrams * self.scale + self.offset

    def lot(self, name: str) -> str:
        """A lot of the first site, renamed."""
        return f"HB01/{self.rename(name)}"

    def order(self, things: list[Any]) -> list[Any]:
        """The same things in another order (seed 0: as they are)."""
        changed = list(things)
        if self.seed:
            random.Random(self.seed).shuffle(changed)
        return changed


PLAIN = Twist()


@dataclass
class Case:
    """Lines for `remelt try` and what has to come out."""

    name: str
    lines: list[bytes] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # line -> code; other lines are accepted
    lots: dict[str, dict[str, Vector]] = field(default_factory=dict)  # claims summed up
    accounts: dict[str, dict[str, Vector]] = field(default_factory=dict)
    certificates: dict[int, dict[str, Any]] = field(default_factory=dict)  # by line

    def add(self, kind: str, party: str, body: dict[str, Any], **more: Any) -> int:
        """One more line; gives its number."""
        minute = len(self.lines)
        envelope = {
            "kind": kind,
            "party": party,
            "occurred_at": f"2026-03-02T{minute // 60:02d}:{minute % 60:02d}:00+08:00",
            "body": body,
            **more,
        }
        self.lines.append(json.dumps(envelope).encode())
        return len(self.lines)

    def place(self, party: str, site: str, scopes: list[str], equipment: list[str]) -> None:
        """A party with one site."""
        about = {"country": "CN", "roles": ["recycler"], "custody": "operator", "share": "open"}
        self.add("party_registered", "OPERATOR", {"party": party, **about})
        levels = [{"id": scope, "level": "line"} for scope in scopes]
        body: dict[str, Any] = {"site": site, "party": party, "type": "remelter", "country": "CN"}
        body |= {"scopes": levels, "equipment": equipment, "zone": "Asia/Shanghai"}
        self.add("site_registered", "OPERATOR", body)

    def receive(
        self, lot: str, origin: str, mass: int, assay: dict[str, str] | None = None, **more: Any
    ) -> None:
        """An evidenced lot of one origin, from outside."""
        body: dict[str, Any] = {"lot": lot, "from": {"external": True}}
        body |= {"material": {"metal": "aluminium", "form": "scrap"}, "mass": mass}
        body |= {"assay": assay or {"Al": "100 %"}, "assay_grade": "final"}
        body |= {"origin": {origin: "100 %"}, **more}
        self.at_home("lot_received", body, evidence=[EVIDENCE[origin]])

    def at_home(self, kind: str, body: dict[str, Any], **more: Any) -> int:
        """An event of the first party at its site."""
        return self.add(kind, "HUAIBEI-AL", body, site="HB01", **more)

    def certify(
        self, lot: str, amount: Any, classes: list[str] | None = None, element: str = "Al"
    ) -> int:
        """A certificate on one lot."""
        body: dict[str, Any] = {"lots": [lot], "substance": element, "method": "iso14021-batch"}
        body |= {"classes": classes or ["POST"], "amount": amount}
        return self.at_home("certificate_issued", body)


# --- the arithmetic of the examples, written once more -------------------------------------------


def percent(amount: int, text: str) -> Fraction:
    """So many percent of an amount, exact."""
    return Fraction(amount) * Fraction(text) / 100


def lr(quantity: int, pool: Vector) -> Vector:
    """Largest remainder over origins, least claimable first on ties."""
    total = sum(pool.values())
    if not total:
        return {}
    exact = {o: Fraction(quantity * pool[o], total) for o in SMALL if o in pool}
    result = {o: int(exact[o]) for o in exact}
    while sum(result.values()) < quantity:
        open_ones = [o for o in exact if result[o] == int(exact[o])]
        result[max(open_ones, key=lambda o: (exact[o] - int(exact[o]), -SMALL.index(o)))] += 1
    return result


def sequence(pool: Vector, wants: list[tuple[str, int]]) -> dict[str, Vector]:
    """Outputs take one after the other; LOSS takes what is left."""
    left, result = dict(pool), {}
    for name, amount in wants:
        result[name] = lr(amount, left)
        left = {o: left[o] - result[name].get(o, 0) for o in left}
    return result | {"LOSS": left}


def clean(vector: Vector) -> Vector:
    """Without zeros."""
    return {name: amount for name, amount in vector.items() if amount}


def floor_text(part: int, whole: int) -> str:
    """Two decimals, floored."""
    hundredths = int(Fraction(part, whole) * 10000)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


# --- the cases -----------------------------------------------------------------------------------


def start(name: str) -> Case:
    """A case with the party of most examples."""
    case = Case(name)
    case.place("HUAIBEI-AL", "HB01", ["CAST", "ROLLING", "HYDRO"], ["F1"])
    return case


def output(lot: str, mass: int, role: str = "product", **assay: str) -> dict[str, Any]:
    """An output with a final assay; nothing said: all aluminium."""
    base: dict[str, Any] = {"lot": lot, "role": role, "mass": mass, "assay_grade": "final"}
    return {**base, "assay": assay or {"Al": "100 %"}}


def melt(
    case: Case, run: str, inputs: list[str], outputs: list[dict[str, Any]], **more: Any
) -> None:
    """A melt of whole lots."""
    body: dict[str, Any] = {
        "run": f"HB01/{run}",
        "step": "MELT",
        "scope": "CAST",
        "equipment": "F1",
    }
    taken = [{"lot": lot, "mass": "all"} for lot in inputs]
    case.at_home("run_recorded", {**body, "inputs": taken, "outputs": outputs, **more})


def e01(twist: Twist = PLAIN) -> list[Case]:
    """One heat, three origins, moisture, dross, melt loss."""
    case, name = start("E01"), twist.lot
    feed = [("A", "POST", 10 * T, "1.5", "93.0"), ("B", "PRE", 6 * T, "0", "97.2")]
    feed += [("C", "PRIM", 4 * T, "0", "99.7")]
    pool: Vector = {}
    for lot, origin, mg, moisture, al in feed:
        wet = twist.mg(mg)
        water = -int(-percent(wet, moisture) // 1)
        pool[origin] = int(percent(wet - water, al))
        case.receive(name(lot), origin, wet, {"Al": f"{al} %"}, moisture=f"{moisture} %")
    ingot, dross = twist.mg(18_700_000_000), twist.mg(900_000_000)
    outputs = [output(name("INGOT"), ingot, Al="96.8 %")]
    outputs += [output(name("DROSS"), dross, "byproduct", Al="60 %")]
    inputs = twist.order([name(lot) for lot, *_ in feed])
    melt(case, "H-1", inputs, twist.order(outputs))
    in_ingot, in_dross = int(percent(ingot, "96.8")), int(percent(dross, "60"))
    given = sequence(pool, [("INGOT", in_ingot), ("DROSS", in_dross)])
    case.lots = {name(lot): {"Al": clean(given[lot])} for lot in ("INGOT", "DROSS")}
    case.accounts = {"loss:HB01/MELT": {"Al": clean(given["LOSS"])}}
    post = given["INGOT"]["POST"]
    line = case.certify(name("INGOT"), "all")
    figures = {"of_substance": floor_text(post, in_ingot), "of_mass": floor_text(post, ingot)}
    case.certificates = {line: {"claimed_mg": {"POST": post}, **figures}}
    return [case]


def e02(twist: Twist = PLAIN) -> list[Case]:
    """Ties go against the claim."""
    case, name = start("E02"), twist.lot
    pool = {origin: twist.mg(5) for origin in ("POST", "PRE", "PRIM")}
    for origin in twist.order(list(pool)):
        case.receive(name(f"IN-{origin}"), origin, pool[origin])
    wants = sorted([(name("P1"), twist.mg(7)), (name("P2"), twist.mg(7))])
    inputs = twist.order([name(f"IN-{origin}") for origin in pool])
    melt(case, "H-1", inputs, twist.order([output(lot, mg) for lot, mg in wants]))
    given = sequence(pool, wants)
    case.lots = {lot: {"Al": clean(given[lot])} for lot, _ in wants}
    case.accounts = {"loss:HB01/MELT": {"Al": clean(given["LOSS"])}}
    return [case]


def e03(twist: Twist = PLAIN) -> list[Case]:
    """Run-around scrap keeps its origin."""
    case, name = start("E03"), twist.lot
    pool = {"POST": twist.mg(8 * T), "PRIM": twist.mg(2 * T)}
    back: list[str] = []
    for heat, fresh in (("1", pool), ("2", {"POST": twist.mg(4 * T), "PRIM": twist.mg(3 * T)})):
        for origin, mg in fresh.items():
            case.receive(name(f"{origin}{heat}"), origin, mg)
        if back:
            trim = case.lots.pop(back[0])["Al"]
            pool = {o: fresh[o] + trim.get(o, 0) for o in fresh}
        sheet = twist.mg(7 * T)
        rest = sum(pool.values()) - sheet
        outputs = [output(name(f"SHEET{heat}"), sheet)]
        outputs += [output(name(f"TRIM{heat}"), rest, "internal_scrap")]
        inputs = [name(f"{origin}{heat}") for origin in fresh] + back
        melt(case, f"H-{heat}", twist.order(inputs), twist.order(outputs))
        given = sequence(pool, [("SHEET", sheet), ("TRIM", rest)])
        assert not any(given["LOSS"].values())
        for lot in ("SHEET", "TRIM"):
            case.lots[name(f"{lot}{heat}")] = {"Al": clean(given[lot])}
        back = [name(f"TRIM{heat}")]
    return [case]


BLACK_MASS = {
    "X": ("POST", 3 * T, {"Ni": "21.9", "Co": "7.3", "Mn": "6.8", "Li": "4.3"}),
    "Y": ("BMW", 2 * T, {"Ni": "22.5", "Co": "7.5", "Mn": "7.0", "Li": "4.45"}),
    "Z": ("PRIM", 1 * T, {"Ni": "38", "Co": "3.5", "Mn": "6", "Li": "0"}),
}
SALTS = {
    "Ni": ("NISO4-6H2O", 6_526_000_000, "22.33"),
    "Co": ("COSO4-7H2O", 1_890_000_000, "20.96"),
    "Mn": ("MNSO4-H2O", 1_218_000_000, "32.5"),
    "Li": ("LI2CO3", 1_046_000_000, "18.78"),
}


def e05(twist: Twist = PLAIN) -> list[Case]:
    """Black mass to salts; one file certifies POST, the other POST and BMW together."""
    return [e05_with(twist, ["POST"]), e05_with(twist, ["BMW", "POST"])]


def e05_with(twist: Twist, classes: list[str]) -> Case:
    """E05 with certificates over these classes."""
    case, name = start(f"E05 {'+'.join(classes)}"), twist.lot
    for lot, (origin, mg, contents) in BLACK_MASS.items():
        shown = {element: f"{value} %" for element, value in contents.items()}
        case.receive(name(lot), origin, twist.mg(mg), shown)
    inputs = [{"lot": name(lot), "mass": "all"} for lot in BLACK_MASS]
    outputs = [
        {**output(name(lot), twist.mg(mg)), "assay": {element: f"{value} %"}}
        for element, (lot, mg, value) in SALTS.items()
    ]
    body: dict[str, Any] = {"run": "HB01/L-1", "step": "LEACH", "scope": "HYDRO"}
    body |= {"inputs": twist.order(inputs), "outputs": twist.order(outputs)}
    case.at_home("run_recorded", body)
    case.accounts["loss:HB01/LEACH"] = {}
    for element, (lot, mg, value) in SALTS.items():
        pool = {
            origin: int(percent(twist.mg(wet), contents[element]))
            for origin, wet, contents in BLACK_MASS.values()
        }
        wanted = int(percent(twist.mg(mg), value))
        given = sequence(pool, [(lot, wanted)])
        case.lots[name(lot)] = {element: clean(given[lot])}
        case.accounts["loss:HB01/LEACH"][element] = clean(given["LOSS"])
        line = case.certify(name(lot), "all", classes, element)
        claimed = {origin: given[lot][origin] for origin in classes if given[lot][origin]}
        figure = floor_text(sum(claimed.values()), wanted)
        case.certificates[line] = {"claimed_mg": claimed, "of_substance": figure}
    return case


def tapped(title: str, twist: Twist) -> tuple[Case, str, Vector]:
    """E06: the case, the tap's name and its vector."""
    case, name = start(title), twist.lot
    first = {"POST": twist.mg(4 * T), "PRIM": twist.mg(6 * T)}
    for origin, mg in first.items():
        case.receive(name(f"FIRST-{origin}"), origin, mg)
    heel = twist.mg(5 * T)
    out = sum(first.values()) - heel
    inputs = twist.order([name(f"FIRST-{origin}") for origin in first])
    after = {"mass": heel, "assay": {"Al": "100 %"}}
    melt(case, "H-0", inputs, [output(name("TAP0"), out)], heel=after)
    before = sequence(first, [("TAP0", out), ("HEEL", heel)])["HEEL"]

    charge = {"POST": twist.mg(12 * T), "PRE": twist.mg(3 * T)}
    for origin, mg in charge.items():
        case.receive(name(f"CHARGE-{origin}"), origin, mg)
    pool = {o: before.get(o, 0) + charge.get(o, 0) for o in ("POST", "PRE", "PRIM")}
    tap = twist.mg(14_600_000_000)
    inputs = twist.order([name(f"CHARGE-{origin}") for origin in charge])
    melt(case, "H-1", inputs, [output(name("TAP"), tap)], heel=after)
    given = sequence(pool, [("TAP", tap), ("HEEL", heel)])
    case.lots = {name("TAP"): {"Al": clean(given["TAP"])}}
    case.lots["HB01/HEEL-F1"] = {"Al": clean(given["HEEL"])}
    case.accounts = {"loss:HB01/MELT": {"Al": clean(given["LOSS"])}}
    return case, name("TAP"), given["TAP"]


def e06(twist: Twist = PLAIN) -> list[Case]:
    """The heel carries over."""
    return [tapped("E06", twist)[0]]


def e08(twist: Twist = PLAIN) -> list[Case]:
    """Over-claims on the tap, by mass and by percentage."""
    by_mass, tap, vector = tapped("E08 by mass", twist)
    post, total = vector["POST"], sum(vector.values())
    by_mass.refused[by_mass.certify(tap, post + 1)] = "CLAIM_EXCEEDS_ORIGIN"
    line = by_mass.certify(tap, post)
    by_mass.certificates[line] = {"claimed_mg": {"POST": post}}
    by_mass.refused[by_mass.certify(tap, "1 mg")] = "CLAIM_ALREADY_USED"

    by_share, tap, vector = tapped("E08 by percentage", twist)
    hundredths = 0
    while int(Fraction(total * (hundredths + 1), 10000)) <= post:
        hundredths += 1
    over = f"{(hundredths + 1) // 100}.{(hundredths + 1) % 100:02d} %"
    most = f"{hundredths // 100}.{hundredths % 100:02d} %"
    by_share.refused[by_share.certify(tap, over)] = "CLAIM_EXCEEDS_ORIGIN"
    line = by_share.certify(tap, most)
    claimed = int(Fraction(total * hundredths, 10000))
    by_share.certificates[line] = {"claimed_mg": {"POST": claimed}}
    return [by_mass, by_share]


def e10(twist: Twist = PLAIN) -> list[Case]:
    """Two certificates on the same grams."""
    case, tap, vector = tapped("E10", twist)
    name = twist.lot
    first = twist.mg(8 * T)
    outputs: list[dict[str, Any]] = [{"lot": name("S1"), "role": "product", "mass": first}]
    outputs += [{"lot": name("S2"), "role": "product", "mass": "rest"}]
    body: dict[str, Any] = {
        "run": "HB01/S-1",
        "step": "SPLIT",
        "scope": "CAST",
        "outputs": twist.order(outputs),
    }
    case.at_home("run_recorded", {**body, "inputs": [{"lot": tap, "mass": "all"}]})
    weights = {name("S1"): first, name("S2"): sum(vector.values()) - first}
    given = sequence(vector, sorted(weights.items()))
    case.lots[tap] = {}
    for lot in weights:
        case.lots[lot] = {"Al": clean(given[lot])}

    one, two = given[name("S1")]["POST"], given[name("S2")]["POST"]
    line = case.certify(name("S1"), "all")
    case.certificates[line] = {"claimed_mg": {"POST": one}, "status": "REVOKED", "held_mg": 0}
    case.refused[case.certify(name("S1"), "1 mg")] = "CLAIM_ALREADY_USED"
    other = case.certify(name("S2"), "all")
    case.certificates[other] = {"claimed_mg": {"POST": two}, "status": "VALID", "held_mg": two}
    case.refused[case.certify(tap, "1 mg")] = "LOT_CONSUMED"
    revoked: dict[str, Any] = {
        "serial": serial_at("HUAIBEI-AL", line),
        "reason": "error",
        "lots": [name("S1")],
    }
    case.add("certificate_revoked", "HUAIBEI-AL", revoked)
    again = case.certify(name("S1"), "all")
    case.certificates[again] = {"claimed_mg": {"POST": one}, "status": "VALID", "held_mg": one}
    return [case]


def serial_at(party: str, line: int) -> str:
    """The serial a certificate on this line of a trial gets."""
    digest = hashlib.sha256(f"remelt/try\n{line}".encode()).digest()
    return serial_of("try", party, str(uuid.UUID(bytes=digest[:16])))


def declare(party: str, site: str, lot: str, scope: str) -> dict[str, Any]:
    """Arguments of a scrap declaration."""
    body: dict[str, Any] = {
        "lot": lot,
        "class": "PRE",
        "from_scope": f"{site}/{scope}",
        "process": "STAMP",
    }
    return {"kind": "scrap_declared", "party": party, "site": site, "body": body}


def e16(twist: Twist = PLAIN) -> list[Case]:
    """Scrap birth: at another company; own trim melted; own trim declared; melted at home."""
    return [e16_bought(twist), e16_trim(twist), e16_declared_trim(twist), e16_run_around(twist)]


def e16_bought(twist: Twist) -> Case:
    """Another company's process declares its skeleton, with evidence."""
    case, name = start("E16 bought"), twist.lot
    case.place("WUHU-PRESS", "WH01", ["PRESS"], [])
    coil, waste = twist.mg(10 * T), twist.mg(3_500_000_000)
    case.receive(name("COIL"), "PRIM", coil)
    to = {"party": "WUHU-PRESS", "site": "WH01"}
    sent: dict[str, Any] = {"consignment": "HB01/K-1", "lots": [name("COIL")], "to": to}
    case.at_home("lot_dispatched", sent)
    arrived: dict[str, Any] = {
        "consignment": "HB01/K-1",
        "lots": [{"lot": name("COIL"), "mass": coil}],
    }
    case.add("lot_arrived", "WUHU-PRESS", arrived, site="WH01")
    skeleton = f"WH01/{twist.rename('SKELETON')}"
    outputs = [output(f"WH01/{twist.rename('PARTS')}", coil - waste)]
    outputs += [output(skeleton, waste, "byproduct")]
    body: dict[str, Any] = {
        "run": "WH01/P-1",
        "step": "STAMP",
        "scope": "PRESS",
        "outputs": twist.order(outputs),
    }
    body["inputs"] = [{"lot": name("COIL"), "mass": "all"}]
    case.add("run_recorded", "WUHU-PRESS", body, site="WH01")
    case.add(**declare("WUHU-PRESS", "WH01", skeleton, "PRESS"), evidence=[EVIDENCE["PRE"]])
    case.lots = {skeleton: {"Al": {"PRE": waste}}}
    return case


def rolled(title: str, twist: Twist, role: str) -> tuple[Case, str, int]:
    """A coil of primary metal rolled at home; 3.5 t of trim."""
    case, name = start(title), twist.lot
    coil, trim = twist.mg(10 * T), twist.mg(3_500_000_000)
    case.receive(name("COIL"), "PRIM", coil)
    outputs = [output(name("STRIP"), coil - trim), output(name("TRIM"), trim, role)]
    body: dict[str, Any] = {"run": "HB01/R-1", "step": "ROLL", "scope": "ROLLING"}
    body |= {"inputs": [{"lot": name("COIL"), "mass": "all"}], "outputs": twist.order(outputs)}
    case.at_home("run_recorded", body)
    return case, name("TRIM"), trim


def e16_trim(twist: Twist) -> Case:
    """Own trim, melted at home, is what it was."""
    case, lot, trim = rolled("E16 trim", twist, "internal_scrap")
    cast = f"HB01/{twist.rename('CAST-1')}"
    melt(case, "H-1", [lot], [output(cast, trim)])
    case.lots = {cast: {"Al": {"PRIM": trim}}}
    return case


def e16_declared_trim(twist: Twist) -> Case:
    """Own trim declared in the same process."""
    case, lot, trim = rolled("E16 declared trim", twist, "internal_scrap")
    line = case.add(**declare("HUAIBEI-AL", "HB01", lot, "ROLLING"), evidence=[EVIDENCE["PRE"]])
    case.refused[line] = "SCRAP_SCOPE_SAME_PROCESS"
    case.lots = {lot: {"Al": {"PRIM": trim}}}
    return case


def e16_run_around(twist: Twist) -> Case:
    """A declared byproduct may not come back into the plant it was born in."""
    case, lot, trim = rolled("E16 run-around", twist, "byproduct")
    case.add(**declare("HUAIBEI-AL", "HB01", lot, "ROLLING"), evidence=[EVIDENCE["PRE"]])
    melt(case, "H-1", [lot], [output(f"HB01/{twist.rename('CAST-1')}", trim)])
    case.refused[len(case.lines)] = "SCRAP_SCOPE_SAME_PROCESS"
    case.lots = {lot: {"Al": {"PRE": trim}}}
    return case


EXAMPLES: dict[str, Callable[[Twist], list[Case]]] = {
    "E01": e01, "E02": e02, "E03": e03, "E05": e05, "E06": e06, "E08": e08, "E10": e10, "E16": e16,
}  # fmt: skip
TWISTS = [
    PLAIN,
    Twist(scale=7, offset=1),
    Twist(scale=3, offset=11, rename=lambda lot: f"Z{lot[::-1]}", seed=5),
    Twist(rename=lambda lot: f"{sum(lot.encode()) % 97}-{lot}", seed=9),
]


def all_cases() -> list[Case]:
    """Every example under every twist."""
    return [case for make in EXAMPLES.values() for twist in TWISTS for case in make(twist)]


def by_origin(lines: dict[str, Vector]) -> dict[str, Vector]:
    """A lot of the answer with its claims summed up, water and OTHER left out."""
    result: dict[str, Vector] = {}
    for substance, found in lines.items():
        if substance in ("H2O", "OTHER"):
            continue
        row = result.setdefault(substance, {})
        for line, amount in found.items():
            origin = line.split("/")[0]
            row[origin] = row.get(origin, 0) + amount
    return result


def differences(case: Case, answer: dict[str, Any]) -> list[str]:
    """What an answer of `remelt try --json` gets wrong about a case; empty when all is right."""
    wrong = []
    for result in answer["results"]:
        code = None if result["ok"] else result["error"]["code"]
        if code != case.refused.get(result["line"]):
            wrong.append(f"line {result['line']}: {code}, want {case.refused.get(result['line'])}")
    for lot, expected in case.lots.items():
        found = by_origin(answer["lots"].get(lot, {}))
        if found != expected:
            wrong.append(f"{lot}: {found}, want {expected}")
    for account, expected in case.accounts.items():
        found = answer["accounts"].get(account, {})
        if found != {s: v for s, v in expected.items() if v}:
            wrong.append(f"{account}: {found}, want {expected}")
    issued = {entry["line"]: entry for entry in answer["certificates"].values()}
    for line, figures in case.certificates.items():
        for name, value in figures.items():
            if issued.get(line, {}).get(name) != value:
                shown = issued.get(line, {}).get(name)
                wrong.append(f"certificate of line {line}: {name} {shown}, want {value}")
    return wrong
