"""The worked examples as files for `remelt try`, with figures computed apart from the model.

Contained grams of the examples are written as lots that are all aluminium.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.case import (
    EVIDENCE,
    PLAIN,
    Case,
    T,
    Twist,
    Vector,
    clean,
    floor_text,
    percent,
    sequence,
    serial_at,
)


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
