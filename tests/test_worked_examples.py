"""The worked examples through the real door: `remelt try FILE --json`, plain and twisted.

tests/oracle/cases.py writes the events and computes what must come out, with arithmetic of its own.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import case, cases

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "../shared/data/worked_examples.json"
Answer = dict[str, Any]


def try_file(path: Path) -> Answer:
    """What the command says about a file, as a stranger would run it."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "try", str(path), "--json"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: Answer = json.loads(done.stdout)
    return answer


@functools.cache
def twisted(name: str) -> list[case.Case]:
    """An example as it is printed, then with other masses, names and orders."""
    return [one for twist in cases.TWISTS for one in cases.EXAMPLES[name](twist)]


def answer_of(one: case.Case, folder: Path) -> Answer:
    path = folder / "events.ndjson"
    path.write_bytes(b"\n".join(one.lines) + b"\n")
    return try_file(path)


@pytest.mark.parametrize(
    ("name", "number"),
    [(name, number) for name in cases.EXAMPLES for number in range(len(twisted(name)))],
)
def test_an_example_comes_out_to_the_milligram(name: str, number: int, tmp_path: Path) -> None:
    one = twisted(name)[number]
    assert not case.differences(one, answer_of(one, tmp_path))


def test_a_figure_that_is_one_milligram_off_is_noticed(tmp_path: Path) -> None:
    (one,) = cases.e01()
    one.lots["HB01/INGOT"]["Al"]["POST"] += 1
    assert case.differences(one, answer_of(one, tmp_path))


def test_a_file_that_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    missing = tmp_path / "missing.ndjson"
    command = [sys.executable, "-m", "api.cli", "try", str(missing), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert str(missing) in done.stderr.decode()


# The figures as printed beside this checkout, which the arithmetic above must agree with.


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    if not EXAMPLES.exists():
        pytest.skip("the worked examples are not beside this checkout")
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def plain(name: str, folder: Path, number: int = 0) -> Answer:
    return answer_of(cases.EXAMPLES[name](case.PLAIN)[number], folder)


def on(answer: Answer, lot: str, element: str = "Al") -> case.Vector:
    """Grams of an element on a lot of the first site, claims summed up."""
    return case.by_origin(answer["lots"][f"HB01/{lot}"]).get(element, {})


def lost(answer: Answer, step: str = "MELT", element: str = "Al") -> case.Vector:
    found: case.Vector = answer["accounts"].get(f"loss:HB01/{step}", {}).get(element, {})
    return found


def test_the_examples_here_are_those_that_rules_version_1_can_tell(
    printed: Mapping[str, Any],
) -> None:
    later = {"E07", "E14", "E18"}  # credits and efficiency: not yet kinds of events
    assert {*cases.EXAMPLES, "E12"} == set(printed) - later


def test_e01_has_the_printed_figures(printed: Mapping[str, Any], tmp_path: Path) -> None:
    answer, want = plain("E01", tmp_path), printed["E01"]
    assert on(answer, "INGOT") == want["expect_mg"]["INGOT"]
    assert on(answer, "DROSS") == want["expect_mg"]["DROSS"]
    assert lost(answer) == want["expect_mg"]["LOSS"]
    (certificate,) = answer["certificates"].values()
    assert certificate["of_substance"] == want["shares"]["post_of_ingot_al"]
    assert certificate["of_mass"] == want["shares"]["post_of_ingot_mass"]


def test_e02_rounds_ties_against_the_claim(printed: Mapping[str, Any], tmp_path: Path) -> None:
    answer, want = plain("E02", tmp_path), printed["E02"]["expect_mg"]
    assert on(answer, "P1") == want["P1"]
    assert on(answer, "P2") == want["P2"]
    assert lost(answer) == case.clean(want["LOSS"])


def test_e03_keeps_the_origin_of_run_around_scrap(
    printed: Mapping[str, Any], tmp_path: Path
) -> None:
    answer, want = plain("E03", tmp_path), printed["E03"]
    assert on(answer, "SHEET1") == want["heat1_mg"]["SHEET1"]
    assert on(answer, "SHEET2") == want["heat2_mg"]["SHEET2"]
    assert on(answer, "TRIM2") == want["heat2_mg"]["TRIM2"]


@pytest.mark.parametrize(("number", "figure"), [(0, "post"), (1, "recycled")])
def test_e05_gives_every_element_its_own_share(
    number: int, figure: str, printed: Mapping[str, Any], tmp_path: Path
) -> None:
    answer, want = plain("E05", tmp_path, number), printed["E05"]["expect"]
    shown = {c["substance"]: c["of_substance"] for c in answer["certificates"].values()}
    for element, (lot, _, _) in cases.SALTS.items():
        product = next(v for k, v in want[element]["expect_mg"].items() if k != "LOSS")
        assert on(answer, lot, element) == case.clean(product)
        assert lost(answer, "LEACH", element) == case.clean(want[element]["expect_mg"]["LOSS"])
        assert shown[element] == want[element][figure]


def test_e06_carries_the_heel_over(printed: Mapping[str, Any], tmp_path: Path) -> None:
    answer, want = plain("E06", tmp_path), printed["E06"]["expect_mg"]
    assert on(answer, "TAP") == want["TAP"]
    assert on(answer, "HEEL-F1") == want["HEEL_AFTER"]
    assert lost(answer) == want["LOSS"]


def test_e08_refuses_one_milligram_and_one_hundredth_too_many(
    printed: Mapping[str, Any], tmp_path: Path
) -> None:
    by_mass, by_share = (plain("E08", tmp_path, number) for number in (0, 1))
    codes = [r["error"]["code"] for a in (by_mass, by_share) for r in a["results"] if not r["ok"]]
    wanted = [request["error"] for request in printed["E08"]["requests"] if not request["ok"]]
    assert codes == [wanted[0], "CLAIM_ALREADY_USED", wanted[1]]
    for answer in (by_mass, by_share):
        (certificate,) = answer["certificates"].values()
        assert certificate["claimed_mg"] == {"POST": printed["E08"]["available_post_mg"]}
        assert certificate["of_substance"] == "70.00"


def test_e10_gives_every_gram_to_one_certificate(
    printed: Mapping[str, Any], tmp_path: Path
) -> None:
    answer, want = plain("E10", tmp_path), printed["E10"]["split_mg"]
    assert on(answer, "S1") == want["S1"]
    assert on(answer, "S2") == want["S2"]
    assert answer["lots"]["HB01/TAP"] == {}
    states = sorted((c["line"], c["status"]) for c in answer["certificates"].values())
    assert [status for _, status in states] == ["REVOKED", "VALID", "VALID"]


@pytest.mark.parametrize(
    ("arrived", "code"),
    [
        ("24 860 kg", "WEIGHT_MISMATCH"),
        ("24 905.06 kg", None),
        ("24 905 059 999 mg", "WEIGHT_MISMATCH"),
    ],
)
def test_e12_books_the_second_scale_within_its_tolerance(
    arrived: str, code: str | None, printed: Mapping[str, Any], tmp_path: Path
) -> None:
    want = printed["E12"]
    one = cases.start("E12")
    one.place("WUHU-PRESS", "WH01", ["PRESS"], [])
    one.receive("HB01/CU", "POST", case.T * 24 + 980_000_000, {"Cu": "96.40 %"})
    to = {"party": "WUHU-PRESS", "site": "WH01"}
    one.at_home("lot_dispatched", {"consignment": "HB01/K-1", "lots": ["HB01/CU"], "to": to})
    answer = answer_of(one, tmp_path)
    assert answer["accounts"]["transit:HB01/CU"]["Cu"] == {"POST": want["nominal_cu_mg"]}
    arrival = {"consignment": "HB01/K-1", "lots": [{"lot": "HB01/CU", "mass": arrived}]}
    one.add("lot_arrived", "WUHU-PRESS", arrival, site="WH01")
    answer = answer_of(one, tmp_path)
    assert answer["results"][-1].get("error", {}).get("code") == code
    assert ("transit:HB01/CU" in answer["accounts"]) == (code is not None)
    if code is None:
        kept = sum(sum(page.values()) for page in answer["lots"]["HB01/CU"].values())
        assert kept == 24_905_060_000
        assert answer["accounts"]["loss:WH01/TRANSIT"]


def test_e16_gives_birth_to_scrap_once_and_outside_its_process(
    printed: Mapping[str, Any], tmp_path: Path
) -> None:
    want = printed["E16"]
    bought, trim, declared, _ = (plain("E16", tmp_path, number) for number in range(4))
    assert case.by_origin(bought["lots"]["WH01/SKELETON"])["Al"] == want["a"]["expect_mg"]
    assert on(trim, "CAST-1") == want["b"]["expect_mg"]
    assert declared["results"][-1]["error"]["code"] == want["c"]["error"]
