"""Auditing a log: the local one, or one that is read from an address or a directory."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from pathlib import Path
from typing import Any

from api.commands import ledgers, output
from ledger import remote_audit, settings, tilesource
from ledger.audit import Finding
from ledger.certificate import policy as policies
from ledger.errors import FormatError, LedgerError

UNREADABLE = frozenset({"SOURCE_UNREADABLE", "PARAMETER_INVALID", "POLICY_INVALID"})


def audit(arguments: argparse.Namespace) -> int:
    """Of a log of one's own, or with --url of anybody's."""
    wrong = _misplaced(arguments)
    if wrong:
        return _unreadable(wrong, "remelt audit --help")
    if not arguments.url:
        return ledgers.audit_ledger(arguments)
    try:
        return audit_remote(arguments)
    except LedgerError as error:
        if error.code not in UNREADABLE:
            raise
        return _unreadable(f"{error.code}: {error.message}", error.hint)


def _misplaced(arguments: argparse.Namespace) -> str:
    """What is wrong with the options as a whole; "" if nothing is."""
    if arguments.url and not arguments.policy:
        return "--url needs --policy: the keys that you trust"
    names = ("rebuild_views",) if arguments.url else ("policy", "api_key", "processes")
    given = [name.replace("_", "-") for name in names if getattr(arguments, name)]
    where = "with" if arguments.url else "without"
    return f"--{given[0]} does not go {where} --url" if given else ""


def _unreadable(wrong: str, hint: str) -> int:
    print(f"remelt: error: {wrong}", file=sys.stderr)
    print(f"remelt: hint: {hint}", file=sys.stderr)
    return 2


def audit_remote(arguments: argparse.Namespace) -> int:
    policy = read_policy(arguments.policy)
    api_key = arguments.api_key or settings.value("REMELT_API_KEY")
    shown: dict[str, output.Progress] = {}

    def progress(what: str, done: int, size: int) -> None:
        shown.setdefault(what, output.Progress(what))(done, size)

    with contextlib.closing(tilesource.open_source(arguments.url, api_key)) as source:
        report = remote_audit.run(source, policy, arguments.processes or 1, progress)
    if arguments.json:
        output.json(as_dict(report))
    else:
        _print(report)
    return 0 if report.finding is None else 1


def read_policy(path: str) -> policies.Policy:
    try:
        return policies.parse(Path(path).read_bytes())
    except FormatError as error:
        where = f"{path}: {error.message}"
        raise FormatError(error.code, where, field=error.field, hint=error.hint) from error


def as_dict(report: remote_audit.Report) -> dict[str, Any]:
    return {
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "cosigned": [{"witness": name, "at": _time(at)} for name, at in report.cosigned.items()],
        "quorum": report.quorum,
        "finding": None if report.finding is None else found(report.finding),
    }


def found(finding: Finding) -> dict[str, Any]:
    return {"n": finding.n, "field": finding.field, "message": finding.message}


def _print(report: remote_audit.Report) -> None:
    if report.finding is None:
        print(f"clean: {report.size} entries, log {report.origin}")
    else:
        finding = report.finding
        print(f"NOT CLEAN at entry {finding.n}, {finding.field}: {finding.message}")
    print(f"  root {report.root.hex()}")
    for name, at in report.cosigned.items():
        print(f"  cosigned by {name}, {_time(at)}")
    if not report.quorum:
        print("  the policy's quorum of witnesses is not met")


def _time(at_s: int) -> str:
    at = datetime.datetime.fromtimestamp(at_s, datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
