"""Leaves: composed, taken apart, rechecked; and the private fields that never get into them."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import entry
from ledger.book import encoding, events, fold, jose, rules
from ledger.book.rules.draft import Outcome
from ledger.errors import ConflictError, FormatError, ProofError, RuleError
from tests import harness
from tests.unit.ledger.book import replay

Leaf = dict[str, Any]
Change = Callable[[Leaf], object]


@pytest.fixture(scope="module")
def log() -> harness.TestLedger:
    return harness.smelter(heats=2)[0]


def outcome_of(found: entry.Entry) -> Outcome:
    return Outcome(found.book, found.lots, found.reads)


# Composing and parsing.


def test_parsing_and_composing_again_gives_the_same_bytes(log: harness.TestLedger) -> None:
    for leaf in log.leaves:
        found = entry.parse(leaf)
        prev = bytes.fromhex(found.prev)
        assert entry.compose(found.n, found.at_ms, prev, found.statement, outcome_of(found)) == leaf


@pytest.mark.parametrize("seed", range(6))
def test_so_it_is_for_every_kind_of_event_in_random_histories(seed: int) -> None:
    for made in replay.told(seed).entries:
        found = entry.parse(made.leaf)
        assert (found.event.kind, found.at_ms) == (made.event.kind, made.at_ms)
        assert outcome_of(found) == made.outcome
        again = entry.compose(
            found.n, found.at_ms, entry.ZERO_HASH, found.statement, outcome_of(found)
        )
        assert again == made.leaf


def test_a_leaf_is_canonical_json_with_these_eight_members(log: harness.TestLedger) -> None:
    for n, leaf in enumerate(log.leaves):
        value = json.loads(leaf)
        assert list(value) == ["at", "book", "lots", "n", "prev", "reads", "statement", "v"]
        assert json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() == leaf
        assert (value["n"], value["v"]) == (n, 1)


def test_the_chain_links_every_leaf_to_the_one_before(log: harness.TestLedger) -> None:
    previous = bytes(32)
    for leaf in log.leaves:
        assert entry.parse(leaf).prev == previous.hex()
        previous = hashlib.sha256(b"\x00" + leaf).digest()
        assert entry.leaf_hash(leaf) == previous


def test_an_entry_of_65_535_bytes_is_the_largest() -> None:
    def composed(length: int) -> bytes:
        outcome = Outcome({}, {}, {})
        return entry.compose(1, 1, entry.ZERO_HASH, "x" * length, outcome)

    room = entry.ENTRY_MAX_BYTES - len(composed(0))
    assert len(composed(room)) == 65_535
    with pytest.raises(RuleError) as caught:
        composed(room + 1)
    assert caught.value.code == "ENTRY_TOO_LARGE"


def lot_of(leaf: Leaf) -> str:
    return str(next(iter(leaf["lots"])))


def page_of(leaf: Leaf) -> dict[str, Any]:
    """The first line of the first lot account."""
    account = next(name for name in leaf["book"] if name.startswith("lot:"))
    page: dict[str, Any] = next(iter(leaf["book"][account].values()))
    return page


def set_first_line(leaf: Leaf, shown: object) -> None:
    page = page_of(leaf)
    page[next(iter(page))] = shown


def set_note(leaf: Leaf, **changes: object) -> None:
    leaf["lots"][lot_of(leaf)].update(changes)


CHANGES: dict[str, Change] = {
    "a member more": lambda leaf: leaf.update(x=1),
    "a member less": lambda leaf: leaf.pop("reads"),
    "another version": lambda leaf: leaf.update(v=2),
    "a version that is true": lambda leaf: leaf.update(v=True),
    "a version as text": lambda leaf: leaf.update(v="1"),
    "n below zero": lambda leaf: leaf.update(n=-1),
    "n that is true": lambda leaf: leaf.update(n=True),
    "n as text": lambda leaf: leaf.update(n="5"),
    "at below zero": lambda leaf: leaf.update(at=-1),
    "at as text": lambda leaf: leaf.update(at="now"),
    "prev in capitals": lambda leaf: leaf.update(prev=leaf["prev"].upper()),
    "prev with a space": lambda leaf: leaf.update(prev=leaf["prev"][:63] + " "),
    "prev with spaces between": lambda leaf: leaf.update(prev="00 " * 31 + "00"),
    "prev too short": lambda leaf: leaf.update(prev=leaf["prev"][:62]),
    "prev of another type": lambda leaf: leaf.update(prev=0),
    "reads of itself": lambda leaf: leaf["reads"].update(log=leaf["n"]),
    "reads of the future": lambda leaf: leaf["reads"].update(log=leaf["n"] + 1),
    "reads below zero": lambda leaf: leaf["reads"].update(log=-1),
    "reads as a list": lambda leaf: leaf.update(reads=[]),
    "a read that is true": lambda leaf: leaf["reads"].update(log=True),
    "book as a list": lambda leaf: leaf.update(book=[]),
    "a lot's line without balance": lambda leaf: set_first_line(leaf, 5),
    "a lot's line with three numbers": lambda leaf: set_first_line(leaf, [1, 1, 1]),
    "a negative balance": lambda leaf: set_first_line(leaf, [-5, -5]),
    "a balance as text": lambda leaf: set_first_line(leaf, ["5", "5"]),
    "a delta that is true": lambda leaf: set_first_line(leaf, [True, 1]),
    "a nominal line with balance": lambda leaf: leaf["book"].update(
        {"sink:HF01": {"Al": {"UNK": [1, 1]}}}
    ),
    "a line of a long name": lambda leaf: leaf["book"].update(
        {"sink:HF01": {"Al": {"UNK/" + "A" * 80: 1}}}
    ),
    "a page that is a list": lambda leaf: leaf["book"].update({"lot:HF01/A": []}),
    "lots as a list": lambda leaf: leaf.update(lots=[]),
    "a note with a member more": lambda leaf: set_note(leaf, x=1),
    "a note with a member less": lambda leaf: leaf["lots"][lot_of(leaf)].pop("by"),
    "a mark that is a number": lambda leaf: set_note(leaf, marks=[1]),
    "mentions as text": lambda leaf: set_note(leaf, mentions="Al"),
    "a date that is true": lambda leaf: set_note(leaf, dated=True),
    "no statement": lambda leaf: leaf.update(statement=""),
    "a statement with a space": lambda leaf: leaf.update(statement=leaf["statement"] + " "),
    "a statement that is a number": lambda leaf: leaf.update(statement=5),
    "a float": lambda leaf: leaf.update(at=1.5),
}


def receipt_of(log: harness.TestLedger) -> bytes:
    """A leaf with a lot, a nominal account and reads."""
    kinds = [found.event.kind for found in log.entries]
    return log.leaves[kinds.index("lot_received")]


@pytest.mark.parametrize("what", CHANGES)
def test_a_leaf_with_a_fault_in_its_form_is_refused(what: str, log: harness.TestLedger) -> None:
    value = json.loads(receipt_of(log))
    CHANGES[what](value)
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert data != receipt_of(log)
    with pytest.raises(FormatError):
        entry.parse(data)


def test_a_leaf_that_no_log_can_hold_is_refused(log: harness.TestLedger) -> None:
    value = json.loads(receipt_of(log))
    value["book"]["loss:" + "x" * entry.ENTRY_MAX_BYTES] = {}
    with pytest.raises(FormatError, match="bytes, want at most 65535"):
        entry.parse(encoding.canonical(value))


def reordered(data: bytes) -> bytes:
    value = json.loads(data)
    return json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode()


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "a space before": lambda data: b" " + data,
    "a line end": lambda data: data + b"\n",
    "a space between": lambda data: data.replace(b'","', b'", "', 1),
    "a letter escaped": lambda data: data.replace(b'"at":', b'"\\u0061t":'),
    "a slash escaped": lambda data: data.replace(b"/", b"\\/", 1),
    "a number with a point": lambda data: data.replace(b'"v":1}', b'"v":1.0}'),
    "a number with an exponent": lambda data: data.replace(b'"v":1}', b'"v":1e0}'),
    "a name twice": lambda data: data.replace(b'"v":1}', b'"v":1,"v":1}'),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "another order": reordered,
    "a list around": lambda data: b"[" + data + b"]",
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_another_spelling_of_a_leaf_is_refused(how: str, log: harness.TestLedger) -> None:
    data = receipt_of(log)
    assert SPELLINGS[how](data) != data
    with pytest.raises(FormatError):
        entry.parse(SPELLINGS[how](data))


def test_an_entry_with_private_fields_in_the_clear_is_refused(log: harness.TestLedger) -> None:
    value = json.loads(receipt_of(log))
    payload = json.loads(entry.parse(receipt_of(log)).jws.payload)
    payload["private"] = {"note": "IMG_3312.jpg"}
    value["statement"] = entry.unsigned_statement(encoding.canonical(payload), "x" * 43)
    with pytest.raises(FormatError):
        entry.parse(encoding.canonical(value))


# Rechecking.


def test_every_entry_of_a_log_can_be_made_again(log: harness.TestLedger) -> None:
    assert log.check() == len(log.leaves)


@pytest.mark.parametrize("seed", range(6))
def test_the_rules_see_nothing_but_the_entries_that_are_named(seed: int) -> None:
    """Given the states of `reads` and nothing else they come to the same book, lots and reads."""
    for made in replay.told(seed).entries:
        rules.admit(made.event, made.knows)
        assert rules.decide(made.event, made.at_ms, made.knows, None) == made.outcome


def forged(found: entry.Entry, change: Change) -> tuple[str, str]:
    """Field and message of the refusal of an entry of which one thing was changed."""
    value: Leaf = {"book": copy.deepcopy(found.book), "lots": copy.deepcopy(found.lots)}
    value["reads"] = dict(found.reads)
    change(value)
    wrong = entry.Entry(
        found.n, found.at_ms, found.prev, value["book"], value["lots"], value["reads"],
        found.statement, found.jws, found.event,
    )  # fmt: skip
    with pytest.raises(ProofError) as caught:
        entry.compare(wrong, outcome_of(found))
    assert caught.value.code == "ENTRY_DIFFERS"
    return caught.value.field, caught.value.message


def melt_of(log: harness.TestLedger) -> entry.Entry:
    return next(e for e in log.entries if e.event.kind == "run_recorded" and e.event.site == "HF01")


def test_a_recheck_names_account_substance_and_line(log: harness.TestLedger) -> None:
    melt = melt_of(log)
    shown = melt.book["lot:HF01/INGOT-0"]["Al"]["POST"]

    def one_more(value: Leaf) -> None:
        value["book"]["lot:HF01/INGOT-0"]["Al"]["POST"] = [shown[0] + 1, shown[1] + 1]

    field, message = forged(melt, one_more)
    assert field == "book.lot:HF01/INGOT-0.Al.POST"
    assert f"entry {melt.n}: book: lot:HF01/INGOT-0 Al POST" in message
    assert f"the log says {[shown[0] + 1, shown[1] + 1]}, the rules say {shown}" in message


def test_a_recheck_notices_a_line_or_an_account_that_is_missing_or_too_much(
    log: harness.TestLedger,
) -> None:
    melt = melt_of(log)
    account = "lot:HF01/DROSS-0"
    assert forged(melt, lambda value: value["book"].pop(account))[0] == f"book.{account}"
    assert forged(melt, lambda value: value["book"][account]["Al"].pop("UNK"))[0].endswith("Al.UNK")
    more: Change = lambda value: value["book"].update({"gain:HF01": {"Al": {"UNK": -1}}})  # noqa: E731
    field, message = forged(melt, more)
    assert field == "book.gain:HF01"
    assert "the rules say nothing" in message


def test_a_recheck_notices_other_notes_and_other_reads(log: harness.TestLedger) -> None:
    melt = melt_of(log)
    note: Change = lambda value: value["lots"]["HF01/INGOT-0"].update(grade="final2")  # noqa: E731
    assert forged(melt, note)[0] == "lots.HF01/INGOT-0.grade"
    assert forged(melt, lambda value: value["reads"].update(log=1))[0] == "reads.log"


def test_an_entry_that_its_own_rules_forbid_is_refused_with_their_reason(
    log: harness.TestLedger,
) -> None:
    found = log.entries[-1]
    nothing = fold.Memory()
    nothing.objects["log"] = log.memory.objects["log"]
    with pytest.raises(ProofError) as caught:
        entry.recheck(found, nothing, rules.Signer(found.jws.kid, valid=True))
    assert caught.value.code == "ENTRY_DIFFERS"
    assert "KEY_UNKNOWN" in caught.value.message


def test_an_entry_with_a_bad_signature_is_refused(log: harness.TestLedger) -> None:
    found = log.entries[1]
    memory = fold.Memory()
    memory.apply(log.entries[0].facts(), log.origin)
    with pytest.raises(ProofError) as caught:
        entry.recheck(found, memory, rules.Signer(found.jws.kid, valid=False))
    assert "SIGNATURE_INVALID" in caught.value.message


def test_a_signature_is_that_of_the_key_whose_thumbprint_the_header_names(
    log: harness.TestLedger,
) -> None:
    found = log.entries[1]
    operator = jose.public_jwk(log.keys[harness.OPERATOR][0].public_key())
    stranger = jose.public_jwk(harness.private_key("stranger").public_key())
    assert entry.signature_valid(found, operator)
    assert not entry.signature_valid(found, stranger)


def test_the_first_difference_is_the_first_by_sorted_names() -> None:
    left, right = {"b": {"y": 1, "x": 2}, "a": 1}, {"b": {"y": 9, "x": 9}, "a": 1}
    assert entry.first_difference(left, right, ()) == (("b", "x"), 2, 9)
    assert entry.first_difference({"a": 1}, {}, ()) == (("a",), 1, "nothing")
    assert entry.first_difference(left, copy.deepcopy(left), ()) is None


# Idempotency.


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": {"lot": "A/1", "mass": "10 000 kg"}}, "body.mass"),
        ({"kind": "assay_recorded", "body": {}}, "kind"),
        ({"log": "elsewhere", "kind": "x"}, "log"),
        ({"evidence": []}, "evidence"),
        ({"occurred_at": "2026-03-02T09:15:00+00:00"}, "occurred_at"),
    ],
)
def test_a_changed_retry_names_the_field_that_differs(change: Leaf, field: str) -> None:
    first: Leaf = {
        "log": "try", "kind": "lot_received", "party": "HEFEI", "site": "HF01",
        "occurred_at": "2026-03-02T09:15:00Z", "body": {"lot": "A/1", "mass": "10 t"},
    }  # fmt: skip
    entry.refuse_other_content(first, dict(reversed(first.items())), "some-id")
    with pytest.raises(ConflictError) as caught:
        entry.refuse_other_content(first, {**first, **change}, "some-id")
    assert (caught.value.code, caught.value.field) == ("IDEMPOTENCY_CONFLICT", field)


# Private fields.

# RFC 9901 section 4.2.1 and 4.2.3: a disclosure and its digest.
RFC_DISCLOSURE = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
RFC_DIGEST = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


def test_a_disclosure_of_rfc_9901_has_the_digest_of_rfc_9901() -> None:
    found = entry.disclosure(RFC_DISCLOSURE)
    assert (found.name, found.value) == ("family_name", "Möbius")
    assert found.digest == RFC_DIGEST


def payload(**private: str) -> Leaf:
    return {
        "log": "try", "id": "0198c3a2-7b1e-7c3a-9f00-2b6f6d0c1a11", "kind": "policy_set",
        "party": "OPERATOR", "occurred_at": "2026-03-02T09:15:00Z",
        "body": {"parameters": {}, "tables": {}}, "private": private,
    }  # fmt: skip


SALTS = [bytes([i]) * 16 for i in range(16)]
values = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=20)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), values, max_size=5))
def test_what_is_concealed_is_found_again_and_stands_nowhere_else(private: dict[str, str]) -> None:
    clear, made = entry.conceal(payload(**private), SALTS[: len(private)])
    assert "private" not in clear
    event = events.decode(clear, signed=True)
    found = entry.match_disclosures(event, [disclosure.text for disclosure in made])
    assert {disclosure.name: disclosure.value for disclosure in found} == private
    assert clear.get("_sd", []) == sorted(disclosure.digest for disclosure in made)


def test_a_digest_is_the_hash_of_the_text_that_travels() -> None:
    clear, (made,) = entry.conceal(payload(note="冷轧"), SALTS[:1])
    salt, name, value = json.loads(base64.urlsafe_b64decode(made.text + "=="))
    assert (salt, name, value) == (jose.b64url(SALTS[0]), "note", "冷轧")
    digest = hashlib.sha256(made.text.encode()).digest()
    assert clear["_sd"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
    assert clear["_sd_alg"] == "sha-256"


def test_nothing_private_needs_no_digests() -> None:
    clear, made = entry.conceal(payload(), [])
    assert not made
    assert "_sd" not in clear
    assert "_sd_alg" not in clear


def test_the_same_value_under_another_salt_has_another_digest() -> None:
    one, _ = entry.conceal(payload(note="x"), [SALTS[0]])
    two, _ = entry.conceal(payload(note="x"), [SALTS[1]])
    assert one["_sd"] != two["_sd"]


def disclosed(*members: object) -> str:
    return jose.b64url(json.dumps(members).encode())


@pytest.mark.parametrize(
    "text",
    [
        *(disclosed("salt", "note"), disclosed("salt", "note", "x", "y"), disclosed()),
        *(disclosed(1, "note", "x"), disclosed("salt", 1, "x"), jose.b64url(b'{"a":1}')),
        *(jose.b64url(b"no json"), RFC_DISCLOSURE + "=", RFC_DISCLOSURE + "\n", "", "é"),
    ],
)
def test_what_is_no_disclosure_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        entry.disclosure(text)


def test_a_disclosure_of_another_statement_or_given_twice_is_refused() -> None:
    clear, (note, seller) = entry.conceal(payload(note="x", seller="y"), SALTS[:2])
    event = events.decode(clear, signed=True)
    assert len(entry.match_disclosures(event, [seller.text, note.text])) == 2
    assert len(entry.match_disclosures(event, [note.text])) == 1
    for wrong in ([RFC_DISCLOSURE], [note.text, note.text], [disclosed("salt", "note", "x")]):
        with pytest.raises(FormatError) as caught:
            entry.match_disclosures(event, wrong)
        assert caught.value.code == "FIELD_INVALID"
