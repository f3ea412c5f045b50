"""From one entry to the states of the objects it touches.

`after` computes an object's state from the entry and its state before: nothing else is ever
needed, so sequencer, audit and offline verifier share this file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger.book import assay, bodies, jose, lines, marks, serial, vocabulary
from ledger.book.events import Event
from ledger.book.state import (
    Book,
    Certificate,
    Consignment,
    Facts,
    Key,
    Log,
    Lot,
    LotNotes,
    Part,
    Party,
    Reader,
    Receipt,
    Run,
    Site,
    State,
    account_balances,
    account_deltas,
)

DEFAULTS: Final[dict[str, Any]] = {
    "closure_tolerance": 5_000_000,
    "scale_tolerance": 3_000_000,
    "accepted_limit": 50_000_000,
    "split_minimum": 1_000_000,
    "strict": False,
    "same_process": "plant",
    "evidence": {name: list(types) for name, types in vocabulary.EVIDENCE_BY_CLASS.items()},
}


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with those given in place of their former values, each as a whole."""
    merged = {**before, **given}
    merged["evidence"] = {name: list(types) for name, types in merged["evidence"].items()}
    return merged


def _log(key: str, facts: Facts, before: Any) -> Log:
    body = facts.event.body
    if isinstance(body, bodies.LogOpened):
        return Log(body.origin, body.operator, _merged(DEFAULTS, body.parameters))
    assert isinstance(before, Log), key
    assert isinstance(body, bodies.PolicySet), key
    return replace(before, parameters=_merged(before.parameters, body.parameters))


def _party(key: str, facts: Facts, before: Any) -> Party:
    match facts.event.body:
        case bodies.LogOpened(operator=operator):
            return Party(operator, "", "open")
        case bodies.PartyRegistered() as body:
            return Party(body.party, body.country, body.share)
        case bodies.SiteRegistered(site=site):
            assert isinstance(before, Party), key
            return replace(before, sites=tuple(sorted({*before.sites, site})))
    raise AssertionError(key)


def _key(key: str, facts: Facts, before: Any) -> Key:
    match facts.event.body:
        case bodies.LogOpened() as body:
            return Key(body.operator, body.operator_key, "self")
        case (bodies.PartyRegistered() | bodies.KeyAdded()) as body:
            return Key(body.party, body.key or {}, body.custody)
        case bodies.KeyRevoked():
            assert isinstance(before, Key), key
            return replace(before, revoked=True)
    raise AssertionError(key)


def _site(key: str, facts: Facts, before: Site | None) -> Site:
    body = facts.event.body
    assert isinstance(body, bodies.SiteRegistered), key
    scopes = {*(before.scopes if before else ()), *(scope.id for scope in body.scopes)}
    equipment = {*(before.equipment if before else ()), *body.equipment}
    return Site(
        body.party, body.country, tuple(sorted(scopes)), tuple(sorted(equipment)), body.zone
    )


def lot_from(book: Book, notes: LotNotes, lot: str) -> Lot:
    """A lot as an entry's own bytes show it."""
    note = notes[lot]
    return Lot(
        account_balances(book, f"lot:{lot}"),
        account_balances(book, f"transit:{lot}"),
        note["by"],
        note["role"],
        note["grade"],
        tuple(note["mentions"]),
        tuple(note["marks"]),
        note["at_site"],
        note["dated"],
    )


def _lot(key: str, facts: Facts, before: State | None) -> Lot:
    return lot_from(facts.book, facts.lots, key.partition(":")[2])


def _receipt(key: str, facts: Facts, before: Any) -> Receipt:
    body = facts.event.body
    if isinstance(body, bodies.LotReceived):
        unproven = [m.partition(":")[2] for m in facts.lots[body.lot]["marks"]]
        origin = {
            element: _proven(shares, unproven) for element, shares in (body.origin or {}).items()
        }
        return Receipt(facts.event.site, body.mass, body.moisture, dict(body.assay or {}), origin)
    assert isinstance(body, bodies.AssayRecorded), key
    assert isinstance(before, Receipt), key
    moisture = before.moisture_ppb if body.moisture is None else body.moisture
    return replace(before, moisture_ppb=moisture, assay={**before.assay, **body.assay})


def _proven(shares: Mapping[str, int], unproven: list[str]) -> dict[str, int]:
    """Origin shares with those of unproven classes added to UNK's."""
    proven: dict[str, int] = {}
    for name, share in shares.items():
        kept = "UNK" if name in unproven else name
        proven[kept] = proven.get(kept, 0) + share
    return proven


def _gains(book: Book, site: str) -> dict[str, int]:
    gained = account_deltas(book, f"gain:{site}")
    return {substance: -sum(page.values()) for substance, page in gained.items()}


def _run(key: str, facts: Facts, before: Any) -> Run:
    body, event, book = facts.event.body, facts.event, facts.book
    if isinstance(body, bodies.RunRecorded):
        given = {o.lot: account_deltas(book, f"lot:{o.lot}") for o in body.outputs}
        loss = account_deltas(book, f"loss:{event.site}/{body.step}")
        gain = _gains(book, event.site)
        return Run(
            event.site,
            body.step,
            tuple(o.lot for o in body.outputs),
            {o.lot: o.role for o in body.outputs},
            _pool(body, event.site, book, given, loss, gain),
            _parts(body, facts),
            gain,
            given,
            loss,
        )
    assert isinstance(body, bodies.RunFinalized), key
    assert isinstance(before, Run), key
    given, loss, gain = dict(before.given), lines.copy(before.loss), dict(before.gain)
    for output in body.outputs:
        given[output.lot] = _restated(given[output.lot], account_deltas(book, f"lot:{output.lot}"))
    lines.add_all(loss, account_deltas(book, f"loss:{before.site}/{before.step}"))
    for substance, gained in _gains(book, before.site).items():
        gain[substance] = gain.get(substance, 0) + gained
    return replace(before, given=given, loss=loss, gain=gain)


def _restated(gave: lines.Balances, deltas: lines.Balances) -> lines.Balances:
    """What a run gave an output, after a difference: claims made since count as free here."""
    balances = lines.copy(gave)
    for substance, page in deltas.items():
        for line, delta_mg in page.items():
            own = line if line in gave.get(substance, {}) else lines.split(line)[0]
            lines.add(balances, substance, own, delta_mg)
    return balances


def _pool(
    body: bodies.RunRecorded,
    site: str,
    book: Book,
    given: dict[str, lines.Balances],
    loss: lines.Balances,
    gain: dict[str, int],
) -> dict[str, int]:
    """Element -> mg that went in: what came out of the run, less what came from gain.

    Asked of the far side because a drained heel and a refilled one share an account.
    """
    pool: dict[str, int] = {}
    heel = f"lot:{site}/HEEL-{body.equipment}"
    after = account_balances(book, heel) if body.heel else {}
    for balances in (*given.values(), loss, after):
        for substance, page in balances.items():
            pool[substance] = pool.get(substance, 0) + sum(page.values())
    return {substance: mg - gain.get(substance, 0) for substance, mg in pool.items()}


def _parts(body: bodies.RunRecorded, facts: Facts) -> tuple[Part, ...]:
    parts = []
    for taken in body.inputs:
        gone = account_deltas(facts.book, f"lot:{taken.lot}")
        other_mg = -lines.substance_mg(gone, assay.OTHER)
        parts.append(Part(other_mg, tuple(facts.lots[taken.lot]["mentions"])))
    for addition in body.additions:
        grams = assay.grams(addition.mass, 0, addition.assay)
        parts.append(Part(grams[assay.OTHER], tuple(addition.assay)))
    heel = f"{facts.event.site}/HEEL-{body.equipment}"
    if heel in facts.lots:
        parts.append(_heel_part(heel, facts, refilled=body.heel is not None))
    return tuple(parts)


def _heel_part(heel: str, facts: Facts, *, refilled: bool) -> Part:
    """The heel that went in; one that is refilled keeps its former mentions as marks."""
    account, note = f"lot:{heel}", facts.lots[heel]
    after_mg = lines.substance_mg(account_balances(facts.book, account), assay.OTHER)
    change_mg = lines.substance_mg(account_deltas(facts.book, account), assay.OTHER)
    mentions = note["mentions"]
    if refilled:
        former = (m for m in note["marks"] if m.startswith(marks.MENTIONED))
        mentions = [mark.removeprefix(marks.MENTIONED) for mark in former]
    return Part(after_mg - change_mg, tuple(mentions))


def _consignment(key: str, facts: Facts, before: Any) -> Consignment:
    event, body = facts.event, facts.event.body
    if isinstance(body, bodies.LotDispatched):
        road = () if body.to.external else body.lots
        return Consignment(event.party, event.site, body.to, body.lots, road)
    assert isinstance(before, Consignment), key
    gone: tuple[str, ...] = ()
    if isinstance(body, bodies.LotReturned):
        gone = body.lots
    elif isinstance(body, bodies.LotArrived):
        gone = tuple(arrival.lot for arrival in body.lots)
    return replace(before, road=tuple(lot for lot in before.road if lot not in gone))


def _certificate(key: str, facts: Facts, before: Any) -> Certificate:
    body, event = facts.event.body, facts.event
    if not isinstance(body, bodies.CertificateIssued):
        assert isinstance(before, Certificate), key
        return replace(before, revoked=True)
    number = key.partition(":")[2]
    claimed: dict[str, int] = {}
    for lot in body.lots:
        for line, mg in account_deltas(facts.book, f"lot:{lot}").get(body.substance, {}).items():
            if lines.serial_of(line) == number:
                origin = lines.split(line)[0]
                claimed[origin] = claimed.get(origin, 0) + mg
    return Certificate(event.party, body.substance, claimed, body.holder, body.valid_until)


_AFTER: Final[dict[str, Callable[[str, Facts, Any], State]]] = {
    "log": _log,
    "party": _party,
    "key": _key,
    "site": _site,
    "lot": _lot,
    "transit": _lot,
    "receipt": _receipt,
    "run": _run,
    "consignment": _consignment,
    "certificate": _certificate,
}


def after(key: str, facts: Facts, before: State | None) -> State:
    """The state of object `key` after the entry of `facts`, which touches it.

    before: its state before, or None for an object this entry creates.
    """
    return _AFTER[key.partition(":")[0]](key, facts, before)


def touched(facts: Facts, origin: str) -> list[str]:
    """The keys of every object the entry creates or changes; its lots last, ascending."""
    event, body = facts.event, facts.event.body
    keys: list[str] = []
    match body:
        case bodies.LogOpened():
            keys = ["log", f"party:{body.operator}", _kid_key(body.operator_key)]
        case bodies.PolicySet():
            keys = ["log"]
        case bodies.PartyRegistered():
            keys = [f"party:{body.party}", *([_kid_key(body.key)] if body.key else [])]
        case bodies.KeyAdded():
            keys = [_kid_key(body.key)] if body.key else []
        case bodies.KeyRevoked():
            keys = [f"key:{body.kid}"]
        case bodies.SiteRegistered():
            keys = [f"site:{body.site}", f"party:{body.party}"]
        case bodies.LotReceived() | bodies.AssayRecorded():
            keys = [f"receipt:{body.lot}"]
        case bodies.RunRecorded() | bodies.RunFinalized():
            keys = [f"run:{body.run}"]
        case bodies.LotDispatched() | bodies.LotReturned() | bodies.LotArrived():
            keys = [f"consignment:{body.consignment}"]
        case bodies.CertificateIssued():
            keys = [f"certificate:{serial.make(origin, event.party, event.id)}"]
        case bodies.CertificateRevoked():
            keys = [f"certificate:{body.serial}"]
        case bodies.ScrapDeclared():
            pass
    return keys + [f"lot:{lot}" for lot in sorted(facts.lots)]


def _kid_key(jwk: dict[str, str] | None) -> str:
    return f"key:{jose.thumbprint(jwk or {})}"


def stored_key(key: str) -> str:
    """The key under which an object is kept: a lot's transit account is the lot's."""
    return "lot:" + key.removeprefix("transit:") if key.startswith("transit:") else key


def mentioned(event: Event) -> list[str]:
    """The keys an event names, for loading them at once; rules may ask for more."""
    keys = ["log", f"party:{event.party}"]
    if event.site:
        keys.append(f"site:{event.site}")
    match event.body:
        case bodies.LotReceived(lot=lot) | bodies.AssayRecorded(lot=lot):
            keys += [f"lot:{lot}", f"receipt:{lot}"]
        case bodies.ScrapDeclared(lot=lot):
            keys.append(f"lot:{lot}")
        case bodies.RunRecorded() as run:
            keys += [f"run:{run.run}", f"lot:{event.site}/HEEL-{run.equipment}"]
            keys += [f"lot:{taken.lot}" for taken in run.inputs]
            keys += [f"lot:{made.lot}" for made in run.outputs]
        case bodies.RunFinalized() as done:
            keys += [f"run:{done.run}", *(f"lot:{o.lot}" for o in done.outputs)]
        case bodies.LotDispatched() | bodies.LotReturned() as moved:
            keys += [f"consignment:{moved.consignment}", *(f"lot:{lot}" for lot in moved.lots)]
        case bodies.LotArrived() as came:
            keys += [f"consignment:{came.consignment}", *(f"lot:{a.lot}" for a in came.lots)]
        case bodies.CertificateIssued() as issued:
            keys += [f"lot:{lot}" for lot in issued.lots]
        case bodies.CertificateRevoked() as revoked:
            keys += [f"certificate:{revoked.serial}", *(f"lot:{lot}" for lot in revoked.lots)]
        case _:
            pass
    return keys


def uses(event: Event) -> list[str]:
    """What an event uses up once: tickets per site, documents per party."""
    body = event.body
    if not isinstance(body, bodies.LotReceived):
        return []
    keys = [
        f"document:{document.sha256}"
        for document in event.evidence
        if document.type in vocabulary.DOCUMENT_TYPES
    ]
    if body.ticket is not None:
        keys.append(ticket_key(event.site, body))
    return keys


def ticket_key(site: str, body: bodies.LotReceived) -> str:
    """The key under which a site's ticket (and part) is used up."""
    part = "" if body.ticket_part is None else body.ticket_part
    return f"ticket:{site}/{body.ticket}#{part}"


@dataclass
class Memory:
    """A Reader over what was applied to it, falling through to `below` for anything else."""

    below: Reader | None = None
    objects: dict[str, tuple[int, State]] = field(default_factory=dict)
    usage: dict[str, tuple[int, str]] = field(default_factory=dict)

    def find(self, key: str) -> tuple[int, State] | None:
        """See Reader. A lot and what of it is on the road are one object."""
        found = self.objects.get(stored_key(key))
        return found if found or self.below is None else self.below.find(key)

    def used(self, key: str) -> tuple[int, str] | None:
        """See Reader."""
        found = self.usage.get(key)
        return found if found or self.below is None else self.below.used(key)

    def apply(self, facts: Facts, origin: str) -> None:
        """Take an accepted entry into account."""
        for key in touched(facts, origin):
            found = self.find(key)
            self.objects[key] = (facts.n, after(key, facts, found[1] if found else None))
        for key in uses(facts.event):
            self.usage.setdefault(key, (facts.n, facts.event.party))
