"""Recording events, and certifying, through a server or straight into the local ledger."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from api.commands import output, trying
from api.commands.ledgers import where
from ledger import keys, reports, settings, statements
from ledger.book import encoding, serial
from ledger.errors import FormatError, LedgerError
from ledger.sequencer import Accepted
from ledger.service import Ledger


def record(arguments: argparse.Namespace) -> int:
    results = list(_recorded(arguments, trying.read_events(arguments.file)))
    refused = sum(not result["ok"] for result in results)
    if arguments.json:
        output.json({"results": results})
    else:
        for result in results:
            if result["ok"]:
                print(f"line {result['line']:>4}  entry {result['n']}  {result['leaf_hash'][:16]}…")
            else:
                shown = result["error"]
                print(f"line {result['line']:>4}  refused  {shown['code']}: {shown['message']}")
                print(f"           hint: {shown['hint']}")
        print(f"{len(results) - refused} recorded, {refused} refused")
    return 1 if refused else 0


def _recorded(arguments: argparse.Namespace, data: bytes) -> Iterator[dict[str, Any]]:
    send = _sender(arguments)
    rows = [(i, row) for i, row in enumerate(data.split(b"\n"), start=1) if row.strip()]
    progress = output.Progress("recorded events")
    for done, (number, row) in enumerate(rows):
        progress(done, len(rows))
        try:
            yield {"line": number, "ok": True, **send(_signed(arguments, row))}
        except LedgerError as error:
            yield {"line": number, "ok": False, "error": error.as_dict()}


def _signed(arguments: argparse.Namespace, row: bytes) -> bytes:
    if not arguments.key:
        return row
    key = keys.load_party_key(Path(arguments.key))
    return orjson.dumps(statements.sign(encoding.decode_object(row), key).as_dict())


def _sender(arguments: argparse.Namespace) -> Any:
    if not arguments.url:
        ledger = Ledger.open(where(arguments))
        ledger.sequencer.start()
        return lambda row: _place(ledger.record(row, ledger.operator))
    api_key = arguments.api_key or settings.value("REMELT_API_KEY")
    client = httpx.Client(
        base_url=arguments.url, headers={"Authorization": f"Bearer {api_key}"}, timeout=60
    )
    return lambda row: _post(client, row)


def _place(accepted: Accepted) -> dict[str, Any]:
    return {"n": accepted.n, "leaf_hash": accepted.leaf_hash.hex()}


def _post(client: httpx.Client, row: bytes) -> dict[str, Any]:
    try:
        answer = client.post(
            "/v1/events", content=row, headers={"Content-Type": "application/json"}
        )
    except httpx.HTTPError as error:
        raise FormatError(
            "NOT_READY",
            f"{client.base_url}: {error}",
            hint="is the server running? Send the file again; ids make that safe",
        ) from error
    said = answer.json()
    if answer.is_success:
        return {"n": said["n"], "leaf_hash": said["leaf_hash"]}
    raise FormatError(
        said.get("code", "INTERNAL_ERROR"),
        said.get("detail", ""),
        field=said.get("field", ""),
        value=said.get("value"),
        hint=said.get("hint", ""),
    )


def certify(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    body: dict[str, Any] = {
        "lots": arguments.lots,
        "substance": arguments.substance,
        "method": "iso14021-batch",
        "classes": arguments.classes,
        "amount": arguments.amount,
    }
    if arguments.holder:
        external = arguments.holder == "external"
        body["holder"] = {"external": True} if external else {"party": arguments.holder}
    event = statements.envelope(
        ledger.origin, arguments.party, "certificate_issued", body, site=arguments.site
    )
    if arguments.occurred_at:
        event["occurred_at"] = arguments.occurred_at
    ledger.sequencer.start()
    ledger.record(_signed(arguments, orjson.dumps(event)), ledger.operator)
    ledger.sequencer.stop()
    number = serial.make(ledger.origin, arguments.party, event["id"])
    path = Path(arguments.out or f"{number}.remelt.json")
    path.write_bytes(reports.dossier(ledger, number))
    view = reports.certificate_view(ledger, number)
    if arguments.json:
        output.json({**view, "dossier": str(path)})
        return 0
    classes = ", ".join(view["classes"])
    print(f"certificate {serial.printed(number)} on {', '.join(view['lots'])}")
    print(f"  at least {view['of_substance']} % of the {view['substance']} is {classes}")
    print(f"  at least {view['of_mass']} % of the mass")
    print(f"  dossier  {path} ({path.stat().st_size:,} bytes)")
    policy = os.path.relpath(ledger.settings.data / "policy.txt")
    print(f"next: remelt verify {path} --policy {policy}")
    return 0
