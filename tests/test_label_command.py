"""`remelt label` and `remelt gtin`: files that scan, options that are refused by name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api import cli
from tests.http import scanner
from tests.pages import shop

GTIN, DEMO = "09506000134352", "09520123456788"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shop.Shop]:
    opened = shop.open_shop(tmp_path_factory.mktemp("labels"))
    yield opened
    opened.ledger.engine.dispose()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    week: shop.Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command in an empty directory: status, what it printed, what it complained of."""
    monkeypatch.setenv("REMELT_DATA", str(week.ledger.settings.data))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def code(week: shop.Shop, lot: str) -> str:
    return f"HTTPS://DEMO.REMELT.EXAMPLE{week.labels[lot]}"


def test_several_lots_and_certificates_go_into_one_file(week: shop.Shop, run: Run) -> None:
    serial = week.serials["CERT"]
    printed = f"{serial[:4]}-{serial[4:8]}-{serial[8:]}"
    subjects = ("HB01/CERT", "hb01/left", printed)
    want = [code(week, "HB01/CERT"), code(week, "HB01/LEFT"),
            f"HTTPS://DEMO.REMELT.EXAMPLE/C/{serial}"]  # fmt: skip
    sheet = ("--stock", "a4-2x4", "--skip", "7", "--out", "labels.pdf")
    assert run("label", *subjects, *sheet) == (0, "labels.pdf: 3 labels\n", "")
    first, second = scanner.of_pdf(Path("labels.pdf").read_bytes())
    assert first == want[:1]
    assert sorted(second) == sorted(want[1:])
    assert run("label", *subjects, "--dpi", "203", "--out", "labels.zpl")[0] == 0
    assert scanner.of_zpl(Path("labels.zpl").read_text("ascii")) == want
    assert run("label", *subjects, "--copies", "2", "--out", "labels.csv")[0] == 0
    with Path("labels.csv").open(encoding="utf-8-sig", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["payload"] for row in rows] == [each for each in want for _ in range(2)]
    assert all("48.26 %" in row["percent"] for row in rows)
    status, said, _ = run("label", "HB01/CERT", "--out", "one.png")
    assert (status, said) == (0, f"one.png: {want[0]}\n")
    assert scanner.of_png(Path("one.png").read_bytes()) == want[:1]
    status, said, _ = run("label", *subjects)
    assert [line for line in said.splitlines() if line.startswith("HTTPS")] == want


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "LOT|SERIAL: nothing to print"),
        (("HB01/CERT", "--out", "label.gif"), "--out"),
        (("HB01/CERT", "HB01/LEFT", "--out", "label.png"), "labels: 2, want 1"),
        (("HB01/CERT", "--copies", "2", "--out", "label.svg"), "copies: 2, want 1"),
        (("HB01/CERT", "--copies", "0", "--out", "label.pdf"), "copies"),
        (("HB01/CERT", "--copies", "1001", "--out", "label.pdf"), "copies"),
        (("HB01/CERT", "--stock", "a5", "--out", "label.pdf"), "stock: 'a5'"),
        (("HB01/CERT", "--dpi", "72", "--out", "label.zpl"), "dpi: 72"),
        (("HB01/CERT", "--offset-x", "-20.5", "--out", "label.pdf"), "offset_x: '-20.5'"),
        (("HB01/CERT", "--pitch-y", "a", "--out", "label.pdf"), "pitch_y: 'a'"),
        (("HB01/CERT", "--medium", "glass", "--out", "label.pdf"), "medium"),
        (("HB01/CERT", "--damaged"), "damaged: the lot's material is aluminium"),
        (("HB01/CERT", "--gtin"), "no GTIN is registered"),
        (("HB01/NONE",), "no lot HB01/NONE"),
        (("ABCD-EFGH-JKMN",), "serial"),
    ],
)
def test_what_cannot_be_printed_is_refused_and_nothing_is_written(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = run("label", *arguments)
    assert (status, out) == (1, "")
    assert said in err
    assert "want" in err or "hint: " in err
    assert list(Path().iterdir()) == []


def test_stocks_and_test_pages_need_no_ledger(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMELT_DATA", "nowhere")
    status, out, _ = run("label", "--stocks")
    assert status == 0
    assert "a4-3x8" in out
    assert run("label", "--stock", "a4-3x8", "--test-page", "t.pdf") == (0, "t.pdf\n", "")
    assert Path("t.pdf").read_bytes().startswith(b"%PDF")


def test_a_gtin_is_added_listed_printed_and_removed(week: shop.Shop, run: Run) -> None:
    assert "registered 09506000134352" in run("gtin", "add", GTIN, "HB01")[1]
    grade = ("--metal", "aluminium", "--form", "slab", "--grade", "aa:3105")
    status, _, err = run("gtin", "add", DEMO, "HB01", *grade)
    assert status == 1
    assert "demonstrations" in err
    assert "registered 0952" in run("gtin", "add", DEMO, "HB01", *grade, "--demo")[1]
    assert run("gtin", "list")[1].count("valid") == 2
    assert run("gtin", "list", shop.CHUZHOU)[1] == ""
    assert f"/01/{DEMO}/10/CERT" in run("label", "HB01/CERT", "--gtin")[1]
    assert run("label", "HB01/CERT", "--gtin", "--reprint", "--out", "g.png")[0] == 0
    link = f"HTTPS://DEMO.REMELT.EXAMPLE/01/{DEMO}/10/CERT"
    assert scanner.of_png(Path("g.png").read_bytes()) == [link]
    assert run("gtin", "remove", DEMO)[0] == 0
    assert f"/01/{GTIN}/10/CERT" in run("label", "HB01/CERT", "--gtin")[1]
    for wrong, said in (
        (("add", GTIN, "HB01", "--form", "slab"), "material.metal is missing"),
        (("add", GTIN, "HB01", "--metal", "gold", "--form", "x"), "material.form"),
        (("add", GTIN, "XX01"), "no site XX01"),
        (("add", GTIN, "CZ01"), "another party"),
        (("add", GTIN[:-1] + "3", "HB01"), "check digit 2"),
        (("remove", DEMO), "not registered"),
    ):
        status, _, err = run("gtin", *wrong)
        assert status == 1
        assert said in err
