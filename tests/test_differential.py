"""Random histories: the ledger against the second implementation, result by result, gram by gram.

TEST_SEEDS and TEST_EVENTS ask for more histories and longer ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ledger import trial
from ledger.book import vocabulary
from tests.oracle import case, cases, histories, model

SEEDS = int(os.environ.get("TEST_SEEDS", "12"))
EVENTS = int(os.environ.get("TEST_EVENTS", "250"))
T = case.T
Envelope = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Divergence:
    """Where the two read the contract differently on purpose (docs/decisions/0001, by hole).

    of: whether an envelope falls under it. example: one that does; what each says of it.
    """

    hole: int
    of: Callable[[Envelope], bool]
    example: Envelope
    oracle: str
    ledger: str


def _body(envelope: Envelope) -> Envelope:
    body = envelope.get("body")
    return body if isinstance(body, dict) else {}


def _nobody_has_a_role(envelope: Envelope) -> bool:
    return _body(envelope).get("roles") == []


def _run_of_nothing(envelope: Envelope) -> bool:
    """Only furnaces may begin or end a campaign with an empty list, says the oracle."""
    body = _body(envelope)
    lists = (body.get("inputs"), body.get("outputs"))
    plain = vocabulary.MECHANICAL | vocabulary.OTHER_STEPS
    return str(body.get("step")) in plain and [] in lists


def _private_name_is_no_word(envelope: Envelope) -> bool:
    private = envelope.get("private")
    return isinstance(private, dict) and "_sd" in private


def _no_minimum_for_splits(envelope: Envelope) -> bool:
    parameters = _body(envelope).get("parameters")
    minimum = parameters.get("split_minimum") if isinstance(parameters, dict) else None
    return minimum in (0, "0 t", "0 kg", "0 g", "0 mg")


REGISTRATION = {"country": "CN", "roles": ["lab"], "custody": "operator", "share": "open"}
NOTHING_STAMPED = {"run": "HB01/R-1", "step": "STAMP", "scope": "CAST", "inputs": [], "outputs": []}


def _registered(**more: Any) -> Envelope:
    return {
        "kind": "party_registered",
        "party": "OPERATOR",
        "occurred_at": "2026-03-03T00:00:00Z",
        "body": {"party": "LAB", **REGISTRATION},
        **more,
    }


DIVERGENCES = (
    Divergence(
        9,
        _nobody_has_a_role,
        _registered(body={"party": "LAB", **REGISTRATION, "roles": []}),
        oracle="FIELD_INVALID",
        ledger="",
    ),
    Divergence(
        9,
        _run_of_nothing,
        {
            "kind": "run_recorded",
            "party": "HUAIBEI-AL",
            "site": "HB01",
            "occurred_at": "2026-03-03T00:00:00Z",
            "body": NOTHING_STAMPED,
        },
        oracle="FIELD_INVALID",
        ledger="",
    ),
    Divergence(
        12,
        _private_name_is_no_word,
        _registered(private={"_sd": "a name that RFC 9901 keeps for itself"}),
        oracle="",
        ledger="FIELD_INVALID",
    ),
    Divergence(
        21,
        _no_minimum_for_splits,
        {
            "kind": "policy_set",
            "party": "OPERATOR",
            "occurred_at": "2026-03-03T00:00:00Z",
            "body": {"parameters": {"split_minimum": 0}, "tables": {}},
        },
        oracle="FIELD_INVALID",
        ledger="",
    ),
)


def on_common_ground(lines: list[bytes]) -> list[bytes]:
    """The lines of a history with those that fall under a divergence left blank."""
    return [b"" if _falls_under_one(line) else line for line in lines]


def _falls_under_one(line: bytes) -> bool:
    try:
        envelope = json.loads(line)
    except ValueError:
        return False
    return isinstance(envelope, dict) and any(one.of(envelope) for one in DIVERGENCES)


def outcome(result: Answer) -> tuple[int, bool, int | None, str | None]:
    return result["line"], result["ok"], result.get("n"), result.get("error", {}).get("code")


def differences(lines: list[bytes]) -> list[str]:
    """Everything that ledger and oracle see differently in a history; fields are not compared."""
    ours, theirs = trial.run(b"\n".join(lines)), model.run_lines(lines)
    wrong = [
        f"{outcome(our)}, oracle {outcome(their)}: {lines[our['line'] - 1]!r}"
        for our, their in zip(ours["results"], theirs["results"], strict=True)
        if outcome(our) != outcome(their)
    ]
    for part in ("lots", "accounts", "certificates"):
        for name in sorted({*ours[part], *theirs[part]}):
            our, their = ours[part].get(name), theirs[part].get(name)
            if our != their:
                wrong.append(f"{part} {name}: {our}, oracle {their}")
    return wrong


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_history_comes_out_the_same(seed: int) -> None:
    lines = on_common_ground(histories.history(seed, EVENTS))
    assert len([line for line in lines if line.strip()]) > 0.9 * EVENTS
    wrong = differences(lines)
    assert not wrong, "\n".join(wrong[:5])


@pytest.mark.parametrize("name", cases.EXAMPLES)
def test_a_worked_example_comes_out_the_same_in_every_account(name: str) -> None:
    for twist in cases.TWISTS:
        for one in cases.EXAMPLES[name](twist):
            assert not differences(one.lines)


@pytest.mark.parametrize("one", DIVERGENCES, ids=lambda one: f"hole {one.hole}: {one.of.__name__}")
def test_a_divergence_is_where_the_table_says_it_is(one: Divergence) -> None:
    lines = [*cases.start("divergence").lines, json.dumps(one.example).encode()]
    assert one.of(one.example)
    for answer, code in (
        (trial.run(b"\n".join(lines)), one.ledger),
        (model.run_lines(lines), one.oracle),
    ):
        last = answer["results"][-1]
        assert last.get("error", {}).get("code", "") == code


# Faults that histories found once, kept as they were found.


def finalized(story: case.Case, run: str, **assays: str) -> int:
    """The laboratory's word on HB01/X; gives its line."""
    outputs = [{"lot": "HB01/X", "assay": assays}]
    return story.at_home("run_finalized", {"run": run, "outputs": outputs})


def both(story: case.Case) -> Answer:
    """The ledger's answer, with which the oracle agrees."""
    assert not differences(story.lines)
    return trial.run(b"\n".join(story.lines))


def certified_melt() -> case.Case:
    """10 t POST melted to 9 t, all of it certified."""
    story = cases.start("finalised after a certificate")
    story.receive("HB01/A", "POST", 10 * T)
    cases.melt(story, "H-1", ["HB01/A"], [cases.output("HB01/X", 9 * T)])
    story.certify("HB01/X", "all")
    return story


@pytest.mark.parametrize(
    ("assays", "certified", "free", "lost"),
    [
        (["90 %"], 8_100_000_000, 0, 1_900_000_000),
        (["90 %", "80 %"], 7_200_000_000, 0, 2_800_000_000),
        (["90 %", "95 %"], 8_100_000_000, 450_000_000, 1_450_000_000),
        (["90 %", "95 %", "80 %"], 7_200_000_000, 0, 2_800_000_000),
    ],
)
def test_a_certificate_gets_no_gram_back_that_a_finalisation_took(
    assays: list[str], certified: int, free: int, lost: int
) -> None:
    story = certified_melt()
    for assay in assays:
        finalized(story, "HB01/H-1", Al=assay)
    answer = both(story)
    ((serial, certificate),) = answer["certificates"].items()
    assert answer["lots"]["HB01/X"]["Al"] == case.clean({f"POST/{serial}": certified, "POST": free})
    assert answer["accounts"]["loss:HB01/MELT"]["Al"] == {"POST": lost}
    assert (certificate["status"], certificate["held_mg"]) == ("DISPUTED", certified)


@pytest.mark.parametrize(
    ("al", "code"), [("99 %", "ELEMENT_GAIN_OUT_OF_TOLERANCE"), ("97 %", None)]
)
def test_a_finalisation_remembers_what_the_run_gained_before(al: str, code: str | None) -> None:
    """26 t of which nobody knows what they are give 1.675 t Mg, so at most 24.325 t Al besides."""
    story = cases.start("gain is never given back")
    material = {"metal": "aluminium", "form": "scrap"}
    external = {"external": True}
    story.at_home(
        "lot_received",
        {"lot": "HB01/A", "from": external, "material": material, "mass": 26 * T},
    )
    body = {"run": "HB01/R-1", "step": "STAMP", "scope": "CAST"}
    inputs = [{"lot": "HB01/A", "mass": "all"}]
    outputs = [{"lot": "HB01/X", "role": "product", "mass": 25 * T, "assay": {"Mg": "6.7 %"}}]
    story.at_home("run_recorded", {**body, "inputs": inputs, "outputs": outputs})
    line = finalized(story, "HB01/R-1", Al=al)
    answer = both(story)
    assert outcome(answer["results"][line - 1])[3] == code
    if code is None:
        gains = answer["accounts"]["gain:HB01"]
        assert gains == {"Mg": {"UNK": -1_675_000_000}, "Al": {"UNK": -24_250_000_000}}
        assert "Mg" not in answer["lots"]["HB01/X"]
        assert answer["accounts"]["loss:HB01/STAMP"] == {"Mg": {"UNK": 1_675_000_000}}
