"""Rules for certificate_issued and certificate_revoked (docs/events.md section 8).

Claim methods are data: rules 1 know `iso14021-batch` (controlled blending, per batch).
"""

from __future__ import annotations

from typing import Final

from ledger.book import bodies, jose, lines, mass, serial, state, vocabulary
from ledger.book.rules import draft as drafts
from ledger.book.rules import registry
from ledger.book.rules.draft import Draft
from ledger.book.shape import invalid
from ledger.errors import RuleError

OPEN_SERIALS_MAX: Final = 64


def may_issue(draft: Draft) -> None:
    """A holder is known and not the issuer."""
    body = draft.event.body
    assert isinstance(body, bodies.CertificateIssued)
    if body.holder is None or body.holder.party is None:
        return
    registry.known_party(draft, body.holder.party, "body.holder.party")
    if body.holder.party == draft.event.party:
        raise invalid("body.holder.party", body.holder.party, "somebody else than the issuer")


def issue(draft: Draft) -> None:
    """Free grams of the classes go under the serial, every lot carrying its part alone."""
    body = draft.event.body
    assert isinstance(body, bodies.CertificateIssued)
    lots = [drafts.existing(draft, lot, f"body.lots[{i}]") for i, lot in enumerate(body.lots)]
    number = serial.make(draft.log.origin, draft.event.party, draft.event.id)
    if draft.reader.find(f"certificate:{number}") is not None:
        raise RuleError(
            "SERIAL_TAKEN",
            f"id: serial {number} is taken",
            field="id",
            value=draft.event.id,
            hint="issue the certificate again under another event id",
        )
    for i, (lot, was) in enumerate(zip(body.lots, lots, strict=True)):
        drafts.custody(draft, lot, was, f"body.lots[{i}]")
        drafts.lying(lot, was, f"body.lots[{i}]")
        _check_room(draft, lot, was, f"body.lots[{i}]")
        drafts.in_order(draft, lot, was, f"body.lots[{i}]")
    _check_assays(body, lots)
    named = dict(zip(body.lots, lots, strict=True))
    for lot, part_mg in _parts(body, named).items():
        _claim(draft, body, lot, named[lot], part_mg, number)


def _check_room(draft: Draft, lot: str, was: state.Lot, path: str) -> None:
    serials = lines.serials(was.balances)
    if len(serials) < OPEN_SERIALS_MAX:
        return
    held = [draft.read(f"certificate:{number}", state.Certificate) for number in serials]
    if sum(view is not None and not view.revoked for view in held) >= OPEN_SERIALS_MAX:
        raise RuleError(
            "LOT_CERTIFICATES_FULL",
            f"{path}: {lot} carries {OPEN_SERIALS_MAX} open certificates",
            field=path,
            value=lot,
            hint="split the lot, or revoke certificates that are not needed",
        )


def _check_assays(body: bodies.CertificateIssued, lots: list[state.Lot]) -> None:
    for i, (lot, was) in enumerate(zip(body.lots, lots, strict=True)):
        if body.substance not in was.mentions:
            raise RuleError(
                "ASSAY_MISSING",
                f"body.lots[{i}]: the assay of {lot} does not mention {body.substance}",
                field=f"body.lots[{i}]",
                value=lot,
                hint="record an assay (assay_recorded, run_finalized) before you certify",
            )
    for i, (lot, was) in enumerate(zip(body.lots, lots, strict=True)):
        if was.grade == "provisional":
            raise RuleError(
                "ASSAY_PROVISIONAL",
                f"body.lots[{i}]: the assay of {lot} is provisional",
                field=f"body.lots[{i}]",
                value=lot,
                hint="state the final assay first: assay_recorded or run_finalized",
            )


def _parts(body: bodies.CertificateIssued, named: dict[str, state.Lot]) -> dict[str, int | None]:
    """lot -> mg to claim, by LR over the lots' grams of the substance; None is all there is."""
    if isinstance(body.amount, str):
        return {body.lots[0]: None}
    kind, amount = body.amount
    order = sorted(named)
    grams = [lines.substance_mg(named[lot].balances, body.substance) for lot in order]
    total_mg = sum(grams)
    if total_mg == 0:
        raise _exceeds(body, order[0], None, 0)
    claimed_mg = amount if kind == "mass" else total_mg * amount // mass.PPB
    if claimed_mg == 0:
        raise invalid("body.amount", 0, "at least one milligram")
    return dict(zip(order, mass.largest_remainder(claimed_mg, grams), strict=True))


def _exceeds(
    body: bodies.CertificateIssued, lot: str, part_mg: int | None, have_mg: int
) -> RuleError:
    return RuleError(
        "CLAIM_EXCEEDS_ORIGIN",
        f"body.amount: {lot} has {have_mg} mg {body.substance} of {'+'.join(body.classes)}, "
        f"{'something' if part_mg is None else f'{part_mg} mg'} should be claimed",
        field="body.amount",
        value=part_mg,
        hint="claim at most what the lot has; every named lot must carry its part alone",
    )


def _claim(
    draft: Draft,
    body: bodies.CertificateIssued,
    lot: str,
    was: state.Lot,
    part_mg: int | None,
    number: str,
) -> None:
    page = was.balances.get(body.substance, {})
    have_mg = sum(mg for line, mg in page.items() if lines.split(line)[0] in body.classes)
    free = {c: page[c] for c in vocabulary.CLAIMABLE if c in body.classes and page.get(c)}
    free_mg = sum(free.values())
    if have_mg < (1 if part_mg is None else part_mg):
        raise _exceeds(body, lot, part_mg, have_mg)
    if free_mg < (1 if part_mg is None else part_mg):
        raise RuleError(
            "CLAIM_ALREADY_USED",
            f"body.amount: {free_mg} of {have_mg} mg {body.substance} on {lot} are free",
            field="body.amount",
            value=part_mg,
            hint="the other grams stand under earlier certificates or were sold",
        )
    left_mg = free_mg if part_mg is None else part_mg
    for origin, mass_mg in free.items():
        taken_mg = min(left_mg, mass_mg)
        left_mg -= taken_mg
        draft.post(f"lot:{lot}", body.substance, origin, -taken_mg)
        draft.post(f"lot:{lot}", body.substance, f"{origin}/{number}", taken_mg)
    draft.note(lot, was)


def may_revoke(draft: Draft) -> None:
    """The issuer."""
    body = draft.event.body
    assert isinstance(body, bodies.CertificateRevoked)
    registry.known_party(draft, draft.event.party, "party")
    certificate = draft.read(f"certificate:{body.serial}", state.Certificate)
    if certificate is not None and certificate.issuer != draft.event.party:
        registry.denied(draft, f"its issuer, {certificate.issuer}")


def revoke(draft: Draft) -> None:
    """The serial is withdrawn; its grams are freed only where the page allows it."""
    body = draft.event.body
    assert isinstance(body, bodies.CertificateRevoked)
    lots = [drafts.existing(draft, lot, f"body.lots[{i}]") for i, lot in enumerate(body.lots)]
    certificate = _revocable(draft, body)
    _check_consent(draft, body, certificate)
    named = dict(zip(body.lots, lots, strict=True))
    if not named or not _may_free(draft, body, certificate, named):
        return
    for lot, was in named.items():
        for substance, held in lines.held_mg(was.balances, body.serial).items():
            for line, mass_mg in held.items():
                draft.post(f"lot:{lot}", substance, line, -mass_mg)
                draft.post(f"lot:{lot}", substance, lines.split(line)[0], mass_mg)
            draft.note(lot, was)


def _revocable(draft: Draft, body: bodies.CertificateRevoked) -> state.Certificate:
    certificate = draft.read(f"certificate:{body.serial}", state.Certificate)
    if certificate is None:
        raise RuleError(
            "CERTIFICATE_UNKNOWN",
            f"body.serial: no certificate {body.serial} in this log",
            field="body.serial",
            value=body.serial,
            hint="outside its log a serial is quoted with the log's origin",
        )
    if certificate.revoked:
        raise RuleError(
            "CERTIFICATE_REVOKED",
            f"body.serial: {body.serial} is revoked already",
            field="body.serial",
            value=body.serial,
            hint="a revocation is final; grams that were not freed then stay under the serial",
        )
    if body.consent is not None and certificate.holder is None:
        raise invalid("body.consent", "consent", "none: the certificate has no holder")
    return certificate


def _check_consent(
    draft: Draft, body: bodies.CertificateRevoked, certificate: state.Certificate
) -> None:
    if body.consent is None or draft.trial:
        return
    holder = certificate.holder
    kid = jose.parse(body.consent, "body.consent").kid
    key = draft.read(f"key:{kid}", state.Key)
    if holder is None or key is None or key.party != holder.party or key.revoked:
        raise RuleError(
            "SIGNATURE_INVALID",
            f"body.consent: {kid} is no valid key of the holder",
            field="body.consent",
            value=kid,
            hint="the holder signs the consent with a registered key",
        )
    want = {"log": draft.log.origin, "serial": body.serial}
    jose.check_signed_object(body.consent, key.jwk, want, "body.consent")


def _may_free(
    draft: Draft,
    body: bodies.CertificateRevoked,
    certificate: state.Certificate,
    named: dict[str, state.Lot],
) -> bool:
    if certificate.holder is not None and body.consent is None:
        return False
    party = certificate.holder.party if certificate.holder else certificate.issuer
    for was in named.values():
        site = draft.read(f"site:{was.at_site}", state.Site)
        if site is None or site.party != party or was.transit:
            return False
    if certificate.holder is not None:
        return True
    held = [lines.held_mg(was.balances, body.serial) for was in named.values()]
    there_mg = sum(sum(page.values()) for pages in held for page in pages.values())
    return there_mg == sum(certificate.claimed_mg.values())
