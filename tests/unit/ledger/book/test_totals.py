"""The laws of the book over random histories: nothing is made but what is received or declared."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ledger.book import bodies, lines, state, totals
from tests.unit.ledger.book import replay

SEEDS = range(8)
CLAIMABLE = ("POST", "BMW", "PRE")
HOLDING = ("lot:", "transit:", "sink:", "loss:", "credit:")


def grams(balances: lines.Balances, origin: str) -> Counter[str]:
    """substance -> mg of one origin, whatever the claim."""
    found: Counter[str] = Counter()
    for substance, page in balances.items():
        for line, mass_mg in page.items():
            if lines.split(line)[0] == origin:
                found[substance] += mass_mg
    return found


class Birth:
    """What was born of each origin, read from the entries alone."""

    def __init__(self) -> None:
        self.grams: dict[str, Counter[str]] = {origin: Counter() for origin in CLAIMABLE}

    def apply(self, facts: state.Facts) -> None:
        for origin in CLAIMABLE:
            for account in facts.book:
                deltas = state.account_deltas(facts.book, account)
                if account.startswith("source:"):
                    self.grams[origin].subtract(grams(deltas, origin))
                if isinstance(facts.event.body, bodies.ScrapDeclared):
                    self.grams[origin].update(grams(deltas, origin))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_origin_that_can_be_claimed_ever_exceeds_its_births(seed: int) -> None:
    """The global law after every entry, and what is free or certified is at most what was born."""
    view, birth = totals.Totals(), Birth()
    for n, made in enumerate(replay.told(seed).entries, start=1):
        view.apply(made.facts(n), replay.ORIGIN)
        birth.apply(made.facts(n))
    for origin in CLAIMABLE:
        there: Counter[str] = Counter()
        claimable: Counter[str] = Counter()
        for account, balances in view.balances.items():
            if account.startswith(HOLDING):
                there.update(grams(balances, origin))
            if account.startswith(("lot:", "transit:")):
                claimable.update(grams(balances, origin))
        assert there == +birth.grams[origin]
        assert claimable <= birth.grams[origin]
    assert sum(birth.grams["POST"].values()) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_post_consumer_grams_never_grow_but_by_a_receipt_or_its_assay(seed: int) -> None:
    """Entry by entry: elsewhere the lots, the road and the losses only pass them on."""
    for n, made in enumerate(replay.told(seed).entries, start=1):
        facts = made.facts(n)
        moved: Counter[str] = Counter()
        for account in facts.book:
            moved.update(grams(state.account_deltas(facts.book, account), "POST"))
        assert not any(moved.values()), "an entry balances per origin, too"
        if not isinstance(facts.event.body, bodies.LotReceived | bodies.AssayRecorded):
            assert not any(
                grams(state.account_deltas(facts.book, account), "POST")
                for account in facts.book
                if account.startswith(("source:", "gain:", "ambient:"))
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_entry_balances_per_substance_and_no_lot_is_negative(seed: int) -> None:
    for made in replay.told(seed).entries:
        sums: Counter[str] = Counter()
        for account, pages in made.outcome.book.items():
            for substance, page in pages.items():
                for shown in page.values():
                    if isinstance(shown, list):
                        assert shown[1] >= 0
                    else:
                        assert shown, "a nominal account shows no line that does not move"
                    sums[substance] += shown[0] if isinstance(shown, list) else shown
            assert pages, account
        assert not any(sums.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_passbook_shows_every_line_before_and_after(seed: int) -> None:
    """Balance minus delta is the balance the lot's last entry showed, line by line."""
    known: dict[str, lines.Balances] = {}
    for made in replay.told(seed).entries:
        for account in made.outcome.book:
            if not account.startswith(("lot:", "transit:")):
                continue
            before = lines.copy(state.account_balances(made.outcome.book, account))
            deltas = state.account_deltas(made.outcome.book, account)
            lines.add_all(before, deltas, -1)
            assert before == known.get(account, {})
            known[account] = state.account_balances(made.outcome.book, account)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_certificates_hold_is_what_lies_under_their_serials(seed: int) -> None:
    view = totals.Totals()
    for n, made in enumerate(replay.told(seed).entries, start=1):
        view.apply(made.facts(n), replay.ORIGIN)
    held: Counter[str] = Counter()
    for account, balances in view.balances.items():
        if account.startswith(("lot:", "transit:", "sink:")):
            for page in balances.values():
                for line, mass_mg in page.items():
                    if number := lines.serial_of(line):
                        held[number] += mass_mg
    for number, certificate in view.certificates.items():
        assert certificate.held_mg == held[number] <= sum(certificate.claimed_mg.values())
        assert set(certificate.claimed_mg) <= set(CLAIMABLE)
    assert set(held) <= set(view.certificates)


def test_these_histories_are_worth_the_name() -> None:
    kinds = Counter(made.event.kind for seed in SEEDS for made in replay.told(seed).entries)
    assert kinds["run_recorded"] > 100
    assert kinds["certificate_issued"] > 50
    for kind in ("scrap_declared", "run_finalized", "assay_recorded", "lot_returned"):
        assert kinds[kind] > 5, kind


# A certificate's figures and its status.


def certificate(**changes: Any) -> totals.Certificate:
    known: dict[str, Any] = {
        "n": 7, "issuer": "HEFEI", "site": "HF01", "substance": "Al",
        "claimed_mg": {"POST": 8_736_319_212}, "substance_mg": 18_101_600_000,
        "wet_mg": 18_700_000_000, "held_mg": 1, "lots": ("HF01/A",), "holder": None,
        "valid_until": None,
    }  # fmt: skip
    return totals.Certificate(**{**known, **changes})


def test_figures_are_floored_against_the_substance_and_the_mass() -> None:
    figures = certificate().figures()
    assert (figures["of_substance"], figures["of_mass"]) == ("48.26", "46.71")
    assert (figures["claimed_mg"], figures["held_mg"]) == ({"POST": 8_736_319_212}, 1)


def test_the_first_state_that_holds_is_the_status() -> None:
    states = [("revoked", "REVOKED"), ("expired", "EXPIRED"), ("disputed", "DISPUTED")]
    states += [("drawn", "DRAWN"), ("", "VALID")]
    for place, (_, name) in enumerate(states):
        holding = [other for other, _ in states[place:] if other]
        flags = {other: True for other in holding if other != "expired"}
        assert certificate(**flags).status(expired="expired" in holding) == name


def test_elements_are_shown_by_weight_with_their_origins_most_claimable_first() -> None:
    lot = {
        "Cu": {"UNK": 1},
        "Al": {"PRIM": 1, "POST/ABCDEFGHJKMN": 2, "POST": 1, "PRE/sold": 2},
        "OTHER": {"-": 90},
        "H2O": {"-": 3},
    }
    first, second = totals.elements(lot)
    assert (first["substance"], first["mass_mg"], first["of_mass"]) == ("Al", 6, "6.00")
    assert list(first["origins"].items()) == [
        ("POST", {"mass_mg": 3, "percent": "50.00"}),
        ("PRE", {"mass_mg": 2, "percent": "33.33"}),
        ("PRIM", {"mass_mg": 1, "percent": "16.66"}),
    ]
    assert second["origins"] == {"UNK": {"mass_mg": 1, "percent": "100.00"}}
