"""Reading somebody's log: mirrors, monitors, and the way out after a rollback."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from api.commands import output
from api.commands.ledgers import where
from ledger import mirror, monitor, replay, settings, tilesource
from ledger.certificate import dossier as dossiers
from ledger.certificate import policy as policies
from ledger.errors import FormatError, LedgerError
from ledger.tlog import note
from ledger.witness import logs as known_logs

_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_THUMBPRINT: Final = re.compile("[A-Za-z0-9_-]{43}", re.ASCII)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def span_s(text: str, name: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None:
        wrong = f"{name}: not a time span: {text[:20]!r}, want a number and s, m, h or d, as in 10s"
        raise FormatError("PARAMETER_INVALID", wrong, field=name, value=text[:20])
    return int(found[1]) * _UNITS_S[found[2]]


def policy_of(path: str) -> policies.Policy:
    try:
        return policies.parse(Path(path).read_bytes())
    except FormatError as error:
        raise FormatError(error.code, f"{path}: {error.message}", hint=error.hint) from error


def keys_of(arguments: argparse.Namespace) -> tuple[note.Verifier, ...]:
    """The log keys of --policy and of every --log-key."""
    found = [log.verifier for log in policy_of(arguments.policy).logs] if arguments.policy else []
    named = getattr(arguments, "log_key", None) or ()
    return (*found, *(known_logs.of_vkey(vkey).verifier for vkey in named))


def _opened(arguments: argparse.Namespace, places: Sequence[str]) -> list[tilesource.Source]:
    """The sources; the API key goes to the first alone."""
    api_key = arguments.api_key or settings.value("REMELT_API_KEY")
    clean = [place.rstrip("/").removesuffix("/checkpoint") for place in places]
    return [tilesource.open_source(p, "" if i else api_key) for i, p in enumerate(clean)]


@contextmanager
def _sources(arguments: argparse.Namespace, *places: str) -> Iterator[list[tilesource.Source]]:
    with ExitStack() as stack:
        found = _opened(arguments, places)
        for source in found:
            stack.enter_context(closing(source))
        yield found


def _repeated(arguments: argparse.Namespace, default: str, once: Callable[[], int]) -> int:
    """What `once` says, or, without --once, the same over and over until somebody stops it."""
    every_s = span_s(arguments.every or default, "every")
    if not arguments.once:
        print(f"remelt: looking every {every_s} s; Ctrl-C ends it", file=sys.stderr)
    while True:
        began = time.monotonic()
        status = once()
        if arguments.once:
            return status
        sys.stdout.flush()
        time.sleep(max(0.0, every_s - (time.monotonic() - began)))


# Mirror.


def keep_mirror(arguments: argparse.Namespace) -> int:
    keys = keys_of(arguments)
    if not keys:
        wrong = "log_key: none, want --policy or --log-key: whose signature shall count?"
        raise FormatError("PARAMETER_INVALID", wrong, field="log_key")
    with _sources(arguments, arguments.source) as (source,):
        return _repeated(arguments, "60s", lambda: _mirror_once(arguments, source, keys))


def _mirror_once(
    arguments: argparse.Namespace, source: tilesource.Source, keys: tuple[note.Verifier, ...]
) -> int:
    directory = Path(arguments.directory)
    try:
        kept = mirror.keep(source, directory, keys, output.Progress("entries"))
    except LedgerError as error:
        if arguments.once or error.code == "LOG_FORKED":
            raise
        print(f"remelt: warning: {error.code}: {error.message}", file=sys.stderr)
        return 1
    said = kept.checkpoint
    if kept.behind:
        wrong = (
            f"{source.where} shows {said.size - kept.behind} entries, the mirror has {said.size}"
        )
        print(f"remelt: warning: {wrong}: an old copy, or a log set back", file=sys.stderr)
    elif kept.added or arguments.once:
        print(f"{directory}: {said.size} entries, {kept.added} new, log {said.origin}")
    return 1 if kept.behind else 0


# Monitor.


def watch(arguments: argparse.Namespace) -> int:
    policy = policy_of(arguments.policy)
    max_age_s = span_s(arguments.max_age, "max_age") if arguments.max_age else None
    _check_own_keys(arguments.own_key or ())
    with _sources(arguments, *arguments.url) as sources:
        made = monitor.open_monitor(
            Path(arguments.state), policy, sources, max_age_s=max_age_s,
            party=arguments.party or "", own_keys=arguments.own_key or (),
        )  # fmt: skip
        told: set[monitor.Finding] = set()
        return _repeated(arguments, "10s", lambda: _look(arguments, made, told))


def _check_own_keys(given: Sequence[str]) -> None:
    for kid in given:
        if _THUMBPRINT.fullmatch(kid) is None:
            wrong = f"own_key: {kid[:60]!r}, want the thumbprint of a key: 43 characters"
            hint = "`remelt key show` prints it"
            raise FormatError("PARAMETER_INVALID", wrong, field="own_key", value=kid, hint=hint)


def _look(arguments: argparse.Namespace, made: monitor.Monitor, told: set[monitor.Finding]) -> int:
    """One round; what was told in the round before is not told again."""
    levels, before = set(), set(told)
    told.clear()
    try:
        for finding in made.look(int(time.time())):
            levels.add(finding.level)
            told.add(finding)
            if finding not in before:
                _tell(arguments, finding.as_dict(), f"{finding.level:<9}{finding.message}")
    except monitor.Forked as fork:
        for signed in fork.notes:
            _tell(arguments, {"level": "fork", "note": signed.decode()}, f"\n{signed.decode()}")
        raise
    top, proven = made.kept.top, len(made.kept.seen) - len(made.kept.waiting)
    if arguments.once and top is not None:
        shown = {"level": "ok", "origin": top.said.origin, "size": top.said.size,
                 "root": top.said.root.hex(), "checkpoints": proven}  # fmt: skip
        text = f"{top.said.origin}: {top.said.size} entries; checkpoints of one history: {proven}"
        _tell(arguments, shown, text)
    if levels & {"alarm", "look"}:
        return 1
    return 2 if top is None else 0


def _tell(arguments: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    print(orjson.dumps(value).decode() if arguments.json else text, flush=True)


# Replay.


def replay_log(arguments: argparse.Namespace) -> int:
    held = _disclosures(arguments.dossier or ())
    progress = output.Progress("entries")
    with _sources(arguments, arguments.source) as (source,):
        done = replay.run(where(arguments), source, keys_of(arguments), held, progress)
    if arguments.json:
        output.json(_replayed(done))
    else:
        _print_replayed(done, arguments.source)
    if done.wanting:
        print(f"remelt: error: BACKUP_OLD: {done.wanting}", file=sys.stderr)
    return 1 if done.wanting else 0


def _disclosures(paths: Sequence[str]) -> dict[int, list[str]]:
    """The private fields that dossiers hold, by entry."""
    found: dict[int, list[str]] = {}
    for path in paths:
        for n, texts in dossiers.parse(Path(path).read_bytes()).disclosures.items():
            found[n] = [*dict.fromkeys((*found.get(n, ()), *texts))]
    return found


def _replayed(done: replay.Replayed) -> dict[str, Any]:
    return {
        "origin": done.origin, "before": done.before, "size": done.size, "root": done.root.hex(),
        "private": done.private, "key_lists": done.key_lists, "wanting": done.wanting,
        "custodial": [{"party": party, "kid": kid} for party, kid in done.custodial],
    }  # fmt: skip


def _print_replayed(done: replay.Replayed, source: str) -> None:
    added = done.size - done.before
    if not added:
        print(f"nothing to bring back: {source} has no more than the {done.size} entries here")
        return
    print(f"replayed {_count(added, 'entry', 'entries')} from {source}, log {done.origin}")
    print(f"  size        {done.size}, it was {done.before}")
    print(f"  root        {done.root.hex()}")
    print("  missing     API keys, people and GTINs made since the backup: make them again")
    if done.private:
        print(f"  missing     private fields of {_count(done.private, 'entry', 'entries')}")
    for party, kid in done.custodial:
        print(f"  missing     the key {kid} that was kept for {party}:")
        print("              record key_added with custody operator, then key_revoked for that one")
    for n in done.key_lists:
        print(f"  missing     the list of the log's keys that entry {n} names:")
        print("              restore again, and replay with --dossier FILE, one made since")
    print(
        "next: remelt audit, then ask all who hold a checkpoint for one of more entries than this"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
