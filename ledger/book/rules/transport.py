"""Rules for lot_dispatched, lot_returned and lot_arrived (docs/events.md sections 2, 7 and 8)."""

from __future__ import annotations

from ledger.book import assay, bodies, lines, marks, mass, state
from ledger.book.rules import draft as drafts
from ledger.book.rules import registry
from ledger.book.rules.draft import Draft
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


def may_return(draft: Draft) -> None:
    """The sender, at the sending site."""
    body = draft.event.body
    assert isinstance(body, bodies.LotReturned)
    found = draft.read(f"consignment:{body.consignment}", state.Consignment)
    if found is not None:
        _only(draft, found.party, found.site)


def may_arrive(draft: Draft) -> None:
    """The party and site it was sent to."""
    body = draft.event.body
    assert isinstance(body, bodies.LotArrived)
    found = draft.read(f"consignment:{body.consignment}", state.Consignment)
    if found is not None:
        _only(draft, found.to.party or "", found.to.site or "")


def _only(draft: Draft, party: str, site: str) -> None:
    event = draft.event
    if (event.party, event.site) != (party, site):
        raise RuleError(
            "PERMISSION_DENIED",
            f"body.consignment: not for {event.party} at {event.site}",
            field="body.consignment",
            value=event.site,
            hint=f"to be stated by {party} at {site}" if party else "the lots left this ledger",
        )


def _on_road(draft: Draft, name: str, named: list[tuple[str, str]]) -> dict[str, state.Lot]:
    """The named lots of a consignment that are still on the road, as they are there."""
    for lot, path in named:
        drafts.existing(draft, lot, path)
    consignment = draft.read(f"consignment:{name}", state.Consignment)
    if consignment is None:
        raise RuleError(
            "CONSIGNMENT_UNKNOWN",
            f"body.consignment: no consignment {name} in this log",
            field="body.consignment",
            value=name,
            hint="as the sender named it, <sending site>/<name>",
        )
    for lot, path in named:
        if lot not in consignment.lots:
            raise RuleError(
                "LOT_UNKNOWN",
                f"{path}: {lot} is not in this consignment",
                field=path,
                value=lot,
                hint=f"it holds {', '.join(consignment.lots)}",
            )
    for lot, path in named:
        if lot not in consignment.road and not consignment.to.external:
            raise RuleError(
                "LOT_DUPLICATE",
                f"{path}: {lot} has arrived or come back before",
                field=path,
                value=lot,
                hint=f"still on the road: {', '.join(consignment.road) or 'nothing'}",
            )
    return {lot: _travelling(draft, lot, path) for lot, path in named}


def _travelling(draft: Draft, lot: str, path: str) -> state.Lot:
    found = draft.find_lot(lot, road=True)
    if found is None or not found.transit:
        raise RuleError(
            "LOT_CONSUMED",
            f"{path}: {lot} is not on the road any more",
            field=path,
            value=lot,
            hint="lots dispatched to somebody outside have left this ledger",
        )
    drafts.in_order(draft, lot, found, path)
    return found


def give_back(draft: Draft) -> None:
    """transit -> lot, whole, at the sending site."""
    body = draft.event.body
    assert isinstance(body, bodies.LotReturned)
    named = [(lot, f"body.lots[{i}]") for i, lot in enumerate(body.lots)]
    for lot, was in _on_road(draft, body.consignment, named).items():
        draft.post_all(f"transit:{lot}", was.transit, -1)
        draft.post_all(f"lot:{lot}", was.transit)
        draft.note(lot, was)


def arrive(draft: Draft) -> None:
    """transit -> lot at the receiving site, at the receiver's weight within tolerance."""
    body = draft.event.body
    assert isinstance(body, bodies.LotArrived)
    named = [(arrival.lot, f"body.lots[{i}].lot") for i, arrival in enumerate(body.lots)]
    found = _on_road(draft, body.consignment, named)
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
    changed = (marks.TOUCHED,) if arrival.mass != sent_mg else ()
    draft.note(lot, was, more=changed, at_site=site)
