"""Labels of lots and certificates."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.commands.ledgers import where
from labels import payload, qr
from ledger import reports
from ledger.book import mass, serial, vocabulary
from ledger.errors import FormatError
from ledger.service import Ledger


def label(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    if "/" in arguments.subject:
        text, shown = lot_label(ledger, arguments.subject)
    else:
        text, shown = certificate_label(ledger, arguments.subject)
    if not arguments.out:
        print(qr.terminal(text))
        print(text)
        return 0
    path = Path(arguments.out)
    if path.suffix not in (".png", ".svg"):
        raise FormatError(
            "PARAMETER_INVALID",
            f"--out: {path.name!r} is neither .png nor .svg",
            field="--out",
            value=path.name,
            hint="name the file .png or .svg; without --out the code is shown here",
        )
    if path.suffix == ".svg":
        path.write_text(qr.svg(text, shown), encoding="utf-8")
    else:
        path.write_bytes(qr.png(text, shown))
    print(f"{path}: {text}")
    return 0


def lot_label(ledger: Ledger, lot: str) -> tuple[str, qr.LabelText]:
    view = reports.lot_view(ledger, lot)
    material = view["material"]
    named = f"{material['metal']} {material['form']}" if material else view["role"]
    text = payload.lot_payload(ledger.host, lot, reports.lot_leaf_hash(ledger, lot))
    heat = view["made_by"].rpartition("/")[2] if "/" in view["made_by"] else ""
    weight = mass.format_mass(view["wet_mg"] or view["made_mg"])
    caption = "Heat" if view["step"] in vocabulary.FURNACE else "Run"
    line = percent_line(view)
    return text, qr.LabelText(lot, named, weight, heat, line, heat_caption=caption)


def percent_line(view: Mapping[str, Any]) -> str:
    """The lot's own certified figure; what is not certified is called origin, or left out."""
    for found in view["certificates"]:
        if found["here_mg"] and found["status"] == "VALID":
            share = f"at least {found['here_percent']} % of the {found['substance']} certified"
            return f"{share}, {serial.printed(found['serial'])}"
    if view["assay_grade"] == "provisional" or not view["elements"]:
        return ""
    element = view["elements"][0]
    post = element["origins"].get("POST", {"percent": "0.00"})["percent"]
    return f"{element['substance']}: {post} % post-consumer by origin"


def certificate_label(ledger: Ledger, number: str) -> tuple[str, qr.LabelText]:
    plain = number.replace("-", "").upper()
    view = reports.certificate_view(ledger, plain)
    text = payload.certificate_payload(ledger.host, plain)
    line = f"at least {view['of_substance']} % {'+'.join(view['classes'])} {view['substance']}"
    held = mass.format_mass(view["held_mg"])
    return text, qr.LabelText(
        ", ".join(view["lots"]), f"certificate {serial.printed(plain)}", held, "", line
    )
