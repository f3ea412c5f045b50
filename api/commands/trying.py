"""Trying events without a ledger."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from ledger import trial
from ledger.book import mass, serial, totals
from ledger.errors import LedgerError
from ledger.exchange import story


def read_events(path: str) -> bytes:
    """A file of events as NDJSON; a story in TOML is turned into it."""
    data = Path(path).read_bytes()
    return story.to_ndjson(story.load(data.decode())) if path.endswith(".toml") else data


def try_events(arguments: argparse.Namespace) -> int:
    try:
        report = trial.run(read_events(arguments.file))
    except (OSError, UnicodeDecodeError, LedgerError) as error:
        print(f"remelt: error: {arguments.file}: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
        return 0
    for result in report["results"]:
        if result["ok"]:
            print(f"line {result['line']:>4}  ok       entry {result['n']}")
        else:
            error_ = result["error"]
            print(f"line {result['line']:>4}  refused  {error_['code']}: {error_['message']}")
            if error_["hint"]:
                print(f"                     {error_['hint']}")
    for lot, balances in report["lots"].items():
        if balances:
            _print_lot(lot, balances)
    for number, view in report["certificates"].items():
        shown = serial.printed(number)
        share = f"{view['of_substance']} % of {view['substance']}"
        print(f"certificate {shown}  {view['status']}  {share}")
    return 0


def _print_lot(lot: str, balances: dict[str, dict[str, int]]) -> None:
    weight = sum(sum(page.values()) for page in balances.values())
    parts = []
    for element in totals.elements(balances)[:4]:
        origins = " ".join(f"{name} {o['percent']}" for name, o in element["origins"].items())
        parts.append(f"{element['substance']} {element['of_mass']} % ({origins})")
    print(f"lot {lot:<24} {mass.format_mass(weight):>20}  {'; '.join(parts)}")
