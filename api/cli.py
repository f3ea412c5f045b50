"""The `remelt` command: its subcommands stand in api/commands/table.py."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from api.commands.table import COMMANDS
from ledger.errors import LedgerError

Add = Callable[[argparse.ArgumentParser], object]


EXIT: Final = "exit status: 0 done; 1 refused; 2 cannot be read or wrong use"
EXIT_VERIFY: Final = (
    "exit status: 0 meets the policy; 1 refused; 2 unreadable; "
    "3 consistent, but signed by nobody the policy names"
)
HINTS: Final[dict[type[OSError], str]] = {
    FileNotFoundError: "is it spelt right? a path counts from the directory you are in",
    IsADirectoryError: "a directory is there: name a file",
    NotADirectoryError: "a file is there: name a directory",
    FileExistsError: "a file is there: name a directory",
    PermissionError: "let this user have it, or run this as the user who has",
}


class _Parser(argparse.ArgumentParser):
    """Examples stand first in the help: they are what people came for."""

    def format_help(self) -> str:
        examples, self.description = self.description or "", ""
        shown = f"{examples}\n{super().format_help()}"
        self.description = examples
        return shown

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: error: {message}\nhint: {self.prog} --help\n")


def _overview(group: str = "") -> str:
    """A line for each command, or for those of one group."""
    wanted = {name: c for name, c in COMMANDS.items() if not group or name.startswith(f"{group} ")}
    return "\n".join(f"  remelt {name:<14} {command.help}" for name, command in wanted.items())


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="remelt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"commands:\n{_overview()}\n",
    )
    parser.add_argument("--version", action="version", version=f"remelt {version('remelt')}")
    groups: dict[str, Any] = {
        "": parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help="")
    }
    for name, command in COMMANDS.items():
        group, _, leaf = name.rpartition(" ")
        if group and group not in groups:
            nested = groups[""].add_parser(
                group,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                description=f"commands:\n{_overview(group)}\n",
            )
            groups[group] = nested.add_subparsers(dest="verb", required=True, metavar="VERB")
        examples = "".join(f"  {line}\n" for line in command.examples.split("\n"))
        made = groups[group].add_parser(
            leaf,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            description=f"examples:\n{examples}\n{command.help}\n",
            epilog=EXIT_VERIFY if name == "verify" else EXIT,
        )
        for names, options in command.arguments:
            made.add_argument(*names, **options)
        made.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        module, _, name = arguments.run.partition(".")
        run = getattr(importlib.import_module(f"api.commands.{module}"), name)
        status = int(run(arguments))
        sys.stdout.flush()
        return status
    except LedgerError as error:
        return _refused(error)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"remelt: error: {where}{error.strerror}", file=sys.stderr)
        if error.filename and type(error) in HINTS:
            print(f"remelt: hint: {HINTS[type(error)]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # By name, so that commands without a database need not load one. Also: a missing driver.
        named = type(error).__module__.startswith("sqlalchemy")
        if not named and not isinstance(error, ModuleNotFoundError):
            raise
        reason = getattr(error, "orig", None) or error
        print(f"remelt: error: the database cannot be used: {reason}", file=sys.stderr)
        print(
            "remelt: hint: create a ledger with `remelt init`, or name its directory with --data",
            file=sys.stderr,
        )
        return 2


def _refused(error: LedgerError) -> int:
    shown = f"{error.code}: {error.message}"
    if type(error.__cause__).__module__.startswith("sqlalchemy"):
        troubles = importlib.import_module("ledger.store.troubles")
        shown += f": {troubles.said(error.__cause__)}"
    print(f"remelt: error: {shown}", file=sys.stderr)
    if error.hint:
        print(f"remelt: hint: {error.hint}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
