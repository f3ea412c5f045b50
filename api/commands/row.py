"""What a row of the table of subcommands is made of."""

from __future__ import annotations

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


DATA: Final = (
    arg("--data", metavar="DIR", help="the ledger's directory (REMELT_DATA, ./remelt-data)"),
    arg("--database", metavar="URL", help="another database (REMELT_DATABASE)"),
)
JSON: Final = arg("--json", action="store_true", help="print JSON for programs")
