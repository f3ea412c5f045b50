"""People who log in to the pages."""

from __future__ import annotations

import argparse
import getpass
import sys

from api.commands import output
from api.commands.ledgers import where
from ledger import people
from ledger.errors import RuleError
from ledger.service import Ledger


def add(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    name = people.add(
        ledger, arguments.name, arguments.party, arguments.scope, _password(people.PASSWORD_MAX)
    )
    print(f"{name} may log in for {arguments.party}: {' '.join(arguments.scope)}")
    return 0


def list_all(arguments: argparse.Namespace) -> int:
    rows = people.listing(Ledger.open(where(arguments)))
    if arguments.json:
        output.json(rows)
        return 0
    for row in rows:
        state = "disabled" if row["disabled_ms"] else "active"
        print(f"{row['name']:<24} {row['party']:<24} {row['scopes']:<18} {state}")
    return 0


def disable(arguments: argparse.Namespace) -> int:
    people.disable(Ledger.open(where(arguments)), arguments.name)
    print(f"disabled {arguments.name}; every session ended")
    return 0


def password(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    people.set_password(ledger, arguments.name, _password(people.PASSWORD_MAX))
    print(f"new password for {arguments.name}; every session ended")
    return 0


def _password(most: int) -> str:
    """From the terminal, twice and unseen; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(4 * most).rstrip("\r\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != first:
        raise RuleError(
            "PASSWORD_INVALID", "password: typed differently the second time", field="password",
            hint="run the command again",
        )  # fmt: skip
    return first
