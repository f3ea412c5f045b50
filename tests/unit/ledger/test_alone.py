"""Entries checked alone, in any order, and what is then checked in the order of the log.

The yardstick is ledger/audit.py, which carries every state along: both must name the same entry.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger import alone, entry
from ledger.book import encoding, fold, jose
from ledger.errors import FormatError, LedgerError, ProofError
from ledger.tlog import tree
from tests import harness
from tests.audit import both

SEEDS = int(os.environ.get("TEST_SEEDS", "6"))
Alter = Callable[[both.Leaf], object]


def same(leaves: list[bytes], log: harness.TestLedger, seed: int = 1) -> both.Found:
    """What both find in the leaves; they must name the same entry."""
    found = both.apart(leaves, log.origin, shuffled=seed)
    carried = both.sequentially(leaves, log.signer.verifier)
    assert (found and found[0]) == (carried and carried[0]), (found, carried)
    return found


@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_an_honest_history_is_clean_in_any_order(seed: int) -> None:
    log = both.told(seed, 150)
    assert len(log.leaves) > 80
    assert same(log.leaves, log, seed) is None


def test_the_history_of_a_dishonest_operator_is_refused_at_the_same_entry() -> None:
    """Objects set back, tickets forgotten, ids used again: some of it is never noticed by anyone
    because nothing was made of it, and everything that matters is."""
    found = []
    for seed in range(100, 100 + SEEDS):
        log = both.told(seed, 100, lies=0.15)
        found.append(same(log.leaves, log, seed))
    assert len([f for f in found if f is not None]) > SEEDS // 2


@pytest.fixture(scope="module")
def story() -> harness.TestLedger:
    """Every kind of object, each touched more than once: what a smelter does, and registers."""
    log, issued = harness.smelter(1)
    log.state("policy_set", {"parameters": {"scale_tolerance": "1 %"}, "tables": {}})
    log.add_key("CABLE", "second")
    log.revoke_key("CABLE", harness.kid_of(log.keys["CABLE"][1]))
    log.site("HF01", "HEFEI", equipment=["F1", "F2"])
    log.receive("HF01/Q", "5 t", {"Al": "90 %"}, {"POST": "100 %"}, ticket="T-1")
    log.assay("HF01/Q", {"Al": "91 %"})
    log.assay("HF01/Q", {"Al": "91.5 %", "Cu": "1 %"})
    log.send("HF01/K", ["HF01/X-1", "HF01/Q"], "CB01")
    log.take_back("HF01/K", ["HF01/Q"])
    log.arrive("CB01", "HF01/K", {"HF01/X-1": "7 t"})
    log.revoke(issued, consent=log.consent(issued, "CABLE"))
    return log


def test_a_story_is_clean_and_every_state_is_rebuilt(story: harness.TestLedger) -> None:
    assert same(story.leaves, story) is None
    past = alone.Past(story.leaves.__getitem__)
    assert {key.partition(":")[0] for key in story.memory.objects} >= {
        *("log", "party", "key", "site", "lot", "receipt", "run", "consignment", "certificate"),
    }
    for key, (n, known) in story.memory.objects.items():
        assert past.state(key, n) == known


def leaf_changes(leaf: both.Leaf, others: list[both.Leaf]) -> Iterator[tuple[str, Alter]]:
    """Every single thing in an entry that its operator could write otherwise."""
    n = leaf["n"]
    for key, read in leaf["reads"].items():
        yield f"reads {key} none", both.without("reads", key)
        for other in {read - 1, read + 1, n - 1} - {read, -1}:
            if other < n:
                yield f"reads {key} {other}", both.put("reads", key, to=other)
    yield "reads more", both.put("reads", "lot:HF01/NO", to=0)
    for account, pages in leaf["book"].items():
        for substance, page in pages.items():
            line, shown = next(iter(page.items()))
            more = [shown[0] + 1, shown[1] + 1] if isinstance(shown, list) else shown + 1
            yield f"book {account}", both.put("book", account, substance, line, to=more)
        yield f"no {account}", both.without("book", account)
    for lot, note in leaf["lots"].items():
        for member, said in note.items():
            changed: Any = [] if said else ["x"]
            if not isinstance(said, list):
                changed = said + 1 if isinstance(said, int) else f"{said}x"
            yield f"lots {lot} {member}", both.put("lots", lot, member, to=changed)
        yield f"no lots {lot}", both.without("lots", lot)
    yield "n", both.put("n", to=n + 1)
    yield "prev", both.put("prev", to="ab" * 32)
    yield "at", both.put("at", to=1)
    for statement in (other["statement"] for other in others):
        yield "statement", both.put("statement", to=statement)
        yield "signature", _signed(statement)


def _signed(statement: str) -> Alter:
    def alter(leaf: both.Leaf) -> None:
        signed, _, _ = leaf["statement"].rpartition(".")
        leaf["statement"] = f"{signed}.{statement.rpartition('.')[2]}"

    return alter


def test_whatever_is_changed_in_an_entry_is_found_there(story: harness.TestLedger) -> None:
    """Single entries, everything after them chained anew; at worst the next one notices."""
    values = [encoding.decode_object(leaf) for leaf in story.leaves]
    past = alone.Past(story.leaves.__getitem__)
    seen = [alone.check(n, leaf, past) for n, leaf in enumerate(story.leaves)]
    chance, tried = random.Random(1), 0
    for n in range(len(values)):
        order = alone.Order({}, story.origin)
        for one in seen[:n]:
            order.take(one)
        for what, alter in leaf_changes(values[n], chance.sample(values[:n], min(n, 2))):
            changed = both.chained(story.leaves[: n + 1], {n: alter})[n]
            if changed == story.leaves[n]:
                continue
            with pytest.raises(LedgerError):  # noqa: PT012 (either of the two may raise)
                order.take(alone.check(n, changed, past))
                pytest.fail(f"{n}: {what}")
            tried += 1
    assert tried > 1_000


@pytest.mark.parametrize("n", [5, 10, 20, -1])
def test_the_audit_names_the_same_entry(story: harness.TestLedger, n: int) -> None:
    n %= len(story.leaves)
    values = [encoding.decode_object(leaf) for leaf in story.leaves]
    changes = [*leaf_changes(values[n], values[4:5])]
    for _, alter in changes[:: max(1, len(changes) // 12)]:
        found = same(both.chained(story.leaves, {n: alter}), story)
        assert found is not None


@pytest.mark.parametrize("kind", ["party_registered", "lot_received", "run_recorded"])
def test_every_flipped_byte_of_an_entry_is_found_there(
    story: harness.TestLedger, kind: str
) -> None:
    """Only the time may change unseen: nobody signs it, the chain and the root hold it."""
    n = next(e.n for e in story.entries if e.event.kind == kind)
    leaf, past = story.leaves[n], alone.Past(story.leaves.__getitem__)
    at = leaf.index(b'"at":'), leaf.index(b',"book"')
    seen = [alone.check(i, story.leaves[i], past) for i in range(n + 1)]
    for place, byte in enumerate(leaf):
        changed = leaf[:place] + bytes([byte ^ 1 << place % 8]) + leaf[place + 1 :]
        order = alone.Order({}, story.origin, seen[n].prev, seen[n - 1].at_ms)
        order.edge = tree.Edge(n, (b"h" * 32,) * n.bit_count())
        order.known = {key: (read, "") for key, read in seen[n].reads}
        try:
            order.take(alone.check(n, changed, past))
        except (LedgerError, alone.Unread):
            continue
        assert at[0] < place < at[1], (place, changed[place - 20 : place + 20])


def test_a_time_that_no_database_holds_is_refused(story: harness.TestLedger) -> None:
    late = both.chained(story.leaves, {20: both.put("at", to=2**63)})
    with pytest.raises(ProofError, match="at is 9223372036854775808"):
        alone.check(20, late[20], alone.Past(late.__getitem__))


# What no entry shows by itself.


def twice(alter: Callable[[harness.TestLedger], object], field: str) -> None:
    """A yard with a lot, and what `alter` then does: every entry is clean alone, none in order."""
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"}, ticket="T-1")
    alter(log)
    past = alone.Past(log.leaves.__getitem__)
    for n, leaf in enumerate(log.leaves):
        alone.check(n, leaf, past)
    assert same(log.leaves, log) == (len(log.leaves) - 1, field)


def test_grams_that_are_certified_twice_are_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        before = log.memory.objects["lot:HF01/A"]
        log.certify(["HF01/A"], "Al")
        log.memory.objects["lot:HF01/A"] = before
        log.certify(["HF01/A"], "Al")

    twice(alter, "reads.lot:HF01/A")


def test_a_lot_that_is_made_twice_is_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        del log.memory.objects["lot:HF01/A"]
        log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})

    twice(alter, "reads.lot:HF01/A")


def test_a_key_that_is_used_after_it_was_revoked_is_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        kid = harness.kid_of(log.keys["HEFEI"][0])
        before = log.memory.objects[f"key:{kid}"]
        log.revoke_key("HEFEI", kid)
        log.memory.objects[f"key:{kid}"] = before
        log.certify(["HF01/A"], "Al")

    kid = harness.kid_of(harness.private_key("HEFEI"))
    twice(alter, f"reads.key:{kid}")


def test_an_id_that_is_used_twice_is_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        log.append(log.entries[3].statement, log.clock_ms)  # any site may be registered again

    twice(alter, "id")


def test_a_ticket_that_is_used_twice_is_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        log.memory.usage.clear()
        log.receive("HF01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"}, ticket="T-1")

    twice(alter, "body.ticket")


def document_of(log: harness.TestLedger) -> dict[str, str]:
    document = log.entries[-1].event.evidence[0]
    return {"type": document.type, "sha256": document.sha256}


def again(log: harness.TestLedger, site: str, document: dict[str, str]) -> None:
    log.memory.usage.clear()
    body = {
        "lot": f"{site}/B", "from": {"external": True}, "mass": "1 t", "assay_grade": "final",
        "material": {"metal": "aluminium", "form": "scrap"},
    }  # fmt: skip
    envelope = {"kind": "lot_received", "party": log.party_of(site), "site": site, "body": body}
    log.record({**envelope, "evidence": [document]})


def test_a_document_of_another_party_is_found() -> None:
    def alter(log: harness.TestLedger) -> None:
        document = document_of(log)
        log.site("RV01", "RIVAL")
        again(log, "RV01", document)

    twice(alter, "evidence")


def test_a_document_may_stand_behind_two_receipts_of_one_party() -> None:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    again(log, "HF01", document_of(log))
    assert same(log.leaves, log) is None


def test_what_a_stale_read_hides_from_others_is_refused_in_order_only() -> None:
    """The order sees names and numbers only: a refused entry leaves it as it was."""
    log = harness.yard()
    past = alone.Past(log.leaves.__getitem__)
    order = alone.Order({}, log.origin)
    seen = [alone.check(n, leaf, past) for n, leaf in enumerate(log.leaves)]
    for one in seen[:3]:
        order.take(one)
    known, state = dict(order.known), (order.size, order.last, order.at_ms, order.edge)
    stale = seen[3]._replace(reads=(("log", 1),))
    for wrong in (stale, seen[3]._replace(log="another"), seen[2], seen[3]._replace(at_ms=1)):
        with pytest.raises(ProofError):
            order.take(wrong)
        assert (dict(order.known), (order.size, order.last, order.at_ms, order.edge)) == (
            known,
            state,
        )
    order.take(seen[3])
    assert order.size == 4


# Entries that are none, and pasts that are none.


def test_a_second_log_opened_and_another_log_are_refused() -> None:
    log, other = harness.yard(), harness.TestLedger(origin="other.example/log")
    opened = encoding.decode_object(log.leaves[0])
    second = {**opened, "n": 4, "prev": entry.leaf_hash(log.leaves[3]).hex()}
    leaves = [*log.leaves, encoding.canonical({**second, "at": log.entries[3].at_ms})]
    assert same(leaves, log) == (4, "reads.log")
    assert both.apart(other.leaves, log.origin) == (0, "log")


def test_reads_that_lead_nowhere_or_in_a_circle_are_refused(story: harness.TestLedger) -> None:
    past = alone.Past(story.leaves.__getitem__)
    opened = encoding.decode_object(story.leaves[0])
    circle = encoding.canonical({**opened, "reads": {"log": 0}})
    with pytest.raises(ProofError) as raised:
        alone.check(0, circle, alone.Past(lambda n: circle))
    assert raised.value.field == "reads.log"
    with pytest.raises(ProofError) as raised:
        past.state("lot:HF01/INGOT-0", 3)
    assert raised.value.field == "reads.lot:HF01/INGOT-0"
    two = encoding.decode_object(story.leaves[story.memory.objects["lot:HF01/X-2"][0]])
    lot = next(key for key in two["reads"] if key.startswith("lot:"))
    two["reads"][lot.replace("lot:", "transit:")] = 0
    with pytest.raises(ProofError) as raised:
        alone.check(two["n"], encoding.canonical(two), past)
    assert raised.value.field.startswith("reads.")


@pytest.mark.parametrize("leaf", [b"", b"{}", b"[]", b"\xff", b'{"at":0}', b"[" * 5000])
def test_bytes_that_are_no_entry_are_refused(leaf: bytes) -> None:
    with pytest.raises(FormatError):
        alone.check(0, leaf, alone.Past(lambda n: leaf))


def test_an_entry_of_later_rules_is_not_judged(story: harness.TestLedger) -> None:
    """What an old release does not know is no reason to accuse a log."""
    later = both.chained(story.leaves, {7: both.put("v", to=2)})
    with pytest.raises(alone.Unread, match="later version") as raised:
        alone.check(7, later[7], alone.Past(later.__getitem__))
    assert raised.value.as_error().code == "ENTRY_INVALID"
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args  # noqa: S301
    for v in (0, -1, "2", True):
        changed = both.chained(story.leaves, {7: both.put("v", to=v)})
        with pytest.raises(FormatError):
            alone.check(7, changed[7], alone.Past(changed.__getitem__))


def test_a_past_of_nonsense_is_a_refusal_and_no_fault(story: harness.TestLedger) -> None:
    """Whatever the entries are that an entry reads, only LedgerError comes out."""
    chance = random.Random(5)
    n = len(story.leaves) - 1
    for _ in range(30):
        mixed = [chance.choice(story.leaves) for _ in story.leaves]
        with pytest.raises(LedgerError):
            alone.check(n, story.leaves[n], alone.Past(mixed.__getitem__))


def test_a_register_whose_beginning_is_hidden_is_refused() -> None:
    """A site entry that does not read its party: the party cannot be told from there."""
    log = harness.yard()
    site = encoding.decode_object(log.leaves[3])
    del site["reads"]["party:HEFEI"]
    hidden = [*log.leaves[:3], encoding.canonical(site)]
    with pytest.raises(ProofError) as raised:
        alone.check(3, hidden[3], alone.Past(hidden.__getitem__))
    assert "not in reads: party:HEFEI" in raised.value.message
    with pytest.raises(AssertionError):
        alone.Past(hidden.__getitem__).state("party:HEFEI", 3)


# Bounds.


def test_what_is_kept_of_the_past_is_bounded(
    story: harness.TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "STATES_MAX", 3)
    monkeypatch.setattr(alone, "ENTRIES_MAX", 2)
    past = alone.Past(story.leaves.__getitem__)
    for n, leaf in enumerate(story.leaves):
        alone.check(n, leaf, past)
        assert len(past.states) <= 3
        assert len(past.entries) <= 2


def test_what_was_seen_goes_through_a_pipe_and_names_all_it_asks(
    story: harness.TestLedger,
) -> None:
    past = alone.Past(story.leaves.__getitem__)
    for n, leaf in enumerate(story.leaves):
        seen = alone.check(n, leaf, past)
        assert pickle.loads(pickle.dumps(seen)) == seen  # noqa: S301 (made here)
        found = entry.parse(leaf)
        assert dict(seen.reads) == {fold.stored_key(k): v for k, v in found.reads.items()}
        names = alone.keys(seen)
        assert {*seen.absent, *seen.uses, *seen.touched} <= {*names}
        assert f"id:{found.event.party}/{found.event.id}" in names
        assert jose.parse(found.statement) == found.jws
