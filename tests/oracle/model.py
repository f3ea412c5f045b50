"""`remelt try --json`, once more: lines in, the object of the page out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.oracle import claims, finals, moves, readings, receipts, registers, runs
from tests.oracle.decode import decode, parse
from tests.oracle.refuse import Refused
from tests.oracle.state import Certificate, State, under_serial

ENVELOPE = "log id kind party site occurred_at body evidence private".split()
MOST_BYTES = 32 * 1024
RULES: dict[str, Callable[[State, dict[str, Any]], None]] = {
    "log_opened": registers.log_opened,
    "policy_set": registers.policy_set,
    "party_registered": registers.party_registered,
    "key_added": registers.key_changed,
    "key_revoked": registers.key_changed,
    "site_registered": registers.site_registered,
    "lot_received": receipts.lot_received,
    "assay_recorded": receipts.assay_recorded,
    "run_recorded": runs.run_recorded,
    "run_finalized": finals.run_finalized,
    "scrap_declared": receipts.scrap_declared,
    "lot_dispatched": moves.lot_dispatched,
    "lot_returned": moves.lot_returned,
    "lot_arrived": moves.lot_arrived,
    "certificate_issued": claims.certificate_issued,
    "certificate_revoked": claims.certificate_revoked,
}


def difference(old: Any, new: Any, path: str) -> str:
    """The path of the first field that differs; the envelope's in the order of the page."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(n for n in new if n not in old)]
        if not path:
            names.sort(key=ENVELOPE.index)
        for name in names:
            if name not in old or name not in new or old[name] != new[name]:
                inner = f"{path}.{name}" if path else name
                return difference(old.get(name), new.get(name), inner)
    return path


def apply(state: State, line: bytes, number: int) -> int:
    """Take one line; gives the entry number or raises Refused."""
    if readings.SIZE_FIRST and len(line) > MOST_BYTES:
        raise Refused("EVENT_TOO_LARGE", "")
    envelope = parse(line)
    event = decode(envelope, number, state)
    event["line"] = number
    if event.get("log", "try") != "try":
        raise Refused("LOG_MISMATCH", "log", event["log"])
    key = (event["party"], event["id"])
    if key in state.accepted:
        before, n = state.accepted[key]
        if before != envelope:
            raise Refused("IDEMPOTENCY_CONFLICT", difference(before, envelope, ""))
        return n
    if len(line) > MOST_BYTES:
        # The page puts sizes last; the rules below change state, so a copy decides first.
        raise_if_refused(state, event)
        raise Refused("EVENT_TOO_LARGE", "")
    RULES[event["kind"]](state, event)
    state.n += 1
    state.accepted[key] = (envelope, state.n)
    state.clock = max(state.clock or event["occurred_at"], event["occurred_at"])
    return state.n


def raise_if_refused(state: State, event: dict[str, Any]) -> None:
    """Would another rule refuse this first?"""
    RULES[event["kind"]](copy.deepcopy(state), event)


def status(state: State, certificate: Certificate) -> str:
    """First that holds."""
    if certificate.revoked:
        return "REVOKED"
    if state.expired(certificate):
        return "EXPIRED"
    if certificate.disputed:
        return "DISPUTED"
    return "DRAWN" if certificate.drawn else "VALID"


def printed(state: State, account: str) -> dict[str, dict[str, int]]:
    """Lines as `origin` or `origin/claim`."""
    return {
        substance: {
            origin + (f"/{claim}" if claim else ""): amount
            for (origin, claim), amount in lines.items()
        }
        for substance, lines in state.balance(account).items()
    }


def report(state: State, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The output object."""
    held = [a for a in state.accounts if a.split(":")[0] in ("lot", "transit", "sink")]
    nominal = [a for a in state.accounts if not a.startswith("lot:") and state.balance(a)]
    return {
        "results": results,
        "lots": {name: printed(state, f"lot:{name}") for name in state.lots},
        "accounts": {account: printed(state, account) for account in sorted(nominal)},
        "certificates": {
            serial: {
                "line": certificate.line,
                "status": status(state, certificate),
                "substance": certificate.substance,
                "claimed_mg": certificate.claimed,
                "held_mg": sum(under_serial(state.balance(a), serial) for a in held),
                "of_substance": certificate.of_substance,
                "of_mass": certificate.of_mass,
            }
            for serial, certificate in state.certificates.items()
        },
    }


def run_state(lines: list[bytes]) -> tuple[State, list[dict[str, Any]]]:
    """Feed lines; gives the state and one result for every line that is not blank."""
    state = State()
    results: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip(b" \t\r\n"):
            results.append(result_of(state, line.rstrip(b"\r\n"), number))
    return state, results


def result_of(state: State, line: bytes, number: int) -> dict[str, Any]:
    """One result."""
    try:
        return {"line": number, "ok": True, "n": apply(state, line, number)}
    except Refused as no:
        error = {"code": no.code, "field": no.field, "message": no.message, "hint": ""}
        return {"line": number, "ok": False, "error": error}


def run_lines(lines: list[bytes]) -> dict[str, Any]:
    """What `remelt try --json` answers for these lines."""
    return report(*run_state(lines))
