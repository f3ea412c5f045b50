"""Which entries touch what is a party's own, and which of these others may be expected to state.

A party keeps its own statements; what others state about it, it learns here. The table EXPECTED
says what happens every day: metal that it sold is received, melted and certified by who bought it.
All else is worth a look (docs/monitor.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger import entry
from ledger.book import bodies, jose, serial

Touch = tuple[str, str]
"""What of the party, and its name: ("lot made", "HF01/INGOT")."""

# kind -> what of a party's an entry of somebody else touches every day.
EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    "lot_dispatched": frozenset({"receiver", "lot made"}),
    "lot_arrived": frozenset({"lot here", "lot made"}),
    "lot_returned": frozenset({"lot here", "lot made"}),
    "run_recorded": frozenset({"lot made"}),
    "run_finalized": frozenset({"lot made"}),
    "assay_recorded": frozenset({"lot made"}),
    "scrap_declared": frozenset({"lot made"}),
    "certificate_issued": frozenset({"lot made", "holder"}),
    "certificate_revoked": frozenset({"lot made"}),
}


@dataclass(slots=True)
class Own:
    """What is a party's own, as the log has said so far; `here`: lots that lie at its sites.

    known: whether any entry registered the party, or is its own.
    """

    party: str
    known: bool = False
    sites: set[str] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    certificates: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Concern:
    """An entry that touches what is the party's. look: nobody expects it of whoever states it."""

    n: int
    kind: str
    party: str
    touches: tuple[Touch, ...]
    look: bool

    def as_dict(self) -> dict[str, Any]:
        """The concern as plain data."""
        touches = [{"what": what, "name": name} for what, name in self.touches]
        return {
            "n": self.n, "kind": self.kind, "party": self.party, "touches": touches,
            "look": self.look,
        }  # fmt: skip

    def __str__(self) -> str:
        touched = ", ".join(f"{what} {name}" for what, name in self.touches)
        return f"entry {self.n}: {self.kind} by {self.party}: {touched}"


def follow(own: Own, found: entry.Entry, keys: Iterable[str] = ()) -> Concern | None:
    """Take the next entry into account; what it says about the party, if others say it.

    keys: thumbprints of the keys that the party says are its own. With none given no statement of
    its own is looked at; else those are that another key signs.
    """
    event, known = found.event, set(keys)
    touches = tuple(dict.fromkeys(_touches(own, found)))
    _take(own, found)
    if event.party == own.party:
        if not known or found.jws.kid in known:
            return None
        return Concern(found.n, event.kind, event.party, (("unknown key", found.jws.kid),), True)
    expected = EXPECTED.get(event.kind, frozenset())
    look = any(what not in expected and not (what == "key" and name in known)
               for what, name in touches)  # fmt: skip
    return Concern(found.n, event.kind, event.party, touches, look) if touches else None


def _touches(own: Own, found: entry.Entry) -> Iterator[Touch]:
    """What of the party's an entry touches, as things were before it."""
    body, party = found.event.body, own.party
    match body:
        case bodies.PartyRegistered(party=of) | bodies.KeyAdded(party=of) if of == party:
            yield "key", jose.thumbprint(body.key or {}) if body.key else "none"
        case bodies.KeyRevoked(party=of, kid=kid) if of == party:
            yield "key gone", kid
        case bodies.SiteRegistered(party=of, site=site) if of == party:
            yield "site", site
        case bodies.LotReceived(source=partner) if partner.party == party:
            yield "source", body.lot
        case bodies.LotDispatched(to=partner) if partner.party == party:
            yield "receiver", body.consignment
        case bodies.CertificateIssued(holder=holder) if holder and holder.party == party:
            yield "holder", _serial(found)
        case bodies.CertificateRevoked(serial=number):
            if number in own.certificates:
                yield "certificate", number
            if number in own.held:
                yield "certificate held", number
        case _:
            pass
    for lot in sorted(found.lots):
        if lot in own.here:
            yield "lot here", lot
        elif lot.partition("/")[0] in own.sites:
            yield "lot made", lot


def _take(own: Own, found: entry.Entry) -> None:
    body = found.event.body
    if own.party in (found.event.party, getattr(body, "party", "")):
        own.known = True
    if isinstance(body, bodies.SiteRegistered) and body.party == own.party:
        own.sites.add(body.site)
    if isinstance(body, bodies.CertificateIssued):
        if found.event.party == own.party:
            own.certificates.add(_serial(found))
        if body.holder is not None and body.holder.party == own.party:
            own.held.add(_serial(found))
    for lot, notes in found.lots.items():
        if notes["at_site"] in own.sites:
            own.here.add(lot)
        else:
            own.here.discard(lot)


def _serial(found: entry.Entry) -> str:
    return serial.make(found.event.log, found.event.party, found.event.id)
