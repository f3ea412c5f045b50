"""Rules version 1: a table of kinds, and `decide`, which turns an event into postings.

A rule sees the event, the time and the states it reads; what it read is named in the entry.
A new kind of event is a shape (bodies.py), two functions here and one row of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.book import bodies, events, jose, state
from ledger.book.rules import (
    certificates,
    declare,
    draft,
    finalize,
    receipt,
    registry,
    run,
    transport,
)
from ledger.errors import ConflictError, RuleError

FUTURE_MAX_MS: Final = 10 * 60 * 1000
Step = Callable[[draft.Draft], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """Who may state it (stage 4), what it books (stages 6 to 9), evidence it needs (stage 1)."""

    may: Step
    book: Step
    evidence: Step | None = None


def _evidence_of_receipt(work: draft.Draft) -> None:
    receipt.unproven(work)


_ANYBODY: Final[Step] = registry.nothing_more

KINDS: Final[dict[type, Kind]] = {
    bodies.LogOpened: Kind(registry.may_open, registry.nothing_more),
    bodies.PolicySet: Kind(registry.may_operate, registry.nothing_more),
    bodies.PartyRegistered: Kind(registry.may_register_party, registry.nothing_more),
    bodies.KeyAdded: Kind(registry.may_touch_keys, registry.nothing_more),
    bodies.KeyRevoked: Kind(registry.may_touch_keys, registry.revoke_key),
    bodies.SiteRegistered: Kind(registry.may_register_site, registry.nothing_more),
    bodies.LotReceived: Kind(receipt.may_receive, receipt.receive, _evidence_of_receipt),
    bodies.AssayRecorded: Kind(_ANYBODY, receipt.assay_lot),
    bodies.RunRecorded: Kind(_ANYBODY, run.record),
    bodies.RunFinalized: Kind(finalize.may_finalize, finalize.finalize),
    bodies.ScrapDeclared: Kind(_ANYBODY, declare.declare, declare.check_evidence),
    bodies.LotDispatched: Kind(transport.may_dispatch, transport.dispatch),
    bodies.LotReturned: Kind(transport.may_return, transport.give_back),
    bodies.LotArrived: Kind(transport.may_arrive, transport.arrive),
    bodies.CertificateIssued: Kind(certificates.may_issue, certificates.issue),
    bodies.CertificateRevoked: Kind(certificates.may_revoke, certificates.revoke),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """The key a statement was signed with, and whether the signature verifies."""

    kid: str
    valid: bool


def admit(event: events.Event, reader: state.Reader) -> None:
    """What comes before idempotency: evidence the log's parameters ask for, and the log's name.

    Raises FormatError ORIGIN_EVIDENCE_MISSING or ConflictError LOG_MISMATCH.
    """
    work = draft.Draft(event, 0, reader)
    kind = KINDS[type(event.body)]
    if kind.evidence is not None:
        kind.evidence(work)
    opening = isinstance(event.body, bodies.LogOpened) and reader.find("log") is None
    origin = event.body.origin if opening and isinstance(event.body, bodies.LogOpened) else ""
    origin = origin or work.log.origin
    if "log" in event.payload and event.log != origin:
        raise ConflictError(
            "LOG_MISMATCH",
            f"log: the statement is for {event.log!r}, this is {origin!r}",
            field="log",
            value=event.log,
            hint="sign the statement again for this log",
        )


def decide(
    event: events.Event,
    at_ms: int,
    reader: state.Reader,
    signer: Signer | None,
) -> draft.Outcome:
    """Book one event after the entries `reader` knows; it must have been admitted.

    at_ms: the recorded time. signer: None only in a dry run, which needs no signatures.
    Raises the first refusal of stages 3 to 9 of docs/events.md section 9.
    """
    work = draft.Draft(event, at_ms, reader, trial=signer is None)
    work.read("log", state.Log)  # `admit` judged by its origin and parameters: it is used
    if signer is not None:
        work.kid = signer.kid
        _check_signer(work, signer)
    if event.site:
        registry.known_party(work, event.party, "party")
        if registry.known_site(work, event.site, "site").party != event.party:
            registry.denied(work, "the party the site belongs to")
    kind = KINDS[type(event.body)]
    kind.may(work)
    if event.occurred_at_ms > at_ms + FUTURE_MAX_MS:
        raise RuleError(
            "EVENT_IN_FUTURE",
            f"occurred_at: {event.occurred_at_ms - at_ms} ms after the log's clock",
            field="occurred_at",
            value=event.payload["occurred_at"],
            hint="check clock and time zone; at most ten minutes ahead",
        )
    kind.book(work)
    return work.finish()


def _check_signer(work: draft.Draft, signer: Signer) -> None:
    body, event = work.event.body, work.event
    if isinstance(body, bodies.LogOpened) and work.reader.find("log") is None:
        own = jose.thumbprint(body.operator_key) == signer.kid and event.party == body.operator
        key: state.Key | None = state.Key(body.operator, body.operator_key, "self") if own else None
    else:
        key = work.read(f"key:{signer.kid}", state.Key)
    if not signer.kid:
        raise RuleError(
            "KEY_UNKNOWN",
            f"party: the server holds no valid key of {event.party}",
            field="party",
            value=event.party,
            hint="a party that keeps its own key sends a signed statement; see docs/format.md",
        )
    if key is None or key.party != event.party:
        raise RuleError(
            "KEY_UNKNOWN",
            f"kid: {signer.kid} is no key of {event.party}",
            field="kid",
            value=signer.kid,
            hint="register it with key_added, or sign with a registered key of the party",
        )
    if key.revoked:
        raise RuleError(
            "KEY_REVOKED",
            f"kid: {signer.kid} was revoked",
            field="kid",
            value=signer.kid,
            hint="sign with another key of the party",
        )
    if not signer.valid:
        raise RuleError(
            "SIGNATURE_INVALID",
            "statement: the signature is not that of the key",
            field="statement",
            value=signer.kid,
            hint="sign header.payload exactly as sent (RFC 7515 section 5.1)",
        )
