"""What comes before any booking: keys, parties, sites, time; and the order of all refusals."""

from __future__ import annotations

import contextlib
import copy
import random
from typing import Any

import pytest

from ledger.book import jose, rules, shapes
from ledger.errors import ConflictError, FormatError, RuleError
from tests import harness
from tests.oracle import histories
from tests.unit.ledger.book import replay
from tests.unit.ledger.book.rules.conftest import Works

Event = dict[str, Any]
STRANGER = harness.private_key("stranger")


def policy_of(log: Works, party: str = harness.OPERATOR, **changes: Any) -> Event:
    body = {"parameters": changes, "tables": {}}
    return {"kind": "policy_set", "party": party, "body": body}


# Signatures and keys.


def test_a_statement_under_a_key_nobody_registered_is_refused(log: Works) -> None:
    assert log.code(log.record, policy_of(log), STRANGER) == "KEY_UNKNOWN"


def test_a_statement_under_another_partys_key_is_refused(log: Works) -> None:
    assert log.code(log.record, policy_of(log), log.keys["HEFEI"][0]) == "KEY_UNKNOWN"


def test_a_revoked_key_signs_no_more_and_another_key_of_the_party_does(log: Works) -> None:
    log.add_key("HEFEI", "second key")
    first, second = log.keys["HEFEI"]
    log.revoke_key("HEFEI", harness.kid_of(first))
    receipt = {"lot": "HF01/A", "from": {"external": True}, "mass": "1 t"}
    receipt["material"] = {"metal": "aluminium", "form": "scrap"}
    envelope = {"kind": "lot_received", "party": "HEFEI", "site": "HF01", "body": receipt}
    assert log.code(log.record, envelope, first) == "KEY_REVOKED"
    log.record(envelope, second)
    assert log.code(log.revoke_key, "HEFEI", harness.kid_of(first)) == "KEY_REVOKED"


def test_the_last_key_is_not_revoked_with_itself(log: Works) -> None:
    kid = harness.kid_of(log.keys["HEFEI"][0])
    body = {"party": "HEFEI", "kid": kid, "reason": "replaced"}
    assert log.code(log.state, "key_revoked", body, "HEFEI") == "PERMISSION_DENIED"
    log.state("key_revoked", body)


def test_a_turned_bit_in_a_statement_is_an_invalid_signature(log: Works) -> None:
    envelope = policy_of(log, strict=True)
    log.record(envelope)
    statement = log.entries[-1].statement
    head, payload, signature = statement.split(".")
    other = jose.b64url(jose.b64url_decode(payload, "x").replace(b"true", b"null"))
    assert log.code(log.append, f"{head}.{other}.{signature}", log.clock_ms) == "FIELD_INVALID"
    other = jose.b64url(jose.b64url_decode(payload, "x").replace(b"true", b"true "))
    assert log.code(log.append, f"{head}.{other}.{signature}", log.clock_ms) == "SIGNATURE_INVALID"


def test_a_key_is_registered_once_with_a_proof_of_possession(log: Works) -> None:
    body = {"party": "HEFEI", "custody": "self"}
    key = harness.private_key("new")
    good = log.new_key("HEFEI", key)
    for_another = log.new_key("WUHU", key)
    assert log.code(log.state, "key_added", body | for_another, "HEFEI") == "SIGNATURE_INVALID"
    by_another = good | {"proof": log.new_key("HEFEI", STRANGER)["proof"]}
    assert log.code(log.state, "key_added", body | by_another, "HEFEI") == "SIGNATURE_INVALID"
    assert log.code(log.state, "key_added", body | good, "WUHU") == "PERMISSION_DENIED"
    log.state("key_added", body | good, "HEFEI")
    assert log.code(log.state, "key_added", body | good, "HEFEI") == "FIELD_INVALID"


# Registrations.


def test_only_the_operator_registers_parties_and_sets_the_policy(log: Works) -> None:
    assert log.code(log.record, policy_of(log, "HEFEI")) == "PERMISSION_DENIED"
    assert log.code(log.party, "HEFEI") == "PARTY_DUPLICATE"
    body = {"party": "CABLE", "country": "CN", "roles": [], "custody": "operator", "share": "open"}
    body |= log.new_key("CABLE", STRANGER)
    assert log.code(log.state, "party_registered", body, "HEFEI") == "PERMISSION_DENIED"
    log.keys["NOBODY"] = [STRANGER]
    assert log.code(log.state, "party_registered", body, "NOBODY") == "KEY_UNKNOWN"


def site(site: str, party: str, **more: Any) -> Event:
    return {
        "party": party, "site": site, "type": "plant", "country": "CN", "scopes": [],
        "zone": "Asia/Shanghai", **more,
    }  # fmt: skip


def test_a_site_belongs_to_one_party_which_may_state_it_itself(log: Works) -> None:
    log.state("site_registered", site("HF03", "HEFEI"), "HEFEI")
    theirs = site("HF03", "WUHU")
    assert log.code(log.state, "site_registered", theirs, "HEFEI") == "PERMISSION_DENIED"
    assert log.code(log.state, "site_registered", theirs, "WUHU") == "SITE_DUPLICATE"
    assert log.code(log.state, "site_registered", site("XX01", "NOBODY")) == "PARTY_UNKNOWN"


def test_a_site_registered_again_gains_scopes_and_equipment_and_loses_none(log: Works) -> None:
    more = {"scopes": [{"id": "YARD", "level": "unit"}], "equipment": ["F3"]}
    log.state("site_registered", site("HF01", "HEFEI", **more, zone="Asia/Urumqi"), "HEFEI")
    found = log.memory.find("site:HF01")
    assert found is not None
    known: Any = found[1]
    assert known.scopes == ("MAIN", "ROLLING", "YARD")
    assert known.equipment == ("F1", "F2", "F3")
    assert known.zone == "Asia/Urumqi"


def test_a_log_is_opened_once(log: Works) -> None:
    body = dict(log.entries[0].event.payload["body"])
    assert log.code(log.state, "log_opened", body) == "FIELD_INVALID"


def test_a_parameter_holds_from_the_next_entry_and_one_not_given_keeps_its_value(
    log: Works,
) -> None:
    log.record(policy_of(log, split_minimum="5 t", evidence={"POST": ["photo"]}))
    log.record(policy_of(log, strict=True))
    found: Any = log.memory.find("log")
    parameters = found[1].parameters
    assert parameters["split_minimum"] == 5_000_000_000
    assert parameters["closure_tolerance"] == 5_000_000
    assert parameters["strict"] is True
    assert parameters["evidence"] == {"POST": ["photo"]}  # the table is replaced whole


# Party, site and time of any event.


def test_party_then_site_then_permission(log: Works) -> None:
    def state(party: str, site: str) -> str:
        body = {"lot": "HF01/NONE", "assay": {"Al": "1 %"}, "grade": "final"}
        more = {"site": site, "occurred_at": "2099-01-01T00:00:00Z"}
        return log.code(log.state, "assay_recorded", body, party, **more)

    assert state("HEFEI", "XX01") == "SITE_UNKNOWN"
    assert state("HEFEI", "WH01") == "PERMISSION_DENIED"
    assert state("HEFEI", "HF01") == "EVENT_IN_FUTURE"


@pytest.mark.parametrize(("ahead_ms", "code"), [(600_000, ""), (600_001, "EVENT_IN_FUTURE")])
def test_an_event_lies_at_most_ten_minutes_ahead_of_the_clock(
    ahead_ms: int, code: str, log: Works
) -> None:
    event = policy_of(log) | {"occurred_at": harness.rfc3339(log.clock_ms + ahead_ms)}
    if code:
        assert log.code(log.record, event) == code
    else:
        log.record(event)


def test_an_event_may_be_long_ago_where_no_lot_is_touched(log: Works) -> None:
    log.record(policy_of(log) | {"occurred_at": "1999-12-31T23:59:59Z"})


def test_a_statement_for_another_log_is_refused_before_anything_else(log: Works) -> None:
    event = policy_of(log) | {"log": "another.example/log", "party": "HEFEI"}
    assert log.code(log.record, event, STRANGER) == "LOG_MISMATCH"


# A run wrong in everything, put right step by step.


def test_the_refusals_of_a_run_come_in_the_order_of_the_page(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, {"POST": "100 %"})
    log.receive("HF01/CERTIFIED", "10 t", {"Al": "90 %"}, {"POST": "100 %"})
    log.certify(["HF01/CERTIFIED"], "Al")
    log.receive("HF01/ROAD", "1 t")
    log.send("HF01/K-1", ["HF01/ROAD"], "WH01")
    log.receive("WH01/THEIRS", "1 t")
    log.receive("HF02/ELSEWHERE", "1 t")
    log.receive("HF01/EMPTY", "1 t")
    log.run("HF01/R-0", "SHRED", {"HF01/EMPTY": "all"}, {})
    log.receive("HF01/LATE", "10 t", {"Al": "90 %"})
    late = log.entries[-1].event.occurred_at_ms
    body: Event = {
        "run": "HF01/R-0", "step": "STAMP", "scope": "NONE",
        "inputs": [{"lot": "HF01/NONE", "mass": "11 t"}],
        "outputs": [{"lot": "HF01/A", "role": "product", "mass": "20 t", "assay": {"Al": "1 %"}}],
    }  # fmt: skip
    order: list[tuple[str, Event]] = [
        ("LOT_UNKNOWN", {"inputs": "WH01/THEIRS"}),
        ("SCOPE_UNKNOWN", {"scope": "MAIN"}),
        ("RUN_DUPLICATE", {"run": "HF01/R-1"}),
        ("LOT_DUPLICATE", {"outputs": "HF01/B"}),
        ("PERMISSION_DENIED", {"inputs": "HF02/ELSEWHERE"}),
        ("LOT_ELSEWHERE", {"inputs": "HF01/ROAD"}),
        ("LOT_IN_TRANSIT", {"inputs": "HF01/EMPTY"}),
        ("LOT_CONSUMED", {"inputs": "HF01/CERTIFIED"}),
        ("LOT_CERTIFIED", {"inputs": "HF01/LATE"}),
        ("EVENT_OUT_OF_ORDER", {"occurred_at": harness.rfc3339(late)}),
        ("LOT_INSUFFICIENT", {"mass": "10 t"}),
        ("MASS_NOT_CLOSED", {"mass out": "10 t", "assay": {"Al": "95 %"}}),
        ("ELEMENT_GAIN_OUT_OF_TOLERANCE", {"assay": {"Al": "90 %"}}),
    ]
    occurred_at = harness.rfc3339(late - 1)
    for code, change in order:
        seen = log.code(
            log.at, "HF01", "run_recorded", copy.deepcopy(body), occurred_at=occurred_at
        )
        assert seen == code
        occurred_at = change.get("occurred_at", occurred_at)
        for name in ("scope", "run"):
            body[name] = change.get(name, body[name])
        body["inputs"][0]["lot"] = change.get("inputs", body["inputs"][0]["lot"])
        body["inputs"][0]["mass"] = change.get("mass", body["inputs"][0]["mass"])
        body["outputs"][0]["lot"] = change.get("outputs", body["outputs"][0]["lot"])
        body["outputs"][0]["mass"] = change.get("mass out", body["outputs"][0]["mass"])
        body["outputs"][0]["assay"] = change.get("assay", body["outputs"][0]["assay"])
    log.at("HF01", "run_recorded", body, occurred_at=occurred_at)


# Junk: whatever is sent, the answer is an entry or a refusal with a code.

JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 2**63, "", "all", "rest", "0 kg", "1 mg"),
    *("9007199254740991 mg", "100 %", "0 %", "<5 %", "\u202e", "HB01/HEEL-F1", "HB01/A", "x" * 50),
    *([], {}, [[]], {"a": 1}, "SPLIT", "MELT", "STORE", "UNK", "2026-03-02T09:15:00Z", "😀"),
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    pairs: list[Any] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [(value, key) for key, _ in pairs] + [p for _, inner in pairs for p in places(inner)]


@pytest.mark.parametrize("seed", [1, 2, 4, 9])
def test_whatever_is_sent_is_taken_or_refused_with_a_code(seed: int) -> None:
    dice, log = random.Random(seed), replay.Log()
    for envelope in replay.envelopes(histories.history(seed, 120, wrong=0.0)):
        for _ in range(6):
            spoiled = copy.deepcopy(envelope)
            spoiled.pop("id", None)
            container, key = dice.choice(places(spoiled))
            container[key] = copy.deepcopy(dice.choice(JUNK))
            with contextlib.suppress(FormatError, RuleError, ConflictError):
                log.record(spoiled)
        with contextlib.suppress(FormatError, RuleError, ConflictError):
            log.record(envelope)


def test_every_kind_of_event_has_its_rules() -> None:
    assert len(rules.KINDS) == len(shapes.SHAPES)
