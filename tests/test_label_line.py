"""What percentage a lot's label prints: certified, by origin, or none."""

from __future__ import annotations

from typing import Any

from api import label_texts

ALUMINIUM = {"substance": "Al", "origins": {"POST": {"mass_mg": 7, "percent": "70.00"}}}
HELD = {
    "serial": "WXAG2FVZ5MKR",
    "status": "VALID",
    "substance": "Al",
    "here_mg": 5,
    "here_percent": "50.00",
}


def view(**more: Any) -> dict[str, Any]:
    return {"certificates": [], "assay_grade": "final", "elements": [ALUMINIUM], **more}


def test_a_label_prints_the_lots_own_certified_figure_and_its_serial() -> None:
    line = label_texts.percent_line(view(certificates=[HELD]))
    assert line == "at least 50.00 % of the aluminium certified, WXAG-2FVZ-5MKR"


def test_what_is_not_certified_is_called_origin_and_claims_nothing() -> None:
    for gone in ({"status": "REVOKED"}, {"here_mg": 0}):
        line = label_texts.percent_line(view(certificates=[{**HELD, **gone}]))
        assert line == "aluminium: 70.00 % post-consumer by origin"


def test_a_provisional_or_missing_assay_gives_no_percentage() -> None:
    assert label_texts.percent_line(view(assay_grade="provisional")) == ""
    assert label_texts.percent_line(view(elements=[])) == ""


def test_several_certificates_on_one_lot_are_added_up() -> None:
    element = {**ALUMINIUM, "mass_mg": 10}
    more = [{**HELD, "here_mg": 2, "here_percent": "20.00", "serial": "ABCDEFGHJKMN"},
            {**HELD, "substance": "Cu", "here_mg": 1}, {**HELD, "status": "REVOKED"}]  # fmt: skip
    line = label_texts.percent_line(view(certificates=[HELD, *more], elements=[element]))
    assert line == "at least 70.00 % of the aluminium certified, 2 certificates"
    line = label_texts.percent_line(view(certificates=[HELD, *more], elements=[element]), "zh")
    assert line == "至少 70.00% 的铝已开具证书 2 份"
