"""Commands that read or write files: record, try, certify, verify, label."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from api.commands import output
from api.commands.ledgers import where
from labels import payload, qr
from ledger import keys, reports, statements, trial
from ledger.book import encoding, mass, serial
from ledger.certificate import policy as policies
from ledger.certificate import verdict as verdicts
from ledger.certificate import verify as verifier
from ledger.errors import FormatError, LedgerError
from ledger.exchange import story
from ledger.sequencer import Accepted
from ledger.service import Ledger


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
    for element in reports.elements(balances)[:4]:
        origins = " ".join(f"{name} {o['percent']}" for name, o in element["origins"].items())
        parts.append(f"{element['substance']} {element['of_mass']} % ({origins})")
    print(f"lot {lot:<24} {mass.format_mass(weight):>20}  {'; '.join(parts)}")


def record(arguments: argparse.Namespace) -> int:
    results = list(_recorded(arguments, read_events(arguments.file)))
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
    api_key = arguments.api_key or os.environ.get("REMELT_API_KEY", "")
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


def verify(arguments: argparse.Namespace) -> int:
    try:
        data = Path(arguments.file).read_bytes()
        policy = policies.parse(Path(arguments.policy).read_bytes())
    except OSError as error:
        print(f"remelt: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except FormatError as error:
        print(f"remelt: error: {arguments.policy}: {error.message}", file=sys.stderr)
        print(f"remelt: hint: {error.hint}", file=sys.stderr)
        return 2
    wanted = arguments.serial and arguments.serial.replace("-", "").upper()
    found = verifier.verify(data, policy, lot=arguments.lot, serial=wanted)
    if arguments.json:
        output.json(verdicts.as_dict(found))
    else:
        print(verdicts.text(found), end="")
    return found.status


def label(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    if "/" in arguments.subject:
        text, shown = lot_label(ledger, arguments.subject)
    else:
        text, shown = certificate_label(ledger, arguments.subject)
    if not arguments.out:
        print(qr.terminal(text))
        print(text)
        return 0
    path = Path(arguments.out)
    if path.suffix not in (".png", ".svg"):
        raise FormatError(
            "PARAMETER_INVALID",
            f"--out: {path.name!r} is neither .png nor .svg",
            field="--out",
            value=path.name,
            hint="name the file .png or .svg; without --out the code is shown here",
        )
    if path.suffix == ".svg":
        path.write_text(qr.svg(text, shown), encoding="utf-8")
    else:
        path.write_bytes(qr.png(text, shown))
    print(f"{path}: {text}")
    return 0


def lot_label(ledger: Ledger, lot: str) -> tuple[str, qr.LabelText]:
    view = reports.lot_view(ledger, lot)
    material = view["material"]
    named = f"{material['metal']} {material['form']}" if material else view["role"]
    lines = []
    for element in view["elements"][:1]:
        post = element["origins"].get("POST", {"percent": "0.00"})["percent"]
        lines.append(f"at least {post} % post-consumer {element['substance']}")
    text = payload.lot_payload(ledger.host, lot, reports.lot_leaf_hash(ledger, lot))
    heat = view["made_by"].rpartition("/")[2] if "/" in view["made_by"] else ""
    weight = mass.format_mass(view["wet_mg"] or view["made_mg"])
    return text, qr.LabelText(lot, named, weight, heat, lines[0] if lines else "")


def certificate_label(ledger: Ledger, number: str) -> tuple[str, qr.LabelText]:
    plain = number.replace("-", "").upper()
    view = reports.certificate_view(ledger, plain)
    text = payload.certificate_payload(ledger.host, plain)
    line = f"at least {view['of_substance']} % {'+'.join(view['classes'])} {view['substance']}"
    held = mass.format_mass(view["held_mg"])
    return text, qr.LabelText(
        ", ".join(view["lots"]), f"certificate {serial.printed(plain)}", held, "", line
    )
