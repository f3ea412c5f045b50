"""Where a claim's grams come from: exact attribution backwards, from a certificate to receipts.

A mass here is a whole number of units of 2^-64 mg, and whatever is split is split by largest
remainder, so that nothing is lost on the way: what reaches the leaves and what ends at the cut
add up to the claim, exactly. (Fractions would be exact too, but their denominators grow with
every heat, and a hostile file could make a verifier reckon for hours.)

The walk takes the versions of lots in descending order of entries, each entry once. A version of
a lot is an entry that lists it; a line of it came from

    the version before            as far as the balance is older than the entry
    a receipt, an assay           the metal itself: a leaf, on the word of who states it
    scrap_declared                PRIM that became PRE or BMW: a leaf, the declarer's word
    certificate, revocation       the same grams under another claim
    dispatch, return, arrival     the other account of the same lot
    a run                         what was taken of that line, in proportion
    a finalisation                the pool of the run it restates

Only claimable lines are followed; gains and additions are UNK and never on the way.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ledger import entry
from ledger.book import bodies, lines, mass, state
from ledger.book.rules import draft

UNIT: Final = 1 << 64  # per milligram
_POOL: Final = "pool"


class Want(NamedTuple):
    """A line that is looked for: handed is whether it went from one party to another since."""

    account: str
    line: str
    handed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate claims on the lots looked at: lot -> line -> mg, as of entry n."""

    n: int
    substance: str
    held: dict[str, lines.Lines]
    substance_mg: int
    wet_mg: int

    @property
    def claimed_mg(self) -> int:
        """The grams under the serial, in mg."""
        return sum(sum(page.values()) for page in self.held.values())

    def by_class(self) -> dict[str, int]:
        """The same, class by class."""
        claimed: dict[str, int] = {}
        for page in self.held.values():
            for line, mass_mg in page.items():
                origin = lines.split(line)[0]
                claimed[origin] = claimed.get(origin, 0) + mass_mg
        return claimed


@dataclass(slots=True)
class Lineage:
    """Where the units of a claim come from.

    leaves: (entry, handed over between two parties) -> units. cut: entry that was not walked
    into -> units. through: every entry the walk reached -> units that pass it. came_from: entry ->
    the one that asked most of it, and how much. splits: how often something was divided; each may
    have moved less than one unit from one side to the other.
    """

    leaves: dict[tuple[int, bool], int] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)
    through: dict[int, int] = field(default_factory=dict)
    came_from: dict[int, tuple[int, int]] = field(default_factory=dict)
    splits: int = 0

    def proven_mg(self, claimed_mg: int) -> int:
        """Whole milligrams that come from leaves for certain; all of the claim without a cut."""
        if not self.cut:
            return claimed_mg
        return max(0, (sum(self.leaves.values()) - self.splits) // UNIT)


def claim_of(issued: entry.Entry, serial: str, lot: str | None = None) -> Claim:
    """The claim of a certificate's entry, on all its lots or on one of them."""
    body = issued.event.body
    substance = body.substance if isinstance(body, bodies.CertificateIssued) else ""
    named = body.lots if isinstance(body, bodies.CertificateIssued) else ()
    held, substance_mg, wet_mg = {}, 0, 0
    for name in named:
        if lot not in (None, name):
            continue
        balances = state.account_balances(issued.book, f"lot:{name}")
        held[name] = lines.held_mg(balances, serial).get(substance, {})
        substance_mg += lines.substance_mg(balances, substance)
        wet_mg += lines.wet_mg(balances)
    return Claim(issued.n, substance, held, substance_mg, wet_mg)


def trace(claim: Claim, find: Callable[[int], entry.Entry | None], *, least_mg: int = 0) -> Lineage:
    """Walk the claim back to its leaves.

    find: the entry with an index if the walk may go into it, else None: what flows there is cut.
    least_mg: entries that less passes through are not walked into.
    """
    walk = _begin(claim, find, max(1, least_mg * UNIT))
    walk.go()
    return walk.end()


def explore(claim: Claim, find: Callable[[int], entry.Entry | None], *, least_mg: int) -> Lineage:
    """Walk the claim back, large shares before small ones, so that `find` may stop at any time.

    As `trace`, but in rounds: one goes into every entry that a quarter of the last round's share
    waits for, the newest first, and what came late to an entry passes through it in a later
    round. Nothing is lost; only remainders may be dealt out another way than `trace` does.
    """
    walk = _begin(claim, find, max(1, claim.claimed_mg * UNIT))
    last = max(1, least_mg * UNIT)
    while walk.waiting and walk.least > last:
        walk.least = max(last, walk.least // 4)
        walk.heap = [-n for n, units in walk.waiting.items() if units >= walk.least]
        heapq.heapify(walk.heap)
        walk.go()
    return walk.end()


def _begin(claim: Claim, find: Callable[[int], entry.Entry | None], least: int) -> _Walk:
    walk = _Walk(claim.substance, find, least)
    for lot, page in claim.held.items():
        for line, mass_mg in page.items():
            walk.ask(claim.n, Want(f"lot:{lot}", line, False), mass_mg * UNIT)
    return walk


@dataclass(slots=True)
class _Walk:
    """least: what must wait for an entry before the walk goes into it; heap: those where it does.

    asked: what is looked for in an entry that was not gone into yet; waiting: its sum.
    """

    substance: str
    find: Callable[[int], entry.Entry | None]
    least: int
    lineage: Lineage = field(default_factory=Lineage)
    asked: dict[int, dict[Want, int]] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    heap: list[int] = field(default_factory=list)

    def ask(self, n: int, want: Want, units: int) -> None:
        if not units:
            return
        asked = self.asked.setdefault(n, {})
        asked[want] = asked.get(want, 0) + units
        before = self.waiting.get(n, 0)
        self.waiting[n] = before + units
        if before < self.least <= before + units:
            heapq.heappush(self.heap, -n)

    def go(self) -> None:
        """Go into entries, the last first, while one has as much waiting as it takes."""
        while self.heap:
            n = -heapq.heappop(self.heap)
            asked, units = self.asked.pop(n), self.waiting.pop(n)
            self._pass(n, units)
            found = self.find(n)
            if found is None:
                self.cut(n, units)
            else:
                _enter(self, found, asked)

    def end(self) -> Lineage:
        """What still waits is cut."""
        for n, units in self.waiting.items():
            self._pass(n, units)
            self.cut(n, units)
        return self.lineage

    def _pass(self, n: int, units: int) -> None:
        self.lineage.through[n] = self.lineage.through.get(n, 0) + units

    def before(self, found: entry.Entry, key: str, want: Want, units: int) -> None:
        """Ask the version that `found` read under `key`; what has none is cut here."""
        n = found.reads.get(key)
        if n is None or n >= found.n:
            self.cut(found.n, units)
        else:
            _, most = self.lineage.came_from.get(n, (0, -1))
            if units > most:
                self.lineage.came_from[n] = (found.n, units)
            self.ask(n, want, units)

    def cut(self, n: int, units: int) -> None:
        if units:
            self.lineage.cut[n] = self.lineage.cut.get(n, 0) + units

    def leaf(self, n: int, handed: bool, units: int) -> None:
        leaves = self.lineage.leaves
        leaves[n, handed] = leaves.get((n, handed), 0) + units

    def split(self, units: int, weights: list[int]) -> list[int]:
        """`units` in proportion to the weights, at least one of which is not zero."""
        self.lineage.splits += len(weights) - 1
        return mass.largest_remainder(units, weights)


def _enter(walk: _Walk, found: entry.Entry, asked: dict[Want, int]) -> None:
    """Send what is asked of one entry to where it came from."""
    body = found.event.body
    pool: dict[tuple[str, bool], int] = {}
    for want, units in asked.items():
        came = units if want.account == _POOL else _older(walk, found, want, units)
        if came and isinstance(body, bodies.RunRecorded):
            key = (want.line, want.handed)
            pool[key] = pool.get(key, 0) + came
        elif came:
            _SOURCES.get(type(body), _nowhere)(walk, found, want, came)
    if pool:
        _take(walk, found, pool)


def _older(walk: _Walk, found: entry.Entry, want: Want, units: int) -> int:
    """Pass on what is older than the entry; the units that came in with it."""
    shown = found.book.get(want.account, {}).get(walk.substance, {}).get(want.line)
    delta, balance = shown if isinstance(shown, list) else (0, 0)
    came = balance if _is_heel(want.account) else max(0, delta)
    if not 0 <= came <= balance or not balance:
        walk.cut(found.n, units)
        return 0
    if came == balance:
        return units
    kept_units, came_units = walk.split(units, [balance - came, came])
    walk.before(found, _last_version(found, want.account), want, kept_units)
    return came_units


def _is_heel(account: str) -> bool:
    """A run takes the heel whole and fills it anew, on one account."""
    return draft.lot_name(account).startswith(draft.HEEL)


def _last_version(found: entry.Entry, account: str) -> str:
    """The key under which the entry read the lot of an account."""
    lot = account.partition(":")[2]
    return f"lot:{lot}" if f"lot:{lot}" in found.reads else f"transit:{lot}"


# Where the grams that come in with an entry come from, kind by kind.


def _from_outside(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    walk.leaf(found.n, want.handed, units)


def _from_claim(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    """Certified or freed: the same origin on the same lot, where the entry took it from."""
    origin = lines.split(want.line)[0]
    page = found.book[want.account][walk.substance]
    given = {
        line: -delta
        for line, (delta, _) in page.items()
        if delta < 0 and lines.split(line)[0] == origin
    }
    if not given:
        walk.cut(found.n, units)
        return
    for line, part in zip(given, walk.split(units, list(given.values())), strict=True):
        key = _last_version(found, want.account)
        walk.before(found, key, want._replace(line=line), part)


def _from_lot(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    account = want.account.replace("transit:", "lot:", 1)
    walk.before(found, account, want._replace(account=account), units)


def _from_road(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    account = want.account.replace("lot:", "transit:", 1)
    sender = walk.find(found.reads.get(account, found.n))
    handed = sender is not None and sender.event.party != found.event.party
    want = want._replace(account=account, handed=want.handed or handed)
    walk.before(found, account, want, units)


def _from_run(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    body = found.event.body
    run = body.run if isinstance(body, bodies.RunFinalized) else ""
    walk.before(found, f"run:{run}", want._replace(account=_POOL), units)


def _nowhere(walk: _Walk, found: entry.Entry, want: Want, units: int) -> None:
    walk.cut(found.n, units)


_SOURCES: Final[dict[type, Callable[[_Walk, entry.Entry, Want, int], None]]] = {
    bodies.LotReceived: _from_outside,
    bodies.AssayRecorded: _from_outside,
    bodies.ScrapDeclared: _from_outside,
    bodies.CertificateIssued: _from_claim,
    bodies.CertificateRevoked: _from_claim,
    bodies.LotDispatched: _from_lot,
    bodies.LotReturned: _from_road,
    bodies.LotArrived: _from_road,
    bodies.RunFinalized: _from_run,
}


def _take(walk: _Walk, found: entry.Entry, pool: dict[tuple[str, bool], int]) -> None:
    """What is asked of a run's pool, over what was taken of each line, in proportion."""
    taken: dict[str, list[tuple[str, str, int]]] = {}
    kept = _kept(found, walk.substance)
    for account, page in _pages(found, walk.substance):
        for line, (delta, balance) in page.items():
            gone = balance - delta if _is_heel(account) else -delta
            if gone > 0:
                within = line if line in kept else lines.split(line)[0]
                taken.setdefault(within, []).append((account, line, gone))
    for (line, handed), units in pool.items():
        sources = taken.get(line)
        if not sources:
            walk.cut(found.n, units)
            continue
        parts = walk.split(units, [gone for _, _, gone in sources])
        for (account, was, _), part in zip(sources, parts, strict=True):
            want = Want(account, was, handed)
            walk.before(found, _last_version(found, account), want, part)


def _pages(found: entry.Entry, substance: str) -> list[tuple[str, dict[str, Any]]]:
    """The lots of a run with their lines of one substance."""
    lots = [account for account in found.book if account.startswith("lot:")]
    return [(account, found.book[account].get(substance, {})) for account in lots]


def _kept(found: entry.Entry, substance: str) -> set[str]:
    """The lines that come out of a run as they went in; certified ones may come out free."""
    kept = set()
    for account, pages in found.book.items():
        for line, shown in pages.get(substance, {}).items():
            delta, balance = shown if isinstance(shown, list) else (shown, 0)
            if (balance if _is_heel(account) else delta) > 0:
                kept.add(line)
    return kept
