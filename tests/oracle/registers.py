"""Parties, keys, sites and parameters."""

from __future__ import annotations

from tests.oracle import readings
from tests.oracle.common import Event, known_party
from tests.oracle.refuse import Refused
from tests.oracle.state import Site, State

OPERATOR = "OPERATOR"


def operator_or(event: Event, party: str) -> None:
    """The operator, or the party itself."""
    if event["party"] not in (OPERATOR, party):
        raise Refused("PERMISSION_DENIED", "party", event["party"])


def registration(state: State, event: Event) -> None:
    """The one who states it, the party it is about, and permission."""
    party = event["body"]["party"]
    known_party(state, event["party"], "party")
    if readings.STRANGER_BEFORE_PARTY:
        operator_or(event, party)
    known_party(state, party, "body.party")
    operator_or(event, party)


def log_opened(state: State, event: Event) -> None:
    """Entry 0 exists already."""
    raise Refused("FIELD_INVALID", "kind", "the log is open")


def policy_set(state: State, event: Event) -> None:
    """Parameters that are not given keep their value."""
    known_party(state, event["party"], "party")
    if event["party"] != OPERATOR:
        raise Refused("PERMISSION_DENIED", "party", event["party"])
    state.parameters.update(event["body"]["parameters"])


def party_registered(state: State, event: Event) -> None:
    """A new party."""
    known_party(state, event["party"], "party")
    operator_or(event, event["body"]["party"])
    if event["body"]["party"] in state.parties:
        raise Refused("PARTY_DUPLICATE", "body.party", event["body"]["party"])
    state.parties.add(event["body"]["party"])


def key_changed(state: State, event: Event) -> None:
    """Keys do not matter in a trial."""
    registration(state, event)


def site_registered(state: State, event: Event) -> None:
    """A new site; again: more scopes and equipment, another zone."""
    body = event["body"]
    registration(state, event)
    known = state.sites.get(body["site"])
    if known is not None and known.party != body["party"]:
        raise Refused("SITE_DUPLICATE", "body.site", body["site"])
    if known is None:
        known = state.sites[body["site"]] = Site(body["party"], body["zone"], set(), set())
    known.zone = body["zone"]
    known.scopes |= {scope["id"] for scope in body["scopes"]}
    known.equipment |= set(body.get("equipment", []))
