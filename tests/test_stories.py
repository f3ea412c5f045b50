"""The example stories: taken, refused and computed as they should be.

Each folder of examples/ with a story.toml is one. tests/test_examples.py says more of aluminium.
"""

from __future__ import annotations

import copy
import datetime
import functools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger import trial
from ledger.book import encoding, lines
from ledger.exchange import story
from tests import paper

EXAMPLES = Path(__file__).parent.parent / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/story.toml"))
NEWER = ["battery", "copper", "lead"]  # whose pages have the tables that are read here
CLASSES = ("POST", "BMW", "PRE", "PRIM", "UNK")
ROUNDING_MG = 60  # what floors and largest remainders may move on one line of one lot
Envelope = dict[str, Any]

every_story = pytest.mark.parametrize("folder", FOLDERS)
newer_story = pytest.mark.parametrize("folder", NEWER)


@functools.cache
def read(folder: str, name: str) -> str:
    return (EXAMPLES / folder / name).read_text(encoding="utf-8")


@functools.cache
def told(folder: str) -> story.Story:
    return story.load(read(folder, "story.toml"))


@functools.cache
def refusals(folder: str) -> story.Story:
    return story.load(read(folder, "refused.toml"))


@functools.cache
def report(folder: str) -> dict[str, Any]:
    return trial.run(story.to_ndjson(told(folder)))


@functools.cache
def on_paper(folder: str) -> paper.Paper:
    return paper.follow(told(folder).events)


@functools.cache
def lots(folder: str) -> dict[str, lines.Balances]:
    """Every lot as it was when it weighed most, the later of equals."""
    log = trial.Trial()
    seen: dict[str, lines.Balances] = {}
    for number, event in enumerate(told(folder).events, start=1):
        log.record(number, encoding.canonical(event))
        for lot, balances in log.totals.shown_lots().items():
            if balances and lines.wet_mg(balances) >= lines.wet_mg(seen.get(lot, {})):
                seen[lot] = copy.deepcopy(balances)
    return seen


def by_class(page: lines.Lines) -> dict[str, int]:
    totals = dict.fromkeys(CLASSES, 0)
    for line, mass_mg in page.items():
        totals[line.partition("/")[0]] += mass_mg
    return totals


def certificates(folder: str) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """By lot, classes, substance and status."""
    made = {}
    for c in sorted(report(folder)["certificates"].values(), key=lambda c: c["line"]):
        body = told(folder).events[c["line"] - 1]["body"]
        made[body["lots"][0], "+".join(body["classes"]), c["substance"], c["status"]] = c
    return made


# The story is taken, all of it.


@every_story
def test_every_event_is_accepted_and_says_what_it_is_about(folder: str) -> None:
    refused = [result for result in report(folder)["results"] if not result["ok"]]
    assert not refused
    assert not any(told(folder).expected)
    assert all(told(folder).why)


@every_story
def test_a_story_has_its_size_and_is_told_in_order(folder: str) -> None:
    events = told(folder).events
    assert 20 <= len(events) <= 60
    times = [datetime.datetime.fromisoformat(event["occurred_at"]) for event in events]
    assert times == sorted(times)
    parties = {e["body"]["party"] for e in events if e["kind"] == "party_registered"}
    assert 3 <= len(parties) <= 5
    assert {event["party"] for event in events} == {*parties, trial.OPERATOR}
    custody = {e["body"]["custody"] for e in events if e["kind"] == "party_registered"}
    assert custody == {"self", "operator"}


def test_all_stories_fit_into_one_log() -> None:
    whole = b"".join(story.to_ndjson(told(folder)) for folder in FOLDERS)
    assert all(result["ok"] for result in trial.run(whole)["results"])


# What it comes to.

CERTIFIED: dict[str, dict[tuple[str, str, str, str], tuple[dict[str, int], int, str, str]]] = {
    "battery": {
        ("AQ01/NISO4-1", "BMW", "Ni", "VALID"): ({"BMW": 576847603}, 576847603, "15.94", "3.55"),
        ("AQ01/NISO4-1", "POST", "Ni", "VALID"): (
            {"POST": 1594636216}, 1594636216, "44.06", "9.83",
        ),
        ("AQ01/COSO4-1", "POST+BMW", "Co", "VALID"): (
            {"POST": 534434657, "BMW": 193180335}, 727614992, "77.52", "16.24",
        ),
        ("AQ01/LI2CO3-1", "POST+BMW", "Li", "VALID"): (
            {"POST": 288870794, "BMW": 104978902}, 393849696, "87.19", "16.27",
        ),
    },
    "copper": {
        ("TL01/CATH-1A", "POST", "Cu", "DRAWN"): ({"POST": 6474292145}, 0, "53.95", "53.95"),
        ("TL01/CATH-2", "POST+PRE", "Cu", "VALID"): (
            {"POST": 3934688517, "PRE": 3065003203}, 6999691720, "46.63", "46.63",
        ),
        ("CI01/ROD-A", "POST", "Cu", "REVOKED"): ({"POST": 2266892880}, 0, "23.00", "22.99"),
        ("CI01/ROD-A", "POST", "Cu", "VALID"): ({"POST": 3189746827}, 3189746827, "32.36", "32.35"),
    },
    "lead": {
        ("JP01/SOFT-1A", "POST+BMW", "Pb", "VALID"): (
            {"POST": 4134206816, "BMW": 374592121}, 4504290138, "90.18", "90.17",
        ),
        ("JP01/ALLOY-1", "POST", "Pb", "VALID"): (
            {"POST": 5213169014}, 5213169014, "89.39", "86.31",
        ),
        ("JP01/ALLOY-1", "POST", "Sb", "VALID"): ({"POST": 88714235}, 88714235, "50.12", "1.46"),
        ("JP01/SOFT-1B", "POST+BMW", "Pb", "VALID"): (
            {"POST": 3042776216, "BMW": 84754584}, 3127530800, "85.00", "84.98",
        ),
    },
}  # fmt: skip


@newer_story
def test_the_certificates_say_exactly_this(folder: str) -> None:
    assert {
        name: (c["claimed_mg"], c["held_mg"], c["of_substance"], c["of_mass"])
        for name, c in certificates(folder).items()
    } == CERTIFIED[folder]
    assert len(report(folder)["certificates"]) == len(CERTIFIED[folder])


@every_story
def test_every_certificate_agrees_with_pencil_and_paper(folder: str) -> None:
    """Claimed milligrams by class, and the percentage rounded down, from proportions alone."""
    for number, c in report(folder)["certificates"].items():
        event = told(folder).events[c["line"] - 1]
        sums = dict(on_paper(folder).claims[event["id"], event["body"]["lots"][0]])
        whole = sums.pop("whole")
        claimed = {name: mg for name, mg in sums.items() if mg}
        assert set(claimed) == set(c["claimed_mg"]), number
        assert all(abs(c["claimed_mg"][n] - mg) < ROUNDING_MG for n, mg in claimed.items()), number
        share = Fraction(10_000) * sum(claimed.values()) / whole
        assert c["of_substance"] == f"{int(share) // 100}.{int(share) % 100:02}", number


@every_story
def test_every_lot_agrees_with_pencil_and_paper(folder: str) -> None:
    """Every element and class of every lot that is left at the end, to a few milligrams."""
    compared = 0
    for lot, balances in report(folder)["lots"].items():
        for element in sorted(set(balances) - {"OTHER", "H2O"}):
            booked = by_class(balances[element])
            sums = on_paper(folder).lots[lot].metal[element]
            for name in CLASSES:
                assert abs(booked[name] - sums.get(name, Fraction(0))) < ROUNDING_MG, (
                    lot,
                    element,
                    name,
                )
                compared += 1
    assert compared > 90


@every_story
def test_no_milligram_is_lost_or_made_between_source_and_sink(folder: str) -> None:
    """Received = on lots, on the road, delivered, lost, less gained; per element and class."""
    pages = [*report(folder)["lots"].values(), *report(folder)["accounts"].values()]
    sums: dict[str, dict[str, int]] = {}
    for balances in pages:
        for substance, page in balances.items():
            mine = sums.setdefault(substance, {})
            for line, mass_mg in page.items():
                name = line.partition("/")[0]
                mine[name] = mine.get(name, 0) + mass_mg
    assert all(sum(page.values()) == 0 for page in sums.values())
    declared = {e["body"]["class"] for e in told(folder).events if e["kind"] == "scrap_declared"}
    moved = {e: {n for n, mg in page.items() if mg} for e, page in sums.items()}
    assert all(names in (set(), {"PRIM", *declared}) for names in moved.values())


@every_story
def test_what_came_in_is_what_the_papers_say(folder: str) -> None:
    sources: dict[str, int] = {}
    for account, balances in report(folder)["accounts"].items():
        if account.startswith("source:"):
            for element in set(balances) - {"OTHER", "H2O"}:
                mass_mg = lines.substance_mg(balances, element)
                sources[element] = sources.get(element, 0) - mass_mg
    received = {element: mg for element, mg in on_paper(folder).received.items() if mg}
    assert set(sources) == set(received)
    assert all(abs(sources[e] - mg) < ROUNDING_MG for e, mg in received.items())


@newer_story
def test_nothing_grows(folder: str) -> None:
    assert not [account for account in report(folder)["accounts"] if account.startswith("gain:")]


@newer_story
def test_no_story_loses_more_of_its_metals_than_is_usual(folder: str) -> None:
    """The metals the story is about; traces may go up a chimney."""
    main = {"battery": ("Ni", "Co", "Mn", "Li", "Cu"), "copper": ("Cu",), "lead": ("Pb", "Sb")}
    received = on_paper(folder).received
    for element in main[folder]:
        lost = sum(
            lines.substance_mg(balances, element)
            for account, balances in report(folder)["accounts"].items()
            if account.startswith("loss:")
        )
        assert 0 < lost < received[element] * Fraction(5, 100), element


# What is refused, and that nothing else is the reason.

Fix = list[tuple[tuple[str | int, ...], Any]]
PUT_RIGHT: dict[str, dict[int, Fix]] = {
    "battery": {
        0: [(("body", "outputs", 0, "mass"), "180 kg")],
        1: [(("evidence", 1, "sha256"), story.document_hash("VS-2026-0427"))],
        3: [(("body", "classes"), ["BMW"])],
        4: [(("body", "step"), "CRUSH")],
        5: [(("body", "amount"), "600 kg")],
        6: [(("body", "lots"), ["AQ01/MNSO4-1"]), (("body", "substance"), "Mn")],
    },
    "copper": {
        2: [(("body", "from"), {"external": True})],
        3: [(("body", "ticket"), "FC-26-0190")],
        4: [(("body", "outputs", 0, "mass"), "9.70 t")],
        5: [(("body", "lots"), ["TL01/CATH-1B"])],
        6: [(("body", "to"), {"party": "CHIZHOU-ROD", "site": "CI01"})],
        7: [(("body", "amount"), "32.36 %")],
    },
    "lead": {
        0: [(("body", "outputs", 0, "moisture"), "11.0 %")],
        1: [(("body", "additions"), [{"name": "wash_water", "mass": "400 kg"}])],
        2: [
            (("body", "lots"), ["TH01/RINK-0402"]),
            (("party",), "TAIHE-BREAK"),
            (("site",), "TH01"),
        ],
        4: [(("body", "ticket_part"), 2)],
        6: [(("occurred_at",), "2026-04-03T09:00:00+08:00")],
        7: [(("body", "lots", 0, "mass"), "3.68 t")],
    },
}


@newer_story
def test_each_refusal_has_its_code(folder: str) -> None:
    assert 4 <= len(refusals(folder).events) <= 8
    assert all(refusals(folder).why)
    data = story.to_ndjson(told(folder))
    for event, expected in zip(refusals(folder).events, refusals(folder).expected, strict=True):
        result = trial.run(data + encoding.canonical(event))["results"][-1]
        assert not result["ok"]
        assert result["error"]["code"] == expected, result


@every_story
def test_refusals_change_nothing(folder: str) -> None:
    both = trial.run(story.to_ndjson(told(folder)) + story.to_ndjson(refusals(folder)))
    assert {k: v for k, v in both.items() if k != "results"} == {
        k: v for k, v in report(folder).items() if k != "results"
    }


@pytest.mark.parametrize(
    ("folder", "number"), [(folder, number) for folder in NEWER for number in PUT_RIGHT[folder]]
)
def test_a_refused_event_is_accepted_once_its_one_fault_is_put_right(
    folder: str, number: int
) -> None:
    event = copy.deepcopy(refusals(folder).events[number])
    for path, value in PUT_RIGHT[folder][number]:
        place: Any = event
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    data = story.to_ndjson(told(folder)) + encoding.canonical(event)
    assert trial.run(data)["results"][-1]["ok"]


def test_documents_and_names_of_one_story_are_not_those_of_another() -> None:
    """So that all of them can be played into one log, in any order."""
    seen: dict[str, str] = {}
    for folder in FOLDERS:
        names = set()
        for event in told(folder).events:
            body = event["body"]
            names |= {d["sha256"] for d in event.get("evidence", ())}
            names |= {json.dumps(body[n]) for n in ("run", "consignment", "site") if n in body}
        assert not [name for name in names if seen.setdefault(name, folder) != folder]
