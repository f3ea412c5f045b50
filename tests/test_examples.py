"""The aluminium example: accepted, refused, computed and cited as its README says."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger import trial
from ledger.book import encoding, lines, mass
from ledger.exchange import story

FOLDER = Path(__file__).parent.parent / "examples" / "aluminium"
CLASSES = ("POST", "PRE", "PRIM", "UNK")
Envelope = dict[str, Any]
Shares = dict[str, Fraction]


@functools.cache
def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@functools.cache
def week() -> story.Story:
    return story.load(read("story.toml"))


@functools.cache
def refusals() -> story.Story:
    return story.load(read("refused.toml"))


@functools.cache
def report() -> dict[str, Any]:
    return trial.run(story.to_ndjson(week()))


@functools.cache
def lots() -> dict[str, lines.Balances]:
    """Every lot of the week as it was when it held most aluminium, the later of equals."""
    log = trial.Trial()
    seen: dict[str, lines.Balances] = {}
    for number, event in enumerate(week().events, start=1):
        log.record(number, encoding.canonical(event))
        for lot, balances in log.totals.shown_lots().items():
            if balances and al_mg(balances) >= al_mg(seen.get(lot, {})):
                seen[lot] = copy.deepcopy(balances)
    return seen


def al_mg(balances: lines.Balances) -> int:
    return lines.substance_mg(balances, "Al")


def try_after_the_week(event: Envelope) -> dict[str, Any]:
    """The result of one more event."""
    lines_of_week = story.to_ndjson(week())
    result = trial.run(lines_of_week + encoding.canonical(event))["results"][-1]
    assert isinstance(result, dict)
    return result


def by_class(page: lines.Lines) -> dict[str, int]:
    totals = dict.fromkeys(CLASSES, 0)
    for line, mass_mg in page.items():
        totals[line.partition("/")[0]] += mass_mg
    return totals


def certificates() -> dict[str, dict[str, Any]]:
    """By the lot they stand on."""
    made = report()["certificates"].values()
    return {
        week().events[c["line"] - 1]["body"]["lots"][0]: {n: c[n] for n in c if n != "line"}
        for c in made
    }


# The story is taken, all of it.


def test_every_event_of_the_week_is_accepted() -> None:
    refused = [result for result in report()["results"] if not result["ok"]]
    assert not refused
    assert not any(week().expected)
    assert all(week().why), "every event says what it is about"


def test_four_companies_at_five_sites_and_three_collectors_take_part() -> None:
    kinds: dict[str, list[Envelope]] = {}
    for event in week().events:
        kinds.setdefault(event["kind"], []).append(event)
    parties = {event["body"]["party"]: event["body"] for event in kinds["party_registered"]}
    assert len(parties) == 4
    assert len({event["body"]["site"] for event in kinds["site_registered"]}) == 5
    assert sorted(p["custody"] for p in parties.values()) == ["operator"] * 2 + ["self"] * 2
    names = json.dumps([event.get("private", {}) for event in week().events])
    assert all(collector in names for collector in ("Mrs Chen", "Mr Liu", "Mr Zhao"))
    assert {e["party"] for e in week().events} == {*parties, trial.OPERATOR}


def test_the_week_is_one_week_in_order() -> None:
    times = [event["occurred_at"] for event in week().events]
    assert times == sorted(times)
    assert times[0] >= "2026-03-02T00:00:00+08:00"
    assert times[-1] < "2026-03-09T00:00:00+08:00"
    assert all(time.endswith("+08:00") for time in times)


def test_thirty_five_to_fifty_events_follow_the_registrations() -> None:
    registered = [e for e in week().events if e["kind"].endswith("_registered")]
    assert len(registered) == 9
    assert 35 <= len(week().events) - len(registered) <= 50


# What it comes to.


@pytest.mark.parametrize(
    ("lot", "status", "claimed_mg", "held_mg", "of_aluminium", "of_mass"),
    [
        ("HB01/SL-1", "DRAWN", {"POST": 9_387_859_748}, 0, "70.74", "69.53"),
        ("HB01/SL-2", "DRAWN", {"POST": 5_963_495_651, "PRE": 2_201_315_789}, 0, "65.02", "63.68"),
        ("HB01/SL-3A", "VALID", {"POST": 1_641_193_503}, 1_641_193_503, "41.90", "41.02"),
        ("CZ01/COIL-11", "VALID", {"POST": 3_838_591_542}, 3_838_591_542, "70.74", "69.53"),
        (
            "CZ01/COIL-21",
            "VALID",
            {"POST": 4_790_774_852, "PRE": 1_261_299_148},
            6_052_074_000,
            "60.00",
            "58.75",
        ),
    ],
)
def test_a_certificate_says_exactly_this(
    lot: str, status: str, claimed_mg: dict[str, int], held_mg: int, of_aluminium: str, of_mass: str
) -> None:
    assert certificates()[lot] == {
        "status": status,
        "substance": "Al",
        "claimed_mg": claimed_mg,
        "held_mg": held_mg,
        "of_substance": of_aluminium,
        "of_mass": of_mass,
    }


def test_there_are_no_other_certificates() -> None:
    assert len(certificates()) == len(report()["certificates"]) == 5


def test_the_collector_without_papers_gives_unk_and_it_stays_visible_in_every_coil() -> None:
    zhao = lots()["SZ01/MIX-0303"]["Al"]
    assert set(zhao) == {"UNK"}
    for lot in ("HB01/SL-1", "HB01/SL-2", "HB01/SL-3", "CZ01/COIL-11", "CZ01/COIL-21"):
        page = by_class(lots()[lot]["Al"])
        assert 0.03 < page["UNK"] / sum(page.values()) < 0.07


def test_nothing_grows_but_a_trace_of_iron_that_nobody_may_claim() -> None:
    gains = {a: page for a, page in report()["accounts"].items() if a.startswith("gain:")}
    assert gains == {"gain:HB01": {"Fe": {"UNK": -16_600}}}


def test_declared_scrap_has_no_primary_metal_left_and_keeps_the_rest() -> None:
    coil, skeleton = lots()["CZ01/COIL-12"]["Al"], lots()["CZ01/SKEL-12"]["Al"]
    assert "PRIM" in coil
    assert "PRE" not in coil
    assert set(skeleton) == {"POST", "PRE", "UNK"}


def pool(*parts: Shares) -> Shares:
    return {c: sum((part.get(c, Fraction(0)) for part in parts), Fraction(0)) for c in CLASSES}


def part(of: Shares, mass_mg: Fraction) -> Shares:
    return {c: mass_mg * share / sum(of.values()) for c, share in of.items()}


def al(tonnes: str, *factors: str) -> Fraction:
    grams = Fraction(tonnes) * mass.PPB
    for factor in factors:
        grams *= Fraction(factor)
    return grams


def test_three_heats_agree_with_pencil_and_paper() -> None:
    """Proportions alone, from the figures of the story, with no rounding and no ledger."""
    chen, zhao = al("9.58", ".988", ".92"), al("2.46", ".98", ".895")
    sheet = pool({"POST": chen, "UNK": zhao})
    per_tonne_of_sheet = al("11.40", ".992", ".934") / Fraction("11.40")
    frames = {"POST": al("8.10", ".996", ".956") * Fraction("8.09") / Fraction("8.10")}
    wire, chips = {"POST": al("2.3", ".997", ".982")}, {"POST": al("1", ".952")}
    clips, sows = {"PRE": al("1", ".998", ".964")}, {"PRIM": al("1", ".997")}

    def sheets(tonnes: str) -> Shares:
        return part(sheet, per_tonne_of_sheet * Fraction(tonnes))

    def times(of: Shares, tonnes: str) -> Shares:
        return {c: share * Fraction(tonnes) for c, share in of.items()}

    one = pool(frames, wire, sheets("3"), times(sows, "4.5"))
    two = pool(
        part(one, al("3", ".982")), part(one, al(".66", ".983")), times(chips, "2.5"),
        times(clips, "3"), sheets("3.9"), times(sows, "4"),
    )  # fmt: skip
    three = pool(
        part(two, al("3", ".979")), part(two, al(".65", ".9794")), times(chips, "1.6"),
        times(clips, "3"), sheets("4.48"), times(sows, "3.5"),
    )  # fmt: skip
    heats = {
        "HB01/SL-1": part(one, al("13.50", ".983")),
        "HB01/SL-2": part(two, al("12.82", ".9794")),
        "HB01/SL-3": part(three, al("12", ".9791")),
    }
    for lot, paper in heats.items():
        booked = by_class(lots()[lot]["Al"])
        assert all(abs(booked[c] - paper[c]) < 20 for c in CLASSES), (lot, booked, paper)


def test_the_heats_recover_about_as_much_metal_as_the_publication_says() -> None:
    """Boin and Bertram found 98 % metal recovery for the EU-15 of 2002."""
    dross = sum(al_mg(lots()[f"HB01/DROSS-{n}"]) for n in (1, 2, 3))
    lost = sum(report()["accounts"]["loss:HB01/MELT"]["Al"].values())
    made = sum(al_mg(lots()[f"HB01/SL-{n}"]) for n in (1, 2, 3))
    made += al_mg(lots()["HB01/CROP-3"]) + al_mg(report()["lots"]["HB01/HEEL-F1"])
    assert mass.percent_floor(made, made + dross + lost) == "97.60"
    assert mass.percent_floor(dross, made + dross + lost) == "2.07"


# What is refused, and that nothing else is the reason.


def test_there_are_eight_refusals_for_eight_different_reasons() -> None:
    assert len(refusals().events) == len(set(refusals().expected)) == 8
    assert all(refusals().why)


@pytest.mark.parametrize("number", range(8))
def test_a_false_event_is_refused_with_its_code(number: int) -> None:
    result = try_after_the_week(refusals().events[number])
    assert not result["ok"]
    assert result["error"]["code"] == refusals().expected[number]


def test_refusals_change_nothing() -> None:
    both = trial.run(story.to_ndjson(week()) + story.to_ndjson(refusals()))
    assert {k: v for k, v in both.items() if k != "results"} == {
        k: v for k, v in report().items() if k != "results"
    }


def _one_milligram_less(event: Envelope) -> None:
    event["body"]["amount"] = "1 641 193 503 mg"


def _the_slab_without_certificate(event: Envelope) -> None:
    event["body"]["lots"] = ["HB01/SL-3C"]


def _stated_by_who_has_the_slab(event: Envelope) -> None:
    event.update(party="HUAIBEI-AL", site="HB01")


def _a_waste_note_of_its_own(event: Envelope) -> None:
    event["evidence"][1]["sha256"] = story.document_hash("WN-2026-0119")


def _the_crops_instead_of_the_heel(event: Envelope) -> None:
    event["body"]["inputs"][0]["lot"] = "HB01/CROP-3"
    event["body"]["outputs"][0]["mass"] = "620 kg"


def _the_weight_within_the_tolerance(event: Envelope) -> None:
    event["body"]["lots"][0]["mass"] = "4.012 t"


def _a_sow_as_heavy_as_the_dross_allows(event: Envelope) -> None:
    event["body"]["outputs"][0]["mass"] = "300 kg"


@pytest.mark.parametrize(
    ("code", "put_right"),
    [
        ("CLAIM_EXCEEDS_ORIGIN", _one_milligram_less),
        ("CLAIM_ALREADY_USED", _the_slab_without_certificate),
        ("PERMISSION_DENIED", _stated_by_who_has_the_slab),
        ("TICKET_REUSED", _a_waste_note_of_its_own),
        ("HEEL_DISCONTINUITY", _the_crops_instead_of_the_heel),
        ("WEIGHT_MISMATCH", _the_weight_within_the_tolerance),
        ("ELEMENT_GAIN_OUT_OF_TOLERANCE", _a_sow_as_heavy_as_the_dross_allows),
    ],
)
def test_a_refused_event_is_accepted_once_its_one_fault_is_put_right(
    code: str, put_right: Callable[[Envelope], None]
) -> None:
    event = copy.deepcopy(refusals().events[refusals().expected.index(code)])
    put_right(event)
    assert try_after_the_week(event)["ok"]


def test_trim_can_be_declared_only_where_it_is_not_run_around_scrap() -> None:
    number = refusals().expected.index("SCRAP_SCOPE_SAME_PROCESS")
    told = read("story.toml").replace(
        'lot = "CZ01/TRIM-1"\nrole = "internal_scrap"', 'lot = "CZ01/TRIM-1"\nrole = "byproduct"'
    )
    assert told != read("story.toml")
    data = story.to_ndjson(story.load(told)) + encoding.canonical(refusals().events[number])
    assert all(result["ok"] for result in trial.run(data)["results"])


# Where the figures come from.

FIGURE = re.compile(r'"<?\d[\d ]*(\.\d+)? (t|kg|g|mg|%|ppm|ppb)"|\bwh = \d')
QUANTITY = re.compile(r"^\s*(assay|moisture|mass|gross|tare|amount)\s*=")


@pytest.mark.parametrize(("name", "at_least"), [("story.toml", 120), ("refused.toml", 9)])
def test_every_line_with_a_figure_says_where_it_comes_from(name: str, at_least: int) -> None:
    cited = 0
    for number, line in enumerate(read(name).splitlines(), start=1):
        told, _, comment = line.partition("  # ")
        is_word = 'amount = "all"' in told
        if (FIGURE.search(told) or QUANTITY.match(told)) and not is_word:
            assert re.search(r"\b(found|seed|memory|own)\b", comment), f"{name}:{number}: {line}"
            cited += 1
    assert cited >= at_least


def test_the_readme_lists_every_publication_and_table_that_is_cited() -> None:
    sources = read("README.md").partition("## Sources")[2]
    text = read("story.toml")
    cited = {*re.findall(r"found: ([A-Z]\w+(?: [A-Z]\w+)*)", text)}
    cited |= set(re.findall(r"\b(scrap_codes|process_yields|carbon_energy)\b", text))
    assert len(cited) >= 7
    assert not {name for name in cited if name not in sources}


def test_the_readme_prints_the_lots_as_they_are() -> None:
    table = read("README.md").partition("## What each lot")[2].partition("| certificate")[0]
    rows = re.findall(r"^\| `(\S+)` \| [^|]+ \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) >= 15
    for lot, shown in rows:
        page = by_class(lots()[lot]["Al"])
        whole = sum(page.values())
        shares = [mass.percent_floor(page[c], whole) if page[c] else "" for c in CLASSES]
        assert shown == " | ".join([f"{whole // 10**6:,}".replace(",", " "), *shares]), lot


def test_the_readme_prints_the_certificates_as_they_are() -> None:
    table = read("README.md").partition("| certificate")[2].partition("## ")[0]
    rows = re.findall(r"^\| `(\S+)` .*\| (\S+) % \| (\S+) % \| (\w+)", table, re.MULTILINE)
    made = certificates().items()
    assert {row[0]: row[1:] for row in rows} == {
        lot: (c["of_substance"], c["of_mass"], c["status"]) for lot, c in made
    }


def test_the_readme_explains_every_refusal() -> None:
    table = read("README.md").partition("## What is refused")[2].partition("## ")[0]
    codes = re.findall(r"^\|.*\| `(\w+)` \|", table, re.MULTILINE)
    assert codes == list(refusals().expected)
