"""GTINs beside the log: whose they are, which one a lot carries, and what an old label finds."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import update

from labels import gs1
from ledger import gtins
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.cluster import Database
from tests.pages import shop

GTIN, OTHER = "09506000134352", "04006381333931"
Said = dict[str, Any]
Material = Said | None
SLAB: Said = {"metal": "aluminium", "form": "slab", "grade": {"scheme": "aa", "code": "3105"}}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[shop.Shop]:
    data = tmp_path_factory.mktemp("gtins")
    opened = shop.open_shop(data, database.new(data))
    yield opened
    opened.ledger.engine.dispose()


@pytest.fixture
def ledger(week: shop.Shop) -> Iterator[Ledger]:
    """The recorded week, without GTINs."""
    yield week.ledger
    with engines.writing(week.ledger.engine) as connection:
        connection.execute(tables.gtins.delete())


def refused(code: str, call: Any, *given: Any, **more: Any) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call(*given, **more)
    assert caught.value.code == code
    assert caught.value.hint or code == "FIELD_INVALID"
    return caught.value


def link(lot: str, gtin: str = GTIN) -> gs1.DigitalLink:
    return gs1.DigitalLink(gtin, lot)


def test_a_party_registers_its_gtin_and_its_lots_are_found_by_it(ledger: Ledger) -> None:
    row, new = gtins.register(ledger, shop.HUAIBEI, "9506000134352", "HB01")
    assert new
    assert (row.gtin, row.party, row.site) == (GTIN, shop.HUAIBEI, "HB01")
    assert gtins.find(ledger, GTIN) == row
    assert gtins.listing(ledger, shop.HUAIBEI) == [row]
    assert gtins.listing(ledger, shop.CHUZHOU) == []
    assert gtins.of_lot(ledger, "HB01/CERT", SLAB) == row
    assert gtins.lot_of(ledger, link("CERT")) == "HB01/CERT"
    refused("LOT_UNKNOWN", gtins.lot_of, ledger, link("NOBODY-MADE"))
    refused("LOT_UNKNOWN", gtins.lot_of, ledger, link(""))
    refused("GTIN_UNKNOWN", gtins.lot_of, ledger, link("CERT", OTHER))
    refused("GTIN_UNKNOWN", gtins.of_lot, ledger, "CZ01/COIL", SLAB)


def test_what_was_said_may_be_said_anew_by_the_same_party_only(ledger: Ledger) -> None:
    gtins.register(ledger, shop.HUAIBEI, GTIN, "HB01")
    row, new = gtins.register(ledger, shop.HUAIBEI, GTIN, "HB01", {"metal": "aluminium"})
    assert not new
    assert row.as_dict()["material"] == {"metal": "aluminium"}
    assert gtins.listing(ledger, shop.HUAIBEI) == [row]
    refused("GTIN_TAKEN", gtins.register, ledger, shop.CHUZHOU, GTIN, "CZ01")
    refused("PERMISSION_DENIED", gtins.register, ledger, shop.CHUZHOU, OTHER, "HB01")
    refused("SITE_UNKNOWN", gtins.register, ledger, shop.CHUZHOU, OTHER, "XX01")
    refused("FIELD_INVALID", gtins.register, ledger, shop.CHUZHOU, OTHER[:-1] + "2", "CZ01")
    refused("FIELD_INVALID", gtins.register, ledger, shop.CHUZHOU, "09520123456788", "CZ01")
    refused("PERMISSION_DENIED", gtins.end, ledger, shop.CHUZHOU, GTIN)
    refused("GTIN_UNKNOWN", gtins.end, ledger, shop.CHUZHOU, OTHER)
    assert gtins.find(ledger, GTIN) == row
    by_operator, _ = gtins.register(ledger, shop.OPERATOR, OTHER, "CZ01")
    assert by_operator.party == shop.CHUZHOU


def test_the_gtin_that_says_most_about_the_goods_is_printed(ledger: Ledger) -> None:
    numbers = [f"{n}{gs1.check_digit(n)}" for n in (f"095060001343{i}" for i in range(5))]
    materials: tuple[Material, ...] = (
        None, {"metal": "aluminium"}, {"metal": "aluminium", "form": "slab"}, SLAB,
        {"metal": "copper"},
    )  # fmt: skip
    for number, material in zip(numbers, materials, strict=True):
        gtins.register(ledger, shop.HUAIBEI, number, "HB01", material)
    cases: tuple[tuple[Material, int], ...] = (
        (SLAB, 3), ({**SLAB, "grade": None}, 2), ({"metal": "aluminium", "form": "coil"}, 1),
        ({"metal": "lead", "form": "ingot"}, 0), (None, 0), ({"metal": "copper"}, 4),
    )  # fmt: skip
    for material, want in cases:
        assert gtins.of_lot(ledger, "HB01/X", material).gtin == numbers[want].zfill(14)
    assert gtins.lot_of(ledger, link("CERT", numbers[3].zfill(14))) == "HB01/CERT"
    refused("LOT_UNKNOWN", gtins.lot_of, ledger, link("CERT", numbers[4].zfill(14)))


def test_an_ended_gtin_prints_nothing_more_but_old_labels_lead_on(ledger: Ledger) -> None:
    gtins.register(ledger, shop.HUAIBEI, GTIN, "HB01")
    ended = gtins.end(ledger, shop.HUAIBEI, GTIN)
    assert ended.ended_ms is not None
    refused("GTIN_UNKNOWN", gtins.of_lot, ledger, "HB01/CERT", SLAB)
    refused("GTIN_UNKNOWN", gtins.end, ledger, shop.HUAIBEI, GTIN)
    assert gtins.lot_of(ledger, link("CERT")) == "HB01/CERT"
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.gtins).values(ended_ms=1))
    refused("GTIN_UNKNOWN", gtins.lot_of, ledger, link("CERT"))
    _, new = gtins.register(ledger, shop.CHUZHOU, GTIN, "CZ01")
    assert new, "somebody else may take it now"
    refused("LOT_UNKNOWN", gtins.lot_of, ledger, link("CERT"))


def test_a_party_has_a_thousand_gtins_at_most(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gtins, "PER_PARTY_MAX", 1)
    gtins.register(ledger, shop.HUAIBEI, GTIN, "HB01")
    refused("PARAMETER_INVALID", gtins.register, ledger, shop.HUAIBEI, OTHER, "HB01")
    gtins.register(ledger, shop.HUAIBEI, GTIN, "HB01", SLAB)
    gtins.register(ledger, shop.CHUZHOU, OTHER, "CZ01")


@pytest.mark.parametrize("before", ["new", "ended"])
def test_of_two_parties_at_once_one_gets_the_gtin(ledger: Ledger, before: str) -> None:
    for n in range(10):
        number = f"0950600013{n:03}"
        number += str(gs1.check_digit(number))
        if before == "ended":
            gtins.register(ledger, shop.HUAIBEI, number, "HB01")
            gtins.end(ledger, shop.HUAIBEI, number)
        answers: list[str] = []
        start = Barrier(2)

        def take(party: str, site: str, number: str = number, start: Barrier = start,
                 answers: list[str] = answers) -> None:  # fmt: skip
            start.wait()
            try:
                answers.append(gtins.register(ledger, party, number, site)[0].party)
            except LedgerError as error:
                answers.append(error.code)

        both = ((shop.HUAIBEI, "HB01"), (shop.CHUZHOU, "CZ01"))
        threads = [Thread(target=take, args=each) for each in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == sorted(["GTIN_TAKEN", gtins.find(ledger, number).party])
