"""Who has a part in an event: they may read its entry, and the lots and certificates it touches."""

from __future__ import annotations

from ledger.book import bodies, state
from ledger.book.events import Event


def named(event: Event) -> set[str]:
    """Who states the event, and whom it names as the other side."""
    parties = {event.party}
    match event.body:
        case bodies.LotDispatched(to=partner):
            parties.add(partner.party or "")
        case bodies.LotReceived(source=partner):
            parties.add(partner.party or "")
        case bodies.CertificateIssued(holder=holder) if holder is not None:
            parties.add(holder.party or "")
        case (
            bodies.PartyRegistered(party=party)
            | bodies.KeyAdded(party=party)
            | bodies.KeyRevoked(party=party)
            | bodies.SiteRegistered(party=party)
        ):
            parties.add(party)
        case _:
            pass
    return parties - {""}


def concerned(event: Event, reader: state.Reader) -> set[str]:
    """Those named, and who stands on the other side of a named consignment or certificate."""
    parties, body = named(event), event.body
    if isinstance(body, (bodies.LotArrived, bodies.LotReturned)):
        key = f"consignment:{body.consignment}"
    elif isinstance(body, bodies.CertificateRevoked):
        key = f"certificate:{body.serial}"
    else:
        return parties
    found = reader.find(key)
    other = None if found is None else found[1]
    if isinstance(other, state.Consignment):
        parties |= {other.party, other.to.party or ""}
    elif isinstance(other, state.Certificate) and other.holder is not None:
        parties.add(other.holder.party or "")
    return parties - {""}


def newly_seen(event: Event, made: list[str], parties: set[str]) -> list[tuple[str, str]]:
    """(party, lot) for every lot that an entry is the first to show to a party; others may repeat.

    made: the lots the entry makes; parties: the concerned. Whoever has a lot in custody saw it
    made or saw it dispatched to him, so nothing else shows a lot to anybody new.
    """
    body = event.body
    lots: tuple[str, ...] = tuple(made)
    if isinstance(body, bodies.LotDispatched):
        lots = body.lots if body.to.party else ()
    elif isinstance(body, bodies.CertificateIssued):
        lots = body.lots if body.holder and body.holder.party else ()
    elif isinstance(body, bodies.CertificateRevoked):
        lots = body.lots
    return [(party, lot) for lot in lots for party in sorted(parties)]
