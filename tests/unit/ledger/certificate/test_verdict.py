from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ledger.certificate import policy, verdict, verify
from tests import harness


def lines(found: verdict.Verdict) -> dict[str, str]:
    """The named lines of the text, with the rows that a screen breaks them into joined again."""
    said: dict[str, str] = {}
    name = ""
    for row in verdict.text(found).splitlines()[1:]:
        assert len(row) <= verdict.WIDTH or name == "WHY" or row.startswith("WHY")
        name = row[: verdict.INDENT].strip() or name
        said[name] = f"{said.get(name, '')} {row[verdict.INDENT :]}".strip()
    return said


def test_the_verdict_is_six_lines_and_never_one_green_word(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, smelter.policy)
    assert lines(found) == {
        "IN THE LOG": "yes, size 38, log demo.remelt.example/anhui, seen by no witness you named",
        "ARITHMETIC": "recomputed, 38 entries; POST+PRE in the Al of the certified lots: "
        "proven at least 40.00 % (stated 40.00 %); of the whole mass: proven at least 38.48 % "
        "(stated 38.48 %)",
        "NOT SPENT TWICE": "not shown",
        "NOT REVOKED": "as of the checkpoint above, on the word of whoever made this file: a "
        "revocation that it leaves out does not show",
        "MADE OUT TO": "Cable Co. (CABLE)",
        "ON WHOSE WORD": "5.38 t of the claim: 3.82 t Tongling Co. (TONGLING) (self-held key, "
        "waste note and weigh ticket, both sides signed) · 1.56 t Hefei Co. (HEFEI) (custodial "
        "key, waste note and weigh ticket)",
    }
    assert verdict.text(found).splitlines()[0] == (
        "Certificate MYH2-0Y84-7YQ7, issued 2026-03-02T00:37:00Z by Hefei Co. (HEFEI): "
        "meets the policy"
    )


def test_what_is_cut_is_said_to_count_as_primary(smelter: Any) -> None:
    data = smelter.log.dossier(smelter.issued, budget_bytes=40_000)
    found = verify.verify(data, smelter.policy)
    assert found.arithmetic is not None
    assert f"at least {found.arithmetic.proven} % (stated 40.00 %)" in lines(found)["ARITHMETIC"]
    assert lines(found)["ON WHOSE WORD"].endswith("not shown, counted as primary")


def test_a_stranger_is_announced_loudly(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, None)
    assert found.status == verdict.STRANGER
    assert verdict.text(found).startswith("SIGNED BY NOBODY YOU NAMED: ")
    assert "which your policy does not name" in lines(found)["IN THE LOG"]
    assert not lines(found)["IN THE LOG"].startswith("yes")


def test_a_refusal_says_step_entry_account_and_line(heat: Any) -> None:
    def alter(outcome: Any) -> None:
        shown = outcome.book["lot:HF01/INGOT-0"]["Al"]["POST"]
        shown[:] = [shown[0] + 1, shown[1] + 1]

    made = next(e for e in heat.log.entries if "lot:HF01/INGOT-0" in e.book)
    forged = heat.log.forge({made.n: alter})
    found = verify.verify(forged.dossier(forged.entries[-1]), forged.policy())
    text = verdict.text(found)
    assert text.startswith("REFUSED: do not rely on this dossier\n")
    assert f"step 6 (rules), entry {made.n}, lot:HF01/INGOT-0, Al POST" in text
    assert "ENTRY_DIFFERS: " in text
    assert "ARITHMETIC" not in text


def test_a_revoked_certificate_is_refused_in_its_first_line() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    revoked = log.revoke(issued, "dispute")
    found = verify.verify(log.dossier(issued, later_entries=[revoked.n]), log.policy())
    assert verdict.text(found).startswith("REFUSED: this certificate is REVOKED\n")
    assert lines(found)["NOT REVOKED"] == f"REVOKED by entry {revoked.n}, reason: dispute"


def test_an_unreadable_file_says_so() -> None:
    text = verdict.text(verify.verify(b"{", None))
    assert text.startswith("UNREADABLE: ")
    assert "step 1 (decode), the file" in text


def test_a_certificate_made_out_to_nobody_is_to_be_checked_online() -> None:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    nobody = log.certify(["HF01/A"], "Al", amount="1 t", valid_until="2027-03-01")
    outside = log.certify(["HF01/A"], "Al", amount="1 t", holder={"external": True})
    said = lines(verify.verify(log.dossier(nobody), log.policy()))["MADE OUT TO"]
    assert said == "nobody: check online before you rely on it; valid until 2027-03-01"
    said = lines(verify.verify(log.dossier(outside), log.policy()))["MADE OUT TO"]
    assert said == "somebody outside this log"


def test_declared_scrap_and_later_assays_are_named_as_what_they_are() -> None:
    log = harness.yard()
    log.receive("HF01/P", "10 t", {"Al": "90 %"}, {"PRIM": "100 %"}, evidence=["invoice"])
    log.run("HF01/R", "STAMP", {"HF01/P": "all"}, {"HF01/W": ("9 t", {"Al": "99 %"})})
    log.declare("HF01/W", "PRE", "HF01/MAIN")
    issued = log.certify(["HF01/W"], "Al", classes=["PRE"])
    word = lines(verify.verify(log.dossier(issued), log.policy()))["ON WHOSE WORD"]
    assert "(custodial key, scrap declaration, declared as scrap)" in word


def test_as_json_it_is_the_same_data_and_the_same_lines(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, smelter.policy)
    data = json.loads(json.dumps(verdict.as_dict(found)))
    assert data["status"] == 0
    assert data["refusal"] is None
    assert data["arithmetic"]["proven_mg"] == data["arithmetic"]["claimed_mg"] == 5_387_200_000
    assert sum(data["arithmetic"]["claimed"].values()) == 5_387_200_000
    assert sum(word["mass_mg"] for word in data["words"]) == 5_387_200_000
    assert data["in_log"]["size"] == 38
    assert data["lines"] == lines(found)
    assert (data["witnesses"], data["not_spent_twice"]) == ([], None)
    assert data["seen"] == {
        "witnesses": 0, "of_witnesses": 0, "auditors": 0, "of_auditors": 0,
        "latest": None, "as_of": None,
    }  # fmt: skip


def test_nothing_in_a_file_can_move_the_cursor_or_turn_text_around(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, smelter.policy)
    assert found.certificate is not None
    evil = replace(found.certificate, holder_name="\x1b[2J\u202eevil\n\ud800")
    text = verdict.text(replace(found, certificate=evil))
    assert not set("\x1b\u202e\ud800") & set(text)
    named = [row for row in text.splitlines()[1:] if row[: verdict.INDENT].strip()]
    assert [row[: verdict.INDENT].strip() for row in named] == list(lines(found))
    assert "\x1b" not in json.dumps(verdict.as_dict(replace(found, certificate=evil))["lines"])


@pytest.mark.parametrize(
    ("mass_mg", "said"),
    [
        (0, "0 mg"), (999, "999 mg"), (1_000, "1.00 g"), (1_999_999, "1.99 kg"),
        (999_999_999, "999.99 kg"), (5_109_999_999, "5.10 t"), (2**53 - 1, "9,007,199.25 t"),
    ],
)  # fmt: skip
def test_masses_for_reading_are_rounded_down(mass_mg: int, said: str) -> None:
    assert verdict.roughly(mass_mg) == said


def test_times_beyond_the_calendar_are_not_shown() -> None:
    assert verdict.time_of(1_772_409_600_000) == "2026-03-02T00:00:00Z"
    assert verdict.time_of(10**19) == "?"


def test_a_policy_that_wants_witnesses_reads_what_is_missing(smelter: Any) -> None:
    vkey = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    buyer = smelter.log.policy(witnesses=(policy.Witness("W", vkey),), quorum="W")
    text = verdict.text(verify.verify(smelter.dossier, buyer))
    assert "step 3 (cosignatures)" in text
    assert "the policy wants the cosignatures of W: not shown" in text


# Whose eyes: docs/format.md, Verification.

AT = 1_772_409_600  # 2026-03-02T00:00:00Z


def witnessed(smelter: Any, times: dict[str, int], *, budget_bytes: int = 0) -> verdict.Verdict:
    """The verdict of a buyer who wants two of three witnesses and knows two auditors."""
    log = smelter.log
    names = ("w1", "w2", "w3", "anhui", "hubei")
    buyer = log.policy(
        witnesses=tuple(policy.Witness(n, harness.witness(n).cosigner.vkey) for n in names),
        groups=(
            policy.Group("witnesses", 2, ("w1", "w2", "w3")),
            policy.Group("auditors", 1, ("anhui", "hubei")),
        ),
    )
    more = {"budget_bytes": budget_bytes} if budget_bytes else {}
    signed = harness.cosigned(log.checkpoint(), times)
    return verify.verify(log.dossier(smelter.issued, checkpoint=signed, **more), buyer)


def test_who_saw_it_and_when_and_who_audited_it_is_said_by_name(smelter: Any) -> None:
    found = witnessed(smelter, {"w1": AT + 9, "w3": AT + 4, "anhui": AT + 12})
    said = lines(found)
    assert said["IN THE LOG"] == (
        "yes, size 38, log demo.remelt.example/anhui, seen by 2 of 3 witnesses and 1 of 2 "
        "auditing witnesses, latest 2026-03-02T00:00:12Z"
    )
    assert said["NOT SPENT TWICE"] == "on the word of auditing witness anhui up to size 38"
    assert said["NOT REVOKED"].startswith(
        "as of the checkpoint above, seen 2026-03-02T00:00:12Z, on the word of whoever made"
    )
    assert "difference" not in said["ARITHMETIC"]
    data = json.loads(json.dumps(verdict.as_dict(found)))
    assert data["witnesses"] == [
        {"name": "anhui", "counted_as": "auditor", "time": "2026-03-02T00:00:12Z"},
        {"name": "w1", "counted_as": "witness", "time": "2026-03-02T00:00:09Z"},
        {"name": "w3", "counted_as": "witness", "time": "2026-03-02T00:00:04Z"},
    ]
    assert data["seen"] == {
        "witnesses": 2, "of_witnesses": 3, "auditors": 1, "of_auditors": 2,
        "latest": "2026-03-02T00:00:12Z", "as_of": "2026-03-02T00:00:12Z",
    }  # fmt: skip
    assert data["not_spent_twice"] == {"auditors": ["anhui"], "size": 38}


def test_ordinary_witnesses_say_nothing_of_grams_spent_twice(smelter: Any) -> None:
    said = lines(witnessed(smelter, {"w1": AT, "w2": AT, "w3": AT}))
    assert "seen by 3 of 3 witnesses, latest 2026-03-02T00:00:00Z" in said["IN THE LOG"]
    assert said["NOT SPENT TWICE"] == "not shown"
    assert "seen by no witness you named" in lines(witnessed(smelter, {"x": AT}))["IN THE LOG"]


@pytest.mark.parametrize(
    ("times", "who"),
    [
        ({}, "nobody"),
        ({"w1": AT, "w2": AT, "w3": AT}, "nobody"),
        ({"hubei": AT}, "auditing witness hubei"),
        ({"hubei": AT, "anhui": AT}, "auditing witnesses anhui and hubei"),
    ],
)
def test_what_is_stated_and_not_proven_rests_on_auditors_or_on_nobody(
    smelter: Any, times: dict[str, int], who: str
) -> None:
    found = witnessed(smelter, times, budget_bytes=40_000)
    assert found.arithmetic is not None
    assert found.arithmetic.proven_mg < found.arithmetic.claimed_mg
    assert lines(found)["ARITHMETIC"].endswith(f"; the difference rests on {who}")
