"""Certificates: issuing and revoking."""

from __future__ import annotations

import hashlib

from tests.oracle import readings
from tests.oracle.common import (
    Event,
    actor,
    in_order,
    known_lot,
    known_party,
    lies_here,
    not_empty,
    touch,
)
from tests.oracle.quantity import largest_remainder, part_of, two_decimals
from tests.oracle.refuse import Refused
from tests.oracle.shapes import CROCKFORD, check_digit
from tests.oracle.state import Certificate, State, grams, serials, weight
from tests.oracle.words import CLAIMABLE

MOST_SERIALS = 64


def serial_of(origin: str, party: str, event_id: str) -> str:
    """Eleven digits of a hash and a check digit."""
    seed = f"remelt/certificate\n{origin}\n{party}\n{event_id}"
    bits = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big") >> (256 - 55)
    digits = "".join(CROCKFORD[bits >> shift & 31] for shift in range(50, -1, -5))
    return digits + check_digit(digits)


def room_for_serial(state: State, name: str, path: str) -> None:
    """At most 64 open serials on a lot."""
    held = [s for s in serials(state.lot(name)) if not state.certificates[s].revoked]
    if len(held) >= MOST_SERIALS:
        raise Refused("LOT_CERTIFICATES_FULL", path, name)


def check_issue(state: State, event: Event, serial: str) -> None:
    """Stages 4 to 7."""
    actor(state, event)
    body = event["body"]
    if "party" in body.get("holder", {}):
        known_party(state, body["holder"]["party"], "body.holder.party")
        if body["holder"]["party"] == event["party"]:
            raise Refused("FIELD_INVALID", "body.holder.party", "the issuer itself")
    for index, name in enumerate(body["lots"]):
        known_lot(state, name, f"body.lots[{index}]")
    if serial in state.certificates:
        raise Refused("SERIAL_TAKEN", "id", serial)
    for index, name in enumerate(body["lots"]):
        path = f"body.lots[{index}]"
        lies_here(state, event, name, path)
        not_empty(state, name, path)
        if not readings.FULL_AFTER_CLAIMS:
            room_for_serial(state, name, path)
        in_order(state, event, name, path)
    for index, name in enumerate(body["lots"]):
        if body["substance"] not in state.lots[name].mentions:
            raise Refused("ASSAY_MISSING", f"body.lots[{index}]", body["substance"])
    for index, name in enumerate(body["lots"]):
        if state.lots[name].grade == "provisional":
            raise Refused("ASSAY_PROVISIONAL", f"body.lots[{index}]", name)


def parts_of(state: State, event: Event, lots: list[str]) -> list[int]:
    """What each lot (by id) has to carry alone."""
    body = event["body"]
    substance = body["substance"]
    denominators = [grams(state.lot(name), substance) for name in lots]
    total = sum(denominators)
    if total == 0:
        raise Refused("CLAIM_EXCEEDS_ORIGIN", "body.amount", "nothing of the substance")
    kind, number = body["amount"]
    if kind == "all":
        lines = state.lot(lots[0])[substance]
        classes = body["classes"]
        have = sum(v for (origin, _), v in lines.items() if origin in classes)
        free = sum(v for (origin, c), v in lines.items() if origin in classes and not c)
        if have == 0:
            raise Refused("CLAIM_EXCEEDS_ORIGIN", "body.amount", "nothing of these classes")
        if free == 0:
            raise Refused("CLAIM_ALREADY_USED", "body.amount", "nothing free")
        return [free]
    wanted = number if kind == "mass" else part_of(total, number)
    if wanted == 0:
        raise Refused("FIELD_INVALID", "body.amount", "no whole milligram")
    return largest_remainder(wanted, denominators)


def certificate_issued(state: State, event: Event) -> None:
    """Free grams come under a serial."""
    serial = serial_of("try", event["party"], event["id"])
    check_issue(state, event, serial)
    body = event["body"]
    substance, lots = body["substance"], sorted(body["lots"])
    parts = parts_of(state, event, lots)
    order = [origin for origin in CLAIMABLE if origin in body["classes"]]
    for name, part in zip(lots, parts, strict=True):
        lines = state.lot(name).get(substance, {})
        if part > sum(v for (origin, _), v in lines.items() if origin in order):
            raise Refused("CLAIM_EXCEEDS_ORIGIN", "body.amount", name)
        if part > sum(lines.get((origin, ""), 0) for origin in order):
            raise Refused("CLAIM_ALREADY_USED", "body.amount", name)
    if readings.FULL_AFTER_CLAIMS:
        for index, name in enumerate(body["lots"]):
            room_for_serial(state, name, f"body.lots[{index}]")
    total = sum(grams(state.lot(name), substance) for name in lots)
    wet = sum(weight(state.lot(name)) for name in lots)
    claimed: dict[str, int] = {}
    for name, part in zip(lots, parts, strict=True):
        left = part
        for origin in order:
            taken = min(left, state.lot(name).get(substance, {}).get((origin, ""), 0))
            left -= taken
            state.post(f"lot:{name}", {substance: {(origin, ""): -taken, (origin, serial): taken}})
            if taken:
                claimed[origin] = claimed.get(origin, 0) + taken
        assert left == 0, "the free grams were counted"
        touch(state, event, name)
    state.certificates[serial] = Certificate(
        line=event["line"],
        issuer=event["party"],
        site=event["site"],
        holder=body.get("holder"),
        substance=substance,
        claimed=claimed,
        of_substance=two_decimals(sum(claimed.values()), total),
        of_mass=two_decimals(sum(claimed.values()), wet),
        valid_until=body.get("valid_until"),
    )


def certificate_revoked(state: State, event: Event) -> None:
    """The certificate is REVOKED; its grams are freed only where nobody relies on them."""
    known_party(state, event["party"], "party")
    body = event["body"]
    serial, lots = body["serial"], body.get("lots", [])
    certificate = state.certificates.get(serial)
    if certificate is not None and certificate.issuer != event["party"]:
        raise Refused("PERMISSION_DENIED", "body.serial", "another issuer")
    for index, name in enumerate(lots):
        known_lot(state, name, f"body.lots[{index}]")
    if certificate is None:
        raise Refused("CERTIFICATE_UNKNOWN", "body.serial", serial)
    if certificate.revoked:
        raise Refused("CERTIFICATE_REVOKED", "body.serial", serial)
    if "consent" in body and certificate.holder is None:
        raise Refused("FIELD_INVALID", "body.consent", "nobody holds it")
    certificate.revoked = True
    if not may_free(state, event, certificate, serial):
        return
    for name in lots:
        freed = False
        for substance, lines in state.lot(name).items():
            for (origin, claim), amount in lines.items():
                if claim == serial:
                    change = {substance: {(origin, serial): -amount, (origin, ""): amount}}
                    state.post(f"lot:{name}", change)
                    freed = True
        if freed:
            touch(state, event, name)


def may_free(state: State, event: Event, certificate: Certificate, serial: str) -> bool:
    """Do the lots named allow the grams to be free again?"""
    body = event["body"]
    lots = body.get("lots", [])
    keeper: str | None
    if certificate.holder is None:
        keeper, share = certificate.issuer, sum(certificate.claimed.values())
    elif "consent" in body:
        keeper, share = certificate.holder.get("party"), 0
    else:
        return False
    lie = [state.lots[name] for name in lots]
    if any(state.sites[lot.at_site].party != keeper or lot.in_transit for lot in lie):
        return False
    there = sum(
        amount
        for name in lots
        for lines in state.lot(name).values()
        for (_, claim), amount in lines.items()
        if claim == serial
    )
    return there >= share
