"""The entry a rule is writing: what it has read, the postings so far, the notes of its lots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from ledger.book import events, lines, mass, state
from ledger.errors import CorruptError, RuleError

T = TypeVar("T")
HEEL: Final = "HEEL-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an accepted event does: the `book`, `lots` and `reads` of its entry."""

    book: state.Book
    lots: state.LotNotes
    reads: dict[str, int]


@dataclass(slots=True)
class Draft:
    """Work in progress on one event. A refused event leaves no trace but its error."""

    event: events.Event
    at_ms: int
    reader: state.Reader
    trial: bool = False
    kid: str = ""
    reads: dict[str, int] = field(default_factory=dict)
    before: dict[str, state.Lot] = field(default_factory=dict)
    deltas: dict[str, lines.Balances] = field(default_factory=dict)
    notes: dict[str, state.Lot] = field(default_factory=dict)

    def read(self, key: str, kind: type[T]) -> T | None:
        """The state of an object, noting the entry it came from; None if there is none."""
        found = self.reader.find(key)
        if found is None:
            return None
        self.reads[key] = found[0]
        assert isinstance(found[1], kind), key
        return found[1]

    @property
    def log(self) -> state.Log:
        """Origin and parameters in force."""
        log = self.read("log", state.Log)
        assert log is not None, "a log begins with log_opened"
        return log

    def parameter(self, name: str) -> Any:
        """A parameter of the log."""
        return self.log.parameters[name]

    def find_lot(self, lot: str, *, road: bool = False) -> state.Lot | None:
        """The lot as the last entry left it. road: asked for what lies on its transit account."""
        found = self.read(f"transit:{lot}" if road else f"lot:{lot}", state.Lot)
        if found is not None:
            self.before[lot] = found
        return found

    def post(self, account: str, substance: str, line: str, delta_mg: int) -> None:
        """Add to one line of an account."""
        if delta_mg:
            lines.add(self.deltas.setdefault(account, {}), substance, line, delta_mg)

    def post_all(self, account: str, balances: lines.Balances, sign: int = 1) -> None:
        """Add every line of `balances`, times `sign`."""
        lines.add_all(self.deltas.setdefault(account, {}), balances, sign)

    def note(self, lot: str, was: state.Lot, *, more: Iterable[str] = (), **changes: Any) -> None:
        """Say that the entry makes or changes `lot`; its date never goes back."""
        changes.setdefault("marks", tuple(sorted({*was.marks, *more})))
        dated = max(was.dated, self.event.occurred_at_ms)
        self.notes[lot] = replace(was, dated=dated, **changes)

    def finish(self) -> Outcome:
        """The finished entry parts.

        Raises RuleError NUMBER_NOT_EXACT for grams beyond 2^53-1 mg, CorruptError if a posting
        does not balance or a lot goes below zero.
        """
        book: state.Book = {}
        for account, deltas in self.deltas.items():
            if not account.startswith(("lot:", "transit:")) and deltas:
                book[account] = {s: dict(page) for s, page in deltas.items()}
                for nominal in deltas.values():
                    _check_exact(account, max(nominal.values(), key=abs))
        for lot in self.notes:
            known = self.before.get(lot)
            for kind in ("lot", "transit"):
                account = f"{kind}:{lot}"
                lying = {} if known is None else known.balances if kind == "lot" else known.transit
                page = _passbook(account, lying, self.deltas.get(account, {}))
                if page:
                    book[account] = page
        self._check()
        lots = {lot: noted.notes() for lot, noted in self.notes.items()}
        return Outcome(book, lots, self.reads)

    def _check(self) -> None:
        sums: dict[str, int] = {}
        for account, deltas in self.deltas.items():
            kind, _, lot = account.partition(":")
            if kind in ("lot", "transit") and lot not in self.notes:
                raise CorruptError("STORE_CORRUPT", f"{account}: posted without a note")
            for substance, page in deltas.items():
                sums[substance] = sums.get(substance, 0) + sum(page.values())
        unbalanced = {substance: total for substance, total in sums.items() if total}
        if unbalanced:
            raise CorruptError(
                "STORE_CORRUPT", f"{self.event.kind}: postings do not balance: {unbalanced}"
            )


def _passbook(
    account: str, lying: lines.Balances, deltas: lines.Balances
) -> dict[str, dict[str, list[int]]]:
    """Every non-zero line of a lot or transit account as [delta, balance], delta 0 too."""
    pages: dict[str, dict[str, list[int]]] = {}
    for substance in {**lying, **deltas}:
        had, change = lying.get(substance, {}), deltas.get(substance, {})
        if not had:
            pages[substance] = {line: [mass_mg, mass_mg] for line, mass_mg in change.items()}
            if min(change.values()) < 0:
                raise CorruptError("STORE_CORRUPT", f"{account}: {substance} is below zero")
            continue
        page = {
            line: [change.get(line, 0), had.get(line, 0) + change.get(line, 0)]
            for line in {**had, **change}
        }
        pages[substance] = page
        for line, (_, balance) in page.items():
            if balance < 0:
                raise CorruptError("STORE_CORRUPT", f"{account}: {substance} {line} is {balance}")
    _check_exact(account, sum(b for page in pages.values() for _, b in page.values()))
    return pages


def _check_exact(account: str, mass_mg: int) -> None:
    """What lies on one account, and what moves, stays a number that every JSON tool keeps."""
    if abs(mass_mg) > mass.MASS_MAX_MG:
        raise RuleError(
            "NUMBER_NOT_EXACT",
            f"{account}: {abs(mass_mg)} mg, at most {mass.MASS_MAX_MG} mg",
            value=abs(mass_mg),
            hint="nine megatonnes in one lot or one posting are the limit: divide the event",
        )


# Refusals about lots that several rules share, in the order of docs/events.md section 9, stage 7.


def lot_name(lot: str) -> str:
    """The name of a lot without its site."""
    return lot.partition("/")[2]


def refuse_heel(lot: str, path: str) -> None:
    """HEEL_DISCONTINUITY for the standing lot of a furnace."""
    if lot_name(lot).startswith(HEEL):
        raise RuleError(
            "HEEL_DISCONTINUITY",
            f"{path}: {lot} is a furnace's heel",
            field=path,
            value=lot,
            hint="the next run of the furnace takes its heel by itself; tap it as an output",
        )


def existing(draft: Draft, lot: str, path: str) -> state.Lot:
    """The lot, or LOT_UNKNOWN."""
    found = draft.find_lot(lot)
    if found is None:
        raise RuleError(
            "LOT_UNKNOWN",
            f"{path}: no lot {lot} in this log",
            field=path,
            value=lot,
            hint="a lot is made by a receipt or a run; check the spelling <site>/<name>",
        )
    return found


def new_lot(draft: Draft, lot: str, path: str) -> None:
    """LOT_DUPLICATE if the lot exists."""
    found = draft.reader.find(f"lot:{lot}")
    if found is not None:
        raise RuleError(
            "LOT_DUPLICATE",
            f"{path}: lot {lot} exists since before entry {found[0] + 1}",
            field=path,
            value=lot,
            hint="lot names are never used again; choose a new one",
        )


def custody(draft: Draft, lot: str, was: state.Lot, path: str) -> None:
    """PERMISSION_DENIED or LOT_ELSEWHERE unless the lot lies at the event's site."""
    event = draft.event
    if was.at_site == event.site:
        return
    lies = draft.read(f"site:{was.at_site}", state.Site)
    owner = lies.party if lies else "?"
    if owner != event.party:
        raise RuleError(
            "PERMISSION_DENIED",
            f"{path}: lot {lot} lies at {was.at_site} of {owner}, not at {event.site}",
            field=path,
            value=lot,
            hint=f"only {owner} may act on it until it was dispatched and has arrived",
        )
    raise RuleError(
        "LOT_ELSEWHERE",
        f"{path}: lot {lot} lies at {was.at_site}, not at {event.site}",
        field=path,
        value=lot,
        hint=f"state the event at {was.at_site}, or move the lot first",
    )


def lying(lot: str, was: state.Lot, path: str) -> None:
    """HEEL_DISCONTINUITY, LOT_IN_TRANSIT or LOT_CONSUMED unless there is something to act on."""
    refuse_heel(lot, path)
    if was.transit:
        raise RuleError(
            "LOT_IN_TRANSIT",
            f"{path}: lot {lot} is on the road from {was.at_site}",
            field=path,
            value=lot,
            hint="state its arrival, or its return, first",
        )
    if not was.balances:
        raise RuleError(
            "LOT_CONSUMED",
            f"{path}: nothing is left on lot {lot}",
            field=path,
            value=lot,
            hint="follow its lineage to the lots that were made of it",
        )


def in_order(draft: Draft, lot: str, was: state.Lot, path: str) -> None:
    """EVENT_OUT_OF_ORDER if the event is older than the last one that touched the lot."""
    if draft.event.occurred_at_ms < was.dated:
        raise RuleError(
            "EVENT_OUT_OF_ORDER",
            f"{path}: the event is {was.dated - draft.event.occurred_at_ms} ms older than the last "
            f"one that touched {lot}",
            field=path,
            value=lot,
            hint="occurred_at may not lie before that of an earlier event on the same lot",
        )
