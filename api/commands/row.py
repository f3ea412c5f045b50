"""What a row of the table of subcommands is made of."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Command:
    """run: "module.function" in api/commands, imported when called: verify needs no database."""

    help: str
    examples: str
    run: str
    arguments: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = ()


def arg(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """An argument of a command, as argparse takes it."""
    return names, options


def number(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`, read for argparse."""

    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,9}", text, re.ASCII) is None or not low <= int(text) <= high:
            wrong = f"{text[:20]!r}, want a whole number from {low} to {high}"
            raise argparse.ArgumentTypeError(wrong)
        return int(text)

    return read


def schemeless(text: str) -> str:
    """A name that is a URL without its scheme; it stays for ever, so a slip is told at once."""
    if "://" in text:
        wrong = f"{text[:80]!r}, want it without the scheme: {text.partition('://')[2][:80]!r}"
        raise argparse.ArgumentTypeError(wrong)
    return text


PORT: Final = number(0, 65_535)
PROCESSES: Final = number(1, 32)
DATA: Final = (
    arg("--data", metavar="DIR", help="the ledger's directory (REMELT_DATA, ./remelt-data)"),
    arg("--database", metavar="URL", help="another database (REMELT_DATABASE)"),
)
JSON: Final = arg("--json", action="store_true", help="print JSON for programs")
