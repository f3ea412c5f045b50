"""The one writer: one commit for what is queued, each event judged alone, every id once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger import entry, sequencer, statements
from ledger.book import encoding
from ledger.errors import LedgerError, RuleError
from ledger.sequencer import Accepted, Result
from ledger.service import Ledger
from tests.store import plant

MASS_MAX_MG = 2**53 - 1


def refusal(result: Result) -> LedgerError:
    assert isinstance(result, LedgerError), result
    return result


# One commit.


def test_whatever_is_queued_goes_into_one_commit(ledger: Ledger) -> None:
    waiting = [plant.submit(ledger, plant.receipt(f"HF01/A{i}")) for i in range(40)]
    waiting.append(plant.submit(ledger, *(plant.receipt(f"WH01/B{i}") for i in range(20))))
    before = plant.checkpoint_sizes(ledger)
    ledger.sequencer.start()
    answers = [answer for future in waiting for answer in future.result(30)]
    assert [answer.n for answer in answers if isinstance(answer, Accepted)] == [*range(5, 65)]
    assert plant.checkpoint_sizes(ledger) == [*before, 65]
    assert {answer.size for answer in answers if isinstance(answer, Accepted)} == {65}
    plant.audited(ledger)


def test_every_answer_proves_itself(running: Ledger) -> None:
    heads = []
    for number in range(12):
        lots = [f"HF01/P{number}-{i}" for i in range(number % 4 + 1)]
        answers = plant.accept(running, *map(plant.receipt, lots))
        heads += [plant.check_answer(running, answer) for answer in answers]
    plant.check_consistent(running, heads)


def test_proofs_are_left_out_where_nobody_asked(ledger: Ledger) -> None:
    with_proofs = plant.submit(ledger, plant.receipt("HF01/A"))
    without = plant.submit(ledger, plant.receipt("HF01/B"), proofs=False)
    ledger.sequencer.start()
    (first,), (second,) = with_proofs.result(30), without.result(30)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    plant.check_answer(ledger, first)
    assert second.proof == ()
    assert first.checkpoint == second.checkpoint


def test_a_group_of_nothing_is_answered_with_nothing(running: Ledger) -> None:
    assert running.submit([]).result(30) == []
    assert len(plant.checkpoint_sizes(running)) == plant.SIZE


def test_a_commit_of_refusals_only_makes_no_checkpoint(running: Ledger) -> None:
    twice = plant.receipt("HF01/A")
    plant.accept(running, twice)
    before = plant.checkpoint_sizes(running)
    assert plant.codes(plant.record(running, plant.receipt("HF01/A"))) == ["LOT_DUPLICATE"]
    assert plant.codes(plant.record(running, twice)) == [""]
    assert plant.checkpoint_sizes(running) == before


# Neighbours.


def test_a_refused_event_leaves_its_neighbours_in_one_group_alone(running: Ledger) -> None:
    results = plant.record(
        running,
        plant.receipt("HF01/A"),
        plant.receipt("HF01/A"),
        plant.receipt("HF01/B"),
        plant.melt("HF01/H-1", ["HF01/NONE"], "HF01/X", "1 t"),
        plant.receipt("HF01/C"),
        plant.certificate(["HF01/C"], classes=["PRE"]),
        plant.certificate(["HF01/C"]),
    )
    wrong = ["", "LOT_DUPLICATE", "", "LOT_UNKNOWN", "", "CLAIM_EXCEEDS_ORIGIN", ""]
    assert plant.codes(results) == wrong
    assert [r.n for r in results if isinstance(r, Accepted)] == [5, 6, 7, 8]
    assert plant.audited(running).size == 9


def test_results_keep_the_order_of_groups_and_of_events_in_them(ledger: Ledger) -> None:
    lots = [[f"HF01/G{g}-{i}" for i in range(g + 1)] for g in range(6)]
    waiting = [
        plant.submit(ledger, *(plant.receipt(lot) for lot in (*group, group[0]))) for group in lots
    ]
    ledger.sequencer.start()
    for group, future in zip(lots, waiting, strict=True):
        *taken, again = future.result(30)
        assert plant.codes([*taken, again]) == [""] * len(group) + ["LOT_DUPLICATE"]
        places = [result.n for result in taken if isinstance(result, Accepted)]
        assert [plant.leaf(ledger, n).event.payload["body"]["lot"] for n in places] == group
        assert refusal(again).value == group[0]
    assert plant.audited(ledger).size == 5 + 21


def test_events_may_depend_on_earlier_ones_of_the_same_commit(ledger: Ledger) -> None:
    waiting = [plant.submit(ledger, envelope) for envelope in plant.story()]
    ledger.sequencer.start()
    results = [future.result(30)[0] for future in waiting]
    assert plant.codes(results) == [""] * len(waiting)
    melt = plant.leaf(ledger, 7)
    assert melt.reads["lot:HF01/A"] == 5
    assert melt.reads["lot:HF01/B"] == 6
    assert plant.leaf(ledger, 8).reads["lot:HF01/INGOT"] == 7
    assert len({plant.leaf(ledger, n).at_ms for n in range(5, 12)}) == 1
    assert len(plant.checkpoint_sizes(ledger)) == plant.SIZE + 1
    plant.audited(ledger)


def test_what_one_commit_takes_another_in_the_same_commit_cannot(ledger: Ledger) -> None:
    plant.submit(ledger, plant.receipt("HF01/A"))
    waiting = [
        plant.submit(ledger, plant.melt(f"HF01/H-{i}", ["HF01/A"], f"HF01/X-{i}", "9 t"))
        for i in range(3)
    ]
    ledger.sequencer.start()
    found = [plant.codes(future.result(30))[0] for future in waiting]
    assert found == ["", "LOT_CONSUMED", "LOT_CONSUMED"]
    plant.audited(ledger)


def test_more_than_a_lot_can_hold_is_refused_alone(running: Ledger) -> None:
    plant.accept(running, *(plant.receipt(lot, MASS_MAX_MG) for lot in ("HF01/A", "HF01/B")))
    merge = plant.run("HF01/M", "MERGE", ["HF01/A", "HF01/B"], [plant.made("HF01/C", "rest")])
    results = plant.record(running, plant.receipt("HF01/D"), merge, plant.receipt("HF01/E"))
    assert plant.codes(results) == ["", "NUMBER_NOT_EXACT", ""]
    plant.accept(running, plant.receipt("HF01/F"))
    assert plant.audited(running).size == 10


def test_an_event_that_no_rule_can_judge_is_refused_alone(running: Ledger) -> None:
    good = [running.prepare(encoding.canonical(plant.receipt(f"HF01/{i}")), "HEFEI") for i in "AB"]
    body: Any = None  # as a fault of a decoder or of a rule would leave it
    bad = replace(good[0], event=replace(good[0].event, id=statements.uuid7(), body=body))
    results = running.submit([good[0], bad, good[1]]).result(30)
    assert plant.codes(results) == ["", "INTERNAL_ERROR", ""]
    plant.accept(running, plant.receipt("HF01/C"))
    assert plant.audited(running).size == 8


def test_a_caller_who_gave_up_harms_nobody(ledger: Ledger) -> None:
    first = plant.submit(ledger, plant.receipt("HF01/A"))
    gone = plant.submit(ledger, plant.receipt("HF01/B"))
    last = plant.submit(ledger, plant.receipt("HF01/C"))
    assert gone.cancel()
    ledger.sequencer.start()
    assert plant.codes(first.result(30) + last.result(30)) == ["", ""]
    plant.accept(ledger, plant.receipt("HF01/D"))
    plant.audited(ledger)


# Limits, clock, life.


def test_a_full_pool_says_so_and_empties_again(ledger: Ledger) -> None:
    one = ledger.prepare(encoding.canonical(plant.receipt("HF01/A")), "HEFEI")
    half = [one] * (sequencer.POOL_MAX // 2)
    waiting = [ledger.submit(half), ledger.submit(half)]
    with pytest.raises(RuleError) as raised:
        ledger.submit([one])
    assert (raised.value.code, raised.value.status_hint) == ("POOL_FULL", 503)
    assert raised.value.hint
    assert all(future.cancel() for future in waiting)
    ledger.sequencer.start()
    plant.accept(ledger, plant.receipt("HF01/B"))
    assert len(ledger.submit(half[:1_000], with_proofs=False).result(60)) == 1_000
    assert plant.audited(ledger).size == 7


def test_recorded_time_never_goes_back_even_where_the_clock_does(ledger: Ledger) -> None:
    start_ms = plant.leaf(ledger, 4).at_ms
    clock = iter([start_ms + offset for offset in (5_000, 1_000, -86_400_000, 5_001, 4_000)])
    plant.with_clock(ledger, lambda: next(clock)).sequencer.start()
    for number in range(5):
        plant.accept(ledger, plant.receipt(f"HF01/A{number}"))
    times = [plant.leaf(ledger, n).at_ms - start_ms for n in range(5, 10)]
    assert times == [5_000, 5_000, 5_000, 5_001, 5_001]
    plant.audited(ledger)


def test_a_reopened_log_keeps_its_time_where_the_clock_went_back(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    plant.accept(running, plant.receipt("HF01/A"))
    reopened = plant.with_clock(opened(), lambda: 0)
    reopened.sequencer.start()
    yesterday = plant.receipt("HF01/B") | {"occurred_at": "2026-01-01T00:00:00Z"}
    plant.accept(reopened, yesterday)
    assert plant.leaf(running, 6).at_ms == plant.leaf(running, 5).at_ms
    plant.audited(running)


def test_stopping_writes_what_is_queued(ledger: Ledger) -> None:
    waiting = [plant.submit(ledger, plant.receipt(f"HF01/A{i}")) for i in range(5)]
    ledger.sequencer.start()
    ledger.sequencer.stop()
    assert all(plant.codes(future.result(0)) == [""] for future in waiting)


def test_a_stopped_writer_takes_nothing_more(running: Ledger) -> None:
    prepared = running.prepare(encoding.canonical(plant.receipt("HF01/A")), "HEFEI")
    running.sequencer.stop()
    with pytest.raises(RuleError) as raised:
        running.submit([prepared])
    assert raised.value.code == "NOT_READY"


def test_every_future_is_answered_while_the_writer_is_being_stopped(running: Ledger) -> None:
    """Whoever was not refused at the door gets an answer."""
    prepared = running.prepare(encoding.canonical(plant.receipt("HF01/A")), "HEFEI")
    answers: list[Result] = []
    refusals: list[str] = []

    def send() -> None:
        try:
            while True:
                answers.extend(running.submit([prepared]).result(30))
        except RuleError as error:
            refusals.append(error.code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(answers) < 40:
        time.sleep(0.001)
    running.sequencer.stop()
    for thread in threads:
        thread.join(30)
    assert refusals == ["NOT_READY"] * 8
    assert {answer.n for answer in answers if isinstance(answer, Accepted)} == {5}


def test_entries_are_chained_and_stored_as_they_are_hashed(running: Ledger) -> None:
    answers = plant.accept(running, *plant.story())
    for answer in answers:
        found = plant.leaf(running, answer.n)
        before = plant.leaf(running, answer.n - 1)
        assert found.n == before.n + 1
    assert [plant.leaf(running, a.n + 1).prev for a in answers[:-1]] == [
        a.leaf_hash.hex() for a in answers[:-1]
    ]
    assert plant.leaf(running, 0).prev == entry.ZERO_HASH.hex()
