"""Rules for lot_dispatched, lot_returned and lot_arrived (EVENTS.md sections 2, 7 and 8)."""

from __future__ import annotations

from ledger.book import assay, bodies, lines, mass, state
from ledger.book.rules import draft as drafts
from ledger.book.rules import registry
from ledger.book.rules.draft import Draft
from ledger.book.rules.receipt import TOUCHED
from ledger.book.shape import invalid
from ledger.errors import RuleError


def may_dispatch(draft: Draft) -> None:
    """The receiving party and site are known and belong together."""
    body = draft.event.body
    assert isinstance(body, bodies.LotDispatched)
    if body.to.external:
        return
    party, site_id = body.to.party or "", body.to.site or ""
    registry.known_party(draft, party, "body.to.party")
    site = registry.known_site(draft, site_id, "body.to.site")
    if site.party != party:
        raise invalid("body.to.site", site_id, f"a site of {party}, not of {site.party}")


def dispatch(draft: Draft) -> None:
    """lot -> transit, or -> sink when the receiver is external."""
    body, event = draft.event.body, draft.event
    assert isinstance(body, bodies.LotDispatched)
    found = [drafts.existing(draft, lot, f"body.lots[{i}]") for i, lot in enumerate(body.lots)]
    if draft.reader.find(f"consignment:{body.consignment}") is not None:
        raise RuleError(
            "CONSIGNMENT_DUPLICATE",
            f"body.consignment: {body.consignment} exists already",
            field="body.consignment",
            value=body.consignment,
            hint="consignment ids are used once",
        )
    for i, (lot, was) in enumerate(zip(body.lots, found, strict=True)):
        path = f"body.lots[{i}]"
        drafts.custody(draft, lot, was, path)
        drafts.lying(lot, was, path)
        _check_holders(draft, lot, was, path)
        drafts.in_order(draft, lot, was, path)
    for lot, was in zip(body.lots, found, strict=True):
        away = f"sink:{event.site}" if body.to.external else f"transit:{lot}"
        draft.post_all(f"lot:{lot}", was.balances, -1)
        draft.post_all(away, was.balances)
        draft.note(lot, was)


def _check_holders(draft: Draft, lot: str, was: state.Lot, path: str) -> None:
    """A lot certified to a holder goes to that holder while its issuer has it."""
    body = draft.event.body
    assert isinstance(body, bodies.LotDispatched)
    for number in lines.serials(was.balances):
        certificate = draft.read(f"certificate:{number}", state.Certificate)
        if certificate is None or certificate.issuer != draft.event.party:
            continue
        holder = certificate.holder
        if holder is None or (holder.external and body.to.external):
            continue
        if holder.party is None or holder.party != body.to.party:
            raise RuleError(
                "LOT_CERTIFIED",
                f"{path}: {lot} carries certificate {number} made out to "
                f"{holder.party or 'somebody outside'}",
                field=path,
                value=lot,
                hint="send it to the holder, or revoke the certificate first",
            )


def _consignment(draft: Draft, name: str) -> state.Consignment:
    found = draft.read(f"consignment:{name}", state.Consignment)
    if found is None:
        raise RuleError(
            "CONSIGNMENT_UNKNOWN",
            f"body.consignment: no consignment {name} in this log",
            field="body.consignment",
            value=name,
            hint="as the sender named it, <sending site>/<name>",
        )
    return found


def _on_road(
    draft: Draft, consignment: state.Consignment, named: list[tuple[str, str]]
) -> dict[str, state.Lot]:
    """The named lots of a consignment, or LOT_UNKNOWN, or LOT_DUPLICATE once arrived."""
    for lot, path in named:
        if lot not in consignment.road + consignment.arrived:
            raise RuleError(
                "LOT_UNKNOWN",
                f"{path}: {lot} is not in this consignment",
                field=path,
                value=lot,
                hint=f"still on the road: {', '.join(consignment.road) or 'nothing'}",
            )
    for lot, path in named:
        if lot in consignment.arrived:
            raise RuleError(
                "LOT_DUPLICATE",
                f"{path}: {lot} has arrived before",
                field=path,
                value=lot,
                hint="each lot of a consignment arrives once",
            )
    return {lot: found for lot, _ in named if (found := draft.find_lot(lot, road=True)) is not None}


def give_back(draft: Draft) -> None:
    """transit -> lot, whole, at the sending site."""
    body, event = draft.event.body, draft.event
    assert isinstance(body, bodies.LotReturned)
    consignment = _consignment(draft, body.consignment)
    named = [(lot, f"body.lots[{i}]") for i, lot in enumerate(body.lots)]
    found = _on_road(draft, consignment, named)
    _at(draft, consignment.party, consignment.site)
    for lot, path in named:
        drafts.refuse_heel(lot, path)
        drafts.in_order(draft, lot, found[lot], path)
    for lot in body.lots:
        was = found[lot]
        draft.post_all(f"transit:{lot}", was.transit, -1)
        draft.post_all(f"lot:{lot}", was.transit)
        draft.note(lot, was, at_site=event.site)


def _at(draft: Draft, party: str, site: str) -> None:
    event = draft.event
    if event.party != party:
        registry.denied(draft, party or "nobody: the lots left this ledger")
    if event.site != site:
        raise RuleError(
            "LOT_ELSEWHERE",
            f"site: the consignment is one of {site}, not of {event.site}",
            field="site",
            value=event.site,
            hint=f"state it at {site}",
        )


def arrive(draft: Draft) -> None:
    """transit -> lot at the receiving site, at the receiver's weight within tolerance."""
    body = draft.event.body
    assert isinstance(body, bodies.LotArrived)
    consignment = _consignment(draft, body.consignment)
    named = [(arrival.lot, f"body.lots[{i}].lot") for i, arrival in enumerate(body.lots)]
    found = _on_road(draft, consignment, named)
    _at(draft, consignment.to.party or "", consignment.to.site or "")
    for lot, path in named:
        drafts.in_order(draft, lot, found[lot], path)
    for i, arrival in enumerate(body.lots):
        _check_weight(draft, arrival, lines.wet_mg(found[arrival.lot].transit), i)
    for arrival in body.lots:
        _book_arrival(draft, arrival, found[arrival.lot])


def _check_weight(draft: Draft, arrival: bodies.Arrival, sent_mg: int, i: int) -> None:
    apart_mg = abs(arrival.mass - sent_mg)
    limit_ppb = draft.parameter("scale_tolerance")
    if arrival.difference and "weigh_ticket" in draft.event.evidence_types():
        limit_ppb = max(limit_ppb, draft.parameter("accepted_limit"))
    if apart_mg * mass.PPB > limit_ppb * sent_mg:
        raise RuleError(
            "WEIGHT_MISMATCH",
            f"body.lots[{i}].mass: {arrival.mass} mg arrived of {sent_mg} mg dispatched, "
            f"{apart_mg} mg apart, at most {limit_ppb * sent_mg // mass.PPB} mg",
            field=f"body.lots[{i}].mass",
            value=arrival.mass,
            hint='weigh again, settle with the sender, or state "difference": "accepted" with a '
            "weigh_ticket; nothing has moved",
        )


def _book_arrival(draft: Draft, arrival: bodies.Arrival, was: state.Lot) -> None:
    lot, site = arrival.lot, draft.event.site
    sent_mg = lines.wet_mg(was.transit)
    arrived = lines.take(was.transit, min(arrival.mass, sent_mg))
    lost = lines.copy(was.transit)
    lines.add_all(lost, arrived, -1)
    draft.post_all(f"transit:{lot}", was.transit, -1)
    draft.post_all(f"lot:{lot}", arrived)
    draft.post_all(f"loss:{site}/TRANSIT", lost)
    excess_mg = max(0, arrival.mass - sent_mg)
    draft.post(f"lot:{lot}", assay.OTHER, lines.UNCLASSED, excess_mg)
    draft.post(f"ambient:{site}", assay.OTHER, lines.UNCLASSED, -excess_mg)
    changed = (TOUCHED,) if arrival.mass != sent_mg else ()
    draft.note(lot, was, more=changed, at_site=site)
