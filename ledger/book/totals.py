"""Running totals over entries: every account, every lot, every certificate.

Views only: the rules never read them, and they can be thrown away and rebuilt from the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger.book import assay, bodies, lines, mass, serial, state, vocabulary

# Where grams under a serial still count as held (docs/events.md section 8).
_HOLDING: Final = ("lot:", "transit:", "sink:")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What became of a certificate: figures at issue, what it holds now, what happened to it."""

    n: int
    issuer: str
    site: str
    substance: str
    claimed_mg: dict[str, int]
    substance_mg: int
    wet_mg: int
    held_mg: int
    lots: tuple[str, ...]
    holder: bodies.Partner | None
    valid_until: str | None
    revoked: bool = False
    disputed: bool = False
    drawn: bool = False
    issued_ms: int = 0
    changed_n: int = 0  # the last entry that changed this view

    def status(self, *, expired: bool) -> str:
        """REVOKED, EXPIRED, DISPUTED, DRAWN or VALID: the first that holds."""
        states = (
            ("REVOKED", self.revoked),
            ("EXPIRED", expired),
            ("DISPUTED", self.disputed),
            ("DRAWN", self.drawn),
        )
        return next((name for name, holds in states if holds), "VALID")

    def figures(self) -> dict[str, Any]:
        """The grams and the two floored percentages, as printed."""
        claimed_mg = sum(self.claimed_mg.values())
        return {
            "substance": self.substance,
            "claimed_mg": self.claimed_mg,
            "held_mg": self.held_mg,
            "of_substance": mass.percent_floor(claimed_mg, self.substance_mg),
            "of_mass": mass.percent_floor(claimed_mg, self.wet_mg),
        }


@dataclass
class Totals:
    """Balances after every entry applied so far."""

    balances: dict[str, lines.Balances] = field(default_factory=dict)
    lots: set[str] = field(default_factory=set)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)

    def apply(self, facts: state.Facts, origin: str) -> None:
        """Take one entry into account; entries come in order."""
        body = facts.event.body
        if isinstance(body, bodies.SiteRegistered):
            self.zones[body.site] = body.zone
        for account in facts.book:
            deltas = state.account_deltas(facts.book, account)
            lines.add_all(self.balances.setdefault(account, {}), deltas)
        self.lots.update(facts.lots)
        changed = certificate_changes(facts, origin, self.certificates)
        self.certificates.update(changed)

    def shown_lots(self) -> dict[str, lines.Balances]:
        """Every lot ever made, {} when empty or on the road."""
        return {lot: self.balances.get(f"lot:{lot}", {}) for lot in sorted(self.lots)}

    def shown_accounts(self) -> dict[str, lines.Balances]:
        """Every nominal and transit account that is not zero."""
        return {
            account: balances
            for account, balances in sorted(self.balances.items())
            if balances and not account.startswith("lot:")
        }


def certificate_changes(
    facts: state.Facts, origin: str, known: dict[str, Certificate]
) -> dict[str, Certificate]:
    """serial -> its view after the entry, for every certificate the entry makes or changes.

    known: the views before, of every serial that stands in the entry.
    """
    body, event = facts.event.body, facts.event
    held: dict[str, int] = {}
    for account, pages in facts.book.items():
        if not account.startswith(_HOLDING):
            continue
        for page in pages.values():
            for line, shown in page.items():
                number = lines.serial_of(line)
                if number:
                    delta = shown[0] if isinstance(shown, list) else shown
                    held[number] = held.get(number, 0) + delta
    changed = {}
    if isinstance(body, bodies.CertificateIssued):
        number = serial.make(origin, event.party, event.id)
        changed[number] = _issued(facts, body, number, held.pop(number, 0))
    for number, delta in held.items():
        if delta:
            changed[number] = _moved(facts, known[number], delta)
    if isinstance(body, bodies.CertificateRevoked):
        before = changed.get(body.serial, known[body.serial])
        changed[body.serial] = replace(before, revoked=True, changed_n=facts.n)
    return changed


def _issued(
    facts: state.Facts, body: bodies.CertificateIssued, number: str, held_mg: int
) -> Certificate:
    claimed: dict[str, int] = {}
    substance_mg = wet_mg = 0
    for lot in body.lots:
        balances = state.account_balances(facts.book, f"lot:{lot}")
        wet_mg += lines.wet_mg(balances)
        substance_mg += lines.substance_mg(balances, body.substance)
        for line, mass_mg in balances.get(body.substance, {}).items():
            if lines.serial_of(line) == number:
                name = lines.split(line)[0]
                claimed[name] = claimed.get(name, 0) + mass_mg
    return Certificate(
        facts.n, facts.event.party, facts.event.site, body.substance, claimed, substance_mg, wet_mg,
        held_mg, body.lots, body.holder, body.valid_until,
        issued_ms=facts.event.occurred_at_ms, changed_n=facts.n,
    )  # fmt: skip


def _moved(facts: state.Facts, before: Certificate, delta_mg: int) -> Certificate:
    body = facts.event.body
    assayed = isinstance(body, bodies.AssayRecorded | bodies.RunFinalized)
    used = isinstance(body, bodies.RunRecorded) and facts.event.party != before.issuer
    return replace(
        before,
        held_mg=before.held_mg + delta_mg,
        disputed=before.disputed or (assayed and delta_mg < 0),
        drawn=before.drawn or (used and delta_mg < 0),
        changed_n=facts.n,
    )


def elements(balances: lines.Balances) -> list[dict[str, Any]]:
    """Per element: grams, share of the mass, and grams and floored share by origin class."""
    wet_mg = lines.wet_mg(balances)
    shown = []
    for substance in sorted(balances, key=lambda s: -lines.substance_mg(balances, s)):
        if substance in (assay.OTHER, assay.WATER):
            continue
        whole_mg = lines.substance_mg(balances, substance)
        by_class = dict.fromkeys(reversed(vocabulary.ORIGINS), 0)
        for line, mass_mg in balances[substance].items():
            by_class[lines.split(line)[0]] += mass_mg
        shown.append(
            {
                "substance": substance,
                "mass_mg": whole_mg,
                "of_mass": mass.percent_floor(whole_mg, wet_mg),
                "origins": {
                    name: {"mass_mg": mg, "percent": mass.percent_floor(mg, whole_mg)}
                    for name, mg in by_class.items()
                    if mg
                },
            }
        )
    return shown
