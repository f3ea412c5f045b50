"""Labels of lots and certificates, and the GTINs that may stand on them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from api import label_files, label_texts
from api.commands import output
from api.commands.ledgers import where
from labels import qr, sheet
from ledger import gtins, reports
from ledger.book import serial
from ledger.errors import FormatError
from ledger.service import Ledger


def label(arguments: argparse.Namespace) -> int:
    if arguments.stocks:
        return _stocks()
    options = _options(arguments)
    if arguments.test_page:
        return _write(Path(arguments.test_page), label_files.test_page(options))
    if not arguments.subjects:
        raise FormatError(
            "PARAMETER_INVALID",
            "LOT|SERIAL: nothing to print",
            field="LOT|SERIAL",
            hint="name lots (HB01/INGOT-1) or certificates (WXAG-2FVZ-5MKR), or --test-page FILE",
        )
    ledger = Ledger.open(where(arguments))
    labels = [_label(ledger, subject, arguments) for subject in arguments.subjects]
    if not arguments.out:
        for made in labels:
            print(qr.terminal(made.payload))
            print(made.payload)
        return 0
    path = Path(arguments.out)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in label_files.MEDIA_TYPES:
        known = ", ".join(f".{kind}" for kind in label_files.MEDIA_TYPES)
        raise FormatError(
            "PARAMETER_INVALID",
            f"--out: {path.name!r} ends in none of {known}",
            field="--out",
            value=path.name,
            hint="name the file after what it shall be; without --out the code is shown here",
        )
    data = label_files.render(kind, labels, options)
    if kind != "csv":
        _warn(labels, options)
    return _write(path, data, labels[0].payload if len(labels) == 1 else f"{len(labels)} labels")


def _options(arguments: argparse.Namespace) -> sheet.Options:
    names = (
        *("stock", "copies", "skip", "dpi", "border", "reprint", "medium", "form", "lang"),
        *label_files.TRIM,
    )
    return label_files.options(**{name: getattr(arguments, name) for name in names})


def _label(ledger: Ledger, subject: str, arguments: argparse.Namespace) -> sheet.Label:
    if "/" in subject:
        wanted = label_texts.Wanted(
            arguments.lang, arguments.gtin, arguments.battery_code, arguments.damaged
        )
        return label_texts.of_lot(ledger, reports.lot_view(ledger, subject.upper()), wanted)
    number = serial.parse(subject.replace("-", "").upper(), "serial")
    view = reports.certificate_view(ledger, number)
    return label_texts.of_certificate(ledger, view, arguments.lang)


def _write(path: Path, data: bytes, shown: str = "") -> int:
    path.write_bytes(data)
    print(f"{path}: {shown}" if shown else path)
    return 0


def _warn(labels: list[sheet.Label], options: sheet.Options) -> None:
    """What the stock has no room for, once for all labels."""
    missing = label_files.left_out(labels, options)
    if missing:
        names = ", ".join(missing)
        print(f"remelt: {options.stock} has no room for: {names}", file=sys.stderr)


def _stocks() -> int:
    for row in label_files.stocks():
        print(f"{row['stock']:<9} {row['columns'] * row['rows']:>4}  {row['title']}")
    return 0


def gtin_add(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    material = _material(arguments)
    row, new = gtins.register(
        ledger, ledger.operator, arguments.gtin, arguments.site, material, demo=arguments.demo
    )
    print(f"{'registered' if new else 'changed'} {_line(row)}")
    return 0


def _material(arguments: argparse.Namespace) -> dict[str, Any] | None:
    given: dict[str, Any] = {}
    if arguments.metal:
        given["metal"] = arguments.metal
    if arguments.form:
        given["form"] = arguments.form
    if arguments.grade:
        scheme, _, code = arguments.grade.partition(":")
        given["grade"] = {"scheme": scheme, "code": code}
    return gtins.parse_material(given) if given else None


def gtin_list(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    rows = gtins.listing(ledger, arguments.party)
    if arguments.json:
        output.json([row.as_dict() for row in rows])
        return 0
    for row in rows:
        print(f"{_line(row)}  {'ended' if row.ended_ms else 'valid'}")
    return 0


def gtin_remove(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    row = gtins.end(ledger, ledger.operator, arguments.gtin)
    print(f"ended {row.gtin}: no more labels with it; those there are lead on to their lots")
    return 0


def _line(row: gtins.Gtin) -> str:
    goods = " ".join(part for part in row.goods if part) or "any goods"
    return f"{row.gtin}  {row.site:<12} {row.party:<24} {goods}"
