"""Auditing a log: the local one, or one that is read from an address or a directory."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from api.commands import ledgers, output
from ledger import auditor, remote_audit, settings, tilesource
from ledger import witness as witnesses
from ledger.audit import Finding
from ledger.certificate import policy as policies
from ledger.certificate import verdict
from ledger.errors import FormatError, LedgerError, RuleError
from ledger.witness import logs as known_logs

AUDIT_DIRECTORY: Final = "audit"
UNREADABLE: Final = frozenset({"SOURCE_UNREADABLE", "PARAMETER_INVALID", "POLICY_INVALID"})


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
    progress = output.Progress("audited entries")
    with contextlib.closing(tilesource.open_source(arguments.url, api_key)) as source:
        report = remote_audit.run(source, policy, arguments.processes or 1, progress)
    young = _is_young(policy, report)
    if arguments.json:
        output.json(as_dict(report, young))
    else:
        _print(report, young)
    return 0 if report.finding is None else 1


def _is_young(policy: policies.Policy, report: remote_audit.Report) -> bool | None:
    """Whether the checkpoint meets the policy's max_age; None where there is none."""
    if policy.max_age_s is None:
        return None
    seen = policies.seen_at_s(policy, report.cosigned)
    return seen is not None and time.time() - seen <= policy.max_age_s


def read_policy(path: str) -> policies.Policy:
    try:
        return policies.parse(Path(path).read_bytes())
    except FormatError as error:
        where = f"{path}: {error.message}"
        raise FormatError(error.code, where, field=error.field, hint=error.hint) from error


def as_dict(report: remote_audit.Report, young: bool | None) -> dict[str, Any]:
    return {
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "cosigned": [{"witness": name, "at": _time(at)} for name, at in report.cosigned.items()],
        "quorum": report.quorum,
        "young": young,
        "finding": None if report.finding is None else found(report.finding),
    }


def found(finding: Finding) -> dict[str, Any]:
    return {"n": finding.n, "field": finding.field, "message": finding.message}


def _print(report: remote_audit.Report, young: bool | None) -> None:
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
    if young is False:
        print("  the policy's max_age is not met: this may be the log as it was long ago")


def _time(at_s: int) -> str:
    return verdict.time_of(at_s * 1000)


# The auditing witness.


@contextlib.contextmanager
def auditors(config: witnesses.Config, arguments: argparse.Namespace) -> Iterator[witnesses.Judges]:
    """The judges of a witness that audits, by origin; each log has a directory of its own."""
    urls = _urls(config, arguments)
    api_key = arguments.api_key or settings.value("REMELT_API_KEY")
    keys = known_logs.by_origin(config.known)
    witnesses.ensure(config)
    # The server ends by the signal that it got, once it has ended everything of its own.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with contextlib.ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, before)
        judges = {}
        for origin, url in urls.items():
            source = tilesource.open_source(url, api_key)
            name = hashlib.sha256(origin.encode()).hexdigest()
            made = auditor.open_auditor(
                config.directory / AUDIT_DIRECTORY / name, origin, keys[origin], source
            )
            stack.callback(auditor.close, made)
            judges[origin] = made.judge
        yield judges


def _urls(config: witnesses.Config, arguments: argparse.Namespace) -> dict[str, str]:
    """Where each log is read: from its line, or --url if there is one log only."""
    urls = {log.origin: "" for log in config.known}
    urls |= {log.origin: log.url for log in config.known if log.url}
    if arguments.url and len(urls) == 1:
        return dict.fromkeys(urls, arguments.url)
    missing = sorted(origin for origin, url in urls.items() if not url)
    if missing or arguments.url:
        raise RuleError(
            "SETTING_INVALID",
            f"witness: no address to read {missing[0]} at"
            if missing
            else "witness: --url is for one log, here are several",
            hint="give --url if there is one log, else `log VKEY URL` lines in a file for --logs",
        )
    return urls
