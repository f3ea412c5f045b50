"""Dispatch, return and arrival."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import lines
from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
AL = {"Al": "90 %"}
POST = {"POST": "100 %"}


@pytest.fixture
def road(log: Works) -> Works:
    """Two lots of 10 t on the road from HF01 to WH01."""
    for lot in ("A", "B", "C"):
        log.receive(f"HF01/{lot}", "10 t", AL, POST)
    log.send("HF01/K-1", ["HF01/A", "HF01/B"], "WH01")
    return log


def test_what_is_on_the_road_lies_nowhere_and_is_not_lost(road: Works) -> None:
    lot = road.lot("HF01/A")
    assert lot.balances == {}
    assert lot.transit == {"Al": {"POST": 9 * T}, "OTHER": {"-": 1 * T}}
    assert lot.at_site == "HF01"


def test_each_lot_arrives_once_and_the_others_stay_on_the_road(road: Works) -> None:
    road.arrive("WH01", "HF01/K-1", {"HF01/A": "10 t"})
    assert road.lot("HF01/A").at_site == "WH01"
    assert road.lot("HF01/B").transit
    again: Any = (road.arrive, "WH01", "HF01/K-1")
    assert road.code(*again, {"HF01/A": "10 t"}) == "LOT_DUPLICATE"
    assert road.code(*again, {"HF01/C": "10 t"}) == "LOT_UNKNOWN"
    assert road.code(*again, {"HF01/NONE": "10 t"}) == "LOT_UNKNOWN"
    assert road.code(road.arrive, "WH01", "HF01/K-9", {"HF01/A": "10 t"}) == "CONSIGNMENT_UNKNOWN"
    road.arrive("WH01", "HF01/K-1", {"HF01/B": "10 t"})


def test_only_the_receiver_at_its_site_states_the_arrival(road: Works) -> None:
    for site in ("HF01", "HF02"):
        code = road.code(road.arrive, site, "HF01/K-1", {"HF01/A": "10 t"})
        assert code == "PERMISSION_DENIED"


def test_only_the_sender_takes_back_what_has_not_arrived(road: Works) -> None:
    body = {"consignment": "HF01/K-1", "lots": ["HF01/A"]}
    assert road.code(road.at, "WH01", "lot_returned", body) == "PERMISSION_DENIED"
    assert road.code(road.at, "HF02", "lot_returned", body) == "PERMISSION_DENIED"
    road.arrive("WH01", "HF01/K-1", {"HF01/B": "10 t"})
    road.take_back("HF01/K-1", ["HF01/A"])
    assert road.page("HF01/A") == {"POST": 9 * T}
    assert road.code(road.take_back, "HF01/K-1", ["HF01/B"]) == "LOT_DUPLICATE"
    assert road.code(road.take_back, "HF01/K-1", ["HF01/A"]) == "LOT_DUPLICATE"
    code = road.code(road.arrive, "WH01", "HF01/K-1", {"HF01/A": "10 t"})
    assert code == "LOT_DUPLICATE", "its journey under this name is over"
    road.send("HF01/K-2", ["HF01/A"], "WH01")
    road.arrive("WH01", "HF01/K-2", {"HF01/A": "10 t"})


def test_the_sender_has_the_lot_until_it_arrives(road: Works) -> None:
    taken = {"HF01/A": "all"}
    assert road.code(road.run, "HF01/R-1", "SHRED", taken, {}) == "LOT_IN_TRANSIT"
    assert road.code(road.run, "HF02/R-1", "SHRED", taken, {}) == "LOT_ELSEWHERE"
    assert road.code(road.run, "WH01/R-1", "SHRED", taken, {}) == "PERMISSION_DENIED"
    road.arrive("WH01", "HF01/K-1", {"HF01/A": "10 t"})
    assert road.code(road.run, "HF01/R-1", "SHRED", taken, {}) == "PERMISSION_DENIED"
    road.run("WH01/R-1", "SHRED", taken, {})


def test_what_leaves_the_ledger_is_in_the_sink_for_good(log: Works) -> None:
    log.receive("HF01/A", "10 t", AL, POST)
    log.send("HF01/K-1", ["HF01/A"])
    assert log.account("sink:HF01")["Al"] == {"POST": 9 * T}
    assert log.code(log.take_back, "HF01/K-1", ["HF01/A"]) == "LOT_CONSUMED"
    code = log.code(log.arrive, "WH01", "HF01/K-1", {"HF01/A": "10 t"})
    assert code == "PERMISSION_DENIED", "nobody is its receiver"
    assert log.code(log.send, "HF01/K-2", ["HF01/A"]) == "LOT_CONSUMED"


def test_a_consignment_is_named_once_and_goes_to_a_site_of_its_receiver(log: Works) -> None:
    log.receive("HF01/A", "10 t", AL, POST)
    log.receive("HF01/B", "10 t", AL, POST)

    def dispatch(party: str, site: str) -> str:
        to = {"party": party, "site": site}
        body = {"consignment": "HF01/K-1", "lots": ["HF01/A"], "to": to}
        return log.code(log.at, "HF01", "lot_dispatched", body)

    assert dispatch("NOBODY", "WH01") == "PARTY_UNKNOWN"
    assert dispatch("WUHU", "XX01") == "SITE_UNKNOWN"
    assert dispatch("WUHU", "HF02") == "FIELD_INVALID"
    log.send("HF01/K-1", ["HF01/A"], "HF02")
    assert log.code(log.send, "HF01/K-1", ["HF01/B"], "WH01") == "CONSIGNMENT_DUPLICATE"


@pytest.mark.parametrize(
    ("arrived", "more", "evidence", "taken"),
    [
        ("10 t", {}, "photo", True),
        ("9.97 t", {}, "photo", True),
        ("9 969 999 999 mg", {}, "photo", False),
        ("10.03 t", {}, "photo", True),
        ("10 030 000 001 mg", {}, "photo", False),
        ("9.5 t", {"difference": "accepted"}, "weigh_ticket", True),
        ("9 499 999 999 mg", {"difference": "accepted"}, "weigh_ticket", False),
        ("10.5 t", {"difference": "accepted"}, "weigh_ticket", True),
        ("9.5 t", {"difference": "accepted"}, "photo", False),
        ("9.5 t", {}, "weigh_ticket", False),
    ],
)
def test_two_scales_agree_or_the_difference_is_accepted_with_a_ticket(
    arrived: str, more: dict[str, str], evidence: str, taken: bool, road: Works
) -> None:
    lots = [{"lot": "HF01/B", "mass": "10 t"}, {"lot": "HF01/A", "mass": arrived, **more}]
    body = {"consignment": "HF01/K-1", "lots": lots}
    call: Any = (road.at, "WH01", "lot_arrived", body)
    if taken:
        call[0](*call[1:], evidence=[evidence])
    else:
        assert road.code(*call, evidence=[evidence]) == "WEIGHT_MISMATCH"
        assert road.lot("HF01/B").transit, "nothing moves"


def test_a_tolerance_of_the_policy_counts_at_the_arrival(road: Works) -> None:
    road.state("policy_set", {"parameters": {"scale_tolerance": "0 %"}, "tables": {}})
    lighter = {"HF01/A": "9 999 999 999 mg"}
    assert road.code(road.arrive, "WH01", "HF01/K-1", lighter) == "WEIGHT_MISMATCH"
    road.arrive("WH01", "HF01/K-1", {"HF01/A": "10 t"})


def test_lighter_keeps_the_claims_and_loses_the_rest_on_the_road(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "100 %"}, POST)
    serial = log.serial(log.certify(["HF01/A"], "Al", amount="4 t"))
    log.send("HF01/K-1", ["HF01/A"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/A": "9.99 t"})
    assert log.page("HF01/A") == {"POST": 5_994_000_000, f"POST/{serial}": 3_996_000_000}
    assert log.account("loss:WH01/TRANSIT") == {
        "Al": {"POST": 6_000_000, f"POST/{serial}": 4_000_000}
    }


def test_heavier_is_other_and_nothing_that_can_be_claimed(road: Works) -> None:
    road.arrive("WH01", "HF01/K-1", {"HF01/A": "10.02 t"})
    assert road.page("HF01/A") == {"POST": 9 * T}
    assert lines.wet_mg(road.lot("HF01/A").balances) == 10_020_000_000
    assert road.account("ambient:WH01") == {"OTHER": {"-": -20_000_000}}


def test_an_arrival_is_not_before_the_dispatch(road: Works) -> None:
    road.says_at = "2026-03-01T00:00:00Z"
    code = road.code(road.arrive, "WH01", "HF01/K-1", {"HF01/A": "10 t"})
    assert code == "EVENT_OUT_OF_ORDER"


# Holders.


def test_a_lot_made_out_to_a_holder_goes_to_the_holder_while_the_issuer_has_it(
    log: Works,
) -> None:
    log.party("CABLE")
    log.site("CB01", "CABLE")
    log.receive("HF01/A", "10 t", AL, POST)
    log.certify(["HF01/A"], "Al", amount="1 mg", holder={"party": "CABLE"})
    send: Any = (log.send, "HF01/K-1", ["HF01/A"])
    for elsewhere in ("WH01", "HF02", ""):
        assert log.code(*send, elsewhere) == "LOT_CERTIFIED"
    log.send("HF01/K-1", ["HF01/A"], "CB01")
    log.arrive("CB01", "HF01/K-1", {"HF01/A": "10 t"})
    log.send("CB01/K-1", ["HF01/A"], "WH01")


def test_a_lot_made_out_to_somebody_outside_goes_outside(log: Works) -> None:
    log.receive("HF01/A", "10 t", AL, POST)
    log.certify(["HF01/A"], "Al", amount="1 mg", holder={"external": True})
    assert log.code(log.send, "HF01/K-1", ["HF01/A"], "WH01") == "LOT_CERTIFIED"
    log.send("HF01/K-1", ["HF01/A"])


def test_a_certificate_without_holder_binds_no_road(log: Works) -> None:
    log.receive("HF01/A", "10 t", AL, POST)
    log.certify(["HF01/A"], "Al")
    log.send("HF01/K-1", ["HF01/A"], "WH01")
