"""The pages of the example stories: every figure cited, and printed as the ledger has it."""

from __future__ import annotations

import copy
import re

from ledger import trial
from ledger.book import encoding, lines, mass
from ledger.exchange import story
from tests.test_stories import (
    CERTIFIED,
    CLASSES,
    by_class,
    lots,
    newer_story,
    read,
    refusals,
    told,
)

# Where the figures come from.

FIGURE = re.compile(r'"<?\d[\d ]*(\.\d+)? (t|kg|g|mg|%|ppm|ppb)"|\bwh = \d')
QUANTITY = re.compile(r"^\s*(assay|moisture|mass|gross|tare|amount)\s*=")
WORDS = re.compile(r'"(all|rest)"')
TABLES = (
    "battery_element_fractions", "compound_factors", "process_yields", "scrap_codes",
    "targets_regulatory",
)  # fmt: skip


@newer_story
def test_every_line_with_a_figure_says_where_it_comes_from(folder: str) -> None:
    cited = 0
    for name in ("story.toml", "refused.toml"):
        for number, line in enumerate(read(folder, name).splitlines(), start=1):
            stated, _, comment = line.partition("  # ")
            if FIGURE.search(stated) or (QUANTITY.match(stated) and not WORDS.search(stated)):
                assert re.search(r"\b(found|memory|own|compound_factors)\b", comment), (
                    f"{folder}/{name}:{number}: {line}"
                )
                cited += 1
    assert cited >= 70


@newer_story
def test_the_page_lists_every_publication_and_table_that_is_cited(folder: str) -> None:
    sources = read(folder, "README.md").partition("## Sources")[2]
    text = read(folder, "story.toml")
    cited = {*re.findall(r"found: ([A-Z]\w+(?: [A-Z]\w+)*)", text)}
    cited |= {name for name in TABLES if name in text}
    assert len(cited) >= 4
    assert not {name for name in cited if name not in sources}


@newer_story
def test_the_page_prints_the_lots_as_they_are(folder: str) -> None:
    table = read(folder, "README.md").partition("## What each lot")[2]
    table = table.partition("| certificate on")[0]
    rows = re.findall(r"^\| `(\S+)` \| [^|]+ \| ([A-Z][a-z]?) \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) >= 12
    for lot, element, shown in rows:
        page = by_class(lots(folder)[lot][element])
        whole = sum(page.values())
        shares = [mass.percent_floor(page[c], whole) if page[c] else "" for c in CLASSES]
        kg = f"{whole / 10**6:,.1f}".replace(",", " ")
        assert [c.strip() for c in shown.split(" |")] == [kg, *shares], (lot, element)


@newer_story
def test_the_page_prints_the_certificates_as_they_are(folder: str) -> None:
    table = read(folder, "README.md").partition("| certificate on")[2].partition("## ")[0]
    made = {}
    for row in re.findall(r"^\| `(.*) \|$", table, re.MULTILINE):
        lot, _, element, classes, kg, of_substance, of_mass, now = row.split(" | ")
        figures = (kg, of_substance.removesuffix(" %"), of_mass.removesuffix(" %"))
        made[lot.rstrip("`"), classes, element, re.split(r"\W", now)[0]] = figures
    assert made == {
        name: (f"{sum(claimed.values()) / 10**6:,.1f}".replace(",", " "), *shares)
        for name, (claimed, _, *shares) in CERTIFIED[folder].items()
    }


def test_the_page_prints_what_the_leach_recovers() -> None:
    table = read("battery", "README.md").partition("| recovered |")[2].partition("\n\n")[0]
    salts = {"Ni": "NISO4-1", "Co": "COSO4-1", "Mn": "MNSO4-1", "Li": "LI2CO3-1"}
    fed = ("HF01/BM-1", "HF01/BM-2", "AQ01/MHP-0413")
    rows = re.findall(r"^\| (\w+) \| ([\d .]+) \| ([\d .]+) \| (\S+) % \|", table, re.MULTILINE)
    assert [row[0] for row in rows] == list(salts)
    for element, *shown in rows:
        whole = sum(lines.substance_mg(lots("battery")[lot], element) for lot in fed)
        made = lines.substance_mg(lots("battery")[f"AQ01/{salts[element]}"], element)
        kg = [f"{mg / 10**6:,.1f}".replace(",", " ") for mg in (whole, made)]
        assert shown == [*kg, mass.percent_floor(made, whole)]


def test_the_page_says_what_anode_scrap_in_one_run_would_have_given() -> None:
    anodes, cells = lots("copper")["TL01/ANODE-1"]["Cu"], lots("copper")["TL01/ELY-0"]["Cu"]
    share = mass.percent_floor(anodes["POST"], sum(anodes.values()) + sum(cells.values()))
    assert f"come out at {share} %" in read("copper", "README.md").replace("\n  ", " ")


def test_a_reagent_hides_an_error_unless_it_names_what_it_does_not_hold() -> None:
    """As the battery page says of its additions."""
    event = copy.deepcopy(refusals("battery").events[0])
    data = story.to_ndjson(told("battery"))
    event["body"]["additions"] = [{"name": "soda_ash", "mass": "3.90 t"}]
    report = trial.run(data + encoding.canonical(event))
    assert report["results"][-1]["ok"]
    assert set(report["accounts"]["gain:AQ01"]["Li"]) == {"UNK"}
    event["body"]["additions"][0]["assay"] = {"Li": "<1 ppm"}
    result = trial.run(data + encoding.canonical(event))["results"][-1]
    assert result["error"]["code"] == "ELEMENT_GAIN_OUT_OF_TOLERANCE"


@newer_story
def test_the_page_explains_every_refusal(folder: str) -> None:
    table = read(folder, "README.md").partition("## What is refused")[2].partition("## ")[0]
    codes = re.findall(r"^\|.*\| `(\w+)` \|", table, re.MULTILINE)
    assert codes == list(refusals(folder).expected)
