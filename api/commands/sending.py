"""Signing a file of events, and recording it: through a server, or in the local ledger."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.client import Client, ClientError, Refusal, Row
from api.client import rows as sealing
from api.client.errors import refused_here
from api.commands import output, trying
from ledger import keys
from ledger.errors import FormatError, LedgerError

Lines = list[tuple[int, bytes]]
Key = sealing.Key | None


def sign(arguments: argparse.Namespace) -> int:
    key, signed, refused = keys.load_party_key(Path(arguments.key)), list[bytes](), 0
    for number, line in _lines(arguments.file):
        try:
            signed.append(sealing.seal(line, key) + b"\n")
        except Refusal as refusal:
            refused += 1
            _print(_result(number, Row(number, refusal=refusal)))
    if refused:
        print(f"{refused} refused, nothing was written")
        return 1
    with Path(arguments.out).open("xb") as out:  # what was signed before may have been sent
        out.writelines(signed)
    print(f"{len(signed)} signed, in {arguments.out}")
    print(f"next: remelt record {arguments.out}")
    return 0


def record(arguments: argparse.Namespace) -> int:
    lines = _lines(arguments.file)
    key = keys.load_party_key(Path(arguments.key)) if arguments.key else None
    results: list[dict[str, Any]] = []
    stopped: ClientError | None = None
    try:
        for result in (_sent if arguments.url else _placed)(arguments, lines, key):
            results.append(result)
            if not arguments.json:
                _print(result)
    except ClientError as error:
        stopped = error
    refused = sum(not result["ok"] for result in results)
    if arguments.json:
        output.json({"results": results})
    else:
        print(f"{len(results) - refused} recorded, {refused} refused")
    if stopped is not None:
        print(f"remelt: error: {stopped}", file=sys.stderr)
        silent = f"{len(lines) - len(results)} of {len(lines)} lines have no answer"
        print(f"remelt: hint: {silent}; record the file again, ids make that safe", file=sys.stderr)
    return 1 if refused or stopped else 0


def _lines(file: str) -> Lines:
    data = trying.read_events(file)
    return [(i, row) for i, row in enumerate(data.split(b"\n"), start=1) if row.strip()]


def _print(result: dict[str, Any]) -> None:
    if result["ok"]:
        print(f"line {result['line']:>4}  entry {result['n']}  {result['leaf_hash'][:16]}…")
    else:
        shown = result["error"]
        print(f"line {result['line']:>4}  refused  {shown['code']}: {shown['message']}")
        print(f"           hint: {shown['hint']}")


def _sent(arguments: argparse.Namespace, lines: Lines, key: Key) -> Iterator[dict[str, Any]]:
    from ledger import settings

    api_key = arguments.api_key or settings.value("REMELT_API_KEY")
    try:
        client = Client(
            arguments.url, api_key, key=key, ca_file=arguments.ca_file,
            insecure_http=arguments.insecure_http,
        )  # fmt: skip
    except ValueError as error:
        hint = "see --api-key, --ca-file and --insecure-http in remelt record --help"
        raise FormatError("SETTING_INVALID", str(error), field="url", hint=hint) from error
    retries = logging.getLogger("remelt.client")
    retries.setLevel(logging.INFO)
    retries.addHandler(logging.StreamHandler())
    progress = output.Progress("recorded events")
    with client:
        for row in client.record_many(line for _, line in lines):
            progress(row.number, len(lines))
            yield _result(lines[row.number - 1][0], row)


def _placed(arguments: argparse.Namespace, lines: Lines, key: Key) -> Iterator[dict[str, Any]]:
    from api.commands.ledgers import where
    from ledger.service import Ledger

    ledger = Ledger.open(where(arguments))
    ledger.sequencer.start()
    progress = output.Progress("recorded events")
    for done, (number, line) in enumerate(lines):
        progress(done, len(lines))
        try:
            accepted = ledger.record(sealing.seal(line, key), ledger.operator)
            row = Row(number, accepted.n, accepted.leaf_hash.hex())
        except LedgerError as error:
            row = Row(number, refusal=refused_here(error))
        except Refusal as refusal:
            row = Row(number, refusal=refusal)
        yield _result(number, row)


def _result(line: int, row: Row) -> dict[str, Any]:
    if row.refusal is not None:
        return {"line": line, "ok": False, "error": row.refusal.as_dict()}
    return {"line": line, "ok": True, "n": row.n, "leaf_hash": row.leaf_hash}
