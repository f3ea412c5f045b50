"""Which entries a dossier holds: those it must, then lineage, most proven grams a byte first.

A lineage may have any number of entries: it is walked largest share first and only until enough
was read. To open an entry is to show all that it reads, so that it can be recomputed; what it got
from entries that are open in turn is proven as far as these reach receipts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger import entry
from ledger.book import bodies
from ledger.certificate import provenance

REGISTERS: Final = ("log", "party", "site", "key")
_REGISTRATIONS: Final = (
    bodies.LogOpened, bodies.PolicySet, bodies.PartyRegistered, bodies.KeyAdded,
    bodies.KeyRevoked, bodies.SiteRegistered,
)  # fmt: skip
# Of a lineage, what less than this share of the claim passes through is never worth its bytes.
_LEAST_SHARE: Final = 1_000_000_000
MAX_ENTRIES: Final = 10_000
READ_MAX_ENTRIES: Final = 1_500
READ_MAX_BYTES: Final = 8 << 20
_SIZES: Final = range(12, 25)  # bits of the bytes that one step may add: 4 KiB to 16 MiB
Size = Callable[[int], int]


class _Enough(Exception):
    """As much was read as may be."""


@dataclass(slots=True)
class Found:
    """The entries read so far, once each, and those chosen.

    read: leaf bytes by index. ahead: told which will be read next. left_entries, left_bytes: how
    much may still be read; without bound until the lineage is walked.
    """

    read: Callable[[int], bytes]
    ahead: Callable[[Collection[int]], None]
    may_share: Callable[[entry.Entry], bool]
    leaves: dict[int, bytes] = field(default_factory=dict)
    entries: dict[int, entry.Entry] = field(default_factory=dict)
    chosen: set[int] = field(default_factory=set)
    bound: bool = False
    left_entries: int = READ_MAX_ENTRIES
    left_bytes: int = READ_MAX_BYTES

    def get(self, n: int) -> entry.Entry:
        """Entry n, kept."""
        if n not in self.entries:
            if self.bound and (self.left_entries <= 0 or self.left_bytes <= 0):
                raise _Enough
            leaf = self.read(n)
            self.leaves[n], self.entries[n] = leaf, entry.parse(leaf)
            self.left_entries -= 1
            self.left_bytes -= len(leaf)
        return self.entries[n]

    def share(self, ns: Iterable[int]) -> bool:
        """Whether every one of these may be shown; registrations are public."""
        return all(is_register(found) or self.may_share(found) for found in map(self.get, ns))


def is_register(found: entry.Entry) -> bool:
    """Whether an entry registers a party, key, site or policy, and moves no metal."""
    return isinstance(found.event.body, _REGISTRATIONS)


def needed(found: Found, n: int) -> set[int]:
    """What must be there for entry n to be recomputed: all it reads, and for each object that is
    more than its last entry (a run and its finalisations, say) the entries before that."""
    reads = found.get(n).reads
    found.ahead([last for last in reads.values() if last not in found.entries])
    wanted: set[int] = set()
    for key, last in reads.items():
        wanted.add(last)
        while not key.startswith(("lot:", "transit:")):
            before = found.get(last).reads.get(key)
            if before is None or before >= last:
                break
            wanted.add(before)
            last = before
    return wanted


def with_registers(found: Found, ns: Iterable[int]) -> set[int]:
    """These entries and every registration that they, and those, rest on."""
    closed: set[int] = set()
    open_ = list(ns)
    while open_:
        n = open_.pop()
        if n in closed:
            continue
        closed.add(n)
        for key, read in found.get(n).reads.items():
            if key.partition(":")[0] in REGISTERS and read not in closed:
                open_.append(read)
    return closed


def grow(found: Found, claim: provenance.Claim, left_bytes: int, size_of: Size) -> None:
    """Choose lineage entries while `left_bytes` last, each with all that it reads.

    One entry may be as large as all others together, and stand in their way: so the choice is made
    for several sizes of what may be opened at most, and the one that proves most stands. The more
    bytes there are, the more is proven.
    """
    lineage, shown = _explore(found, claim)
    if claim.n not in shown:
        return
    gains = dict.fromkeys(shown, 0)
    for (n, _), units in lineage.leaves.items():
        gains[n] += units
    costs = _costs(found, shown, size_of)
    parents = {n: came for n, (came, _) in lineage.came_from.items() if n in shown}
    # An entry may be reached by several ways, of which `order` sees the widest: others after it.
    rest = sorted(shown, key=lambda n: (-lineage.through[n], -n))
    choices: list[tuple[bool, set[int]]] = []
    tried: set[int] = set()
    for bits in _SIZES:
        small = _reachable(claim.n, parents, costs, 1 << bits)
        if len(small) not in tried:
            tried.add(len(small))
            ways = order(claim.n, parents, {n: gains[n] for n in small}, costs)
            choices.append((True, _fill(found, shown, ways, left_bytes, size_of)))
            choices.append((False, _fill(found, shown, [*ways, *rest], left_bytes, size_of)))

    def worth(choice: tuple[bool, set[int]]) -> tuple[int, bool, int]:
        frugal, chosen = choice
        return _proven_mg(found, claim, shown, chosen), frugal, len(chosen)

    found.chosen = max(choices, key=worth)[1]


def _proven_mg(
    found: Found, claim: provenance.Claim, shown: Mapping[int, set[int]], chosen: set[int]
) -> int:
    """What a dossier of these entries would prove."""

    def enter(n: int) -> entry.Entry | None:
        return found.entries[n] if n in shown and shown[n] <= chosen else None

    return provenance.trace(claim, enter).proven_mg(claim.claimed_mg)


def _fill(
    found: Found,
    shown: Mapping[int, set[int]],
    ways: Iterable[int],
    left_bytes: int,
    size_of: Size,
) -> set[int]:
    """What opening these in their order shows, until the next does not fit."""
    chosen = set(found.chosen)
    for n in ways:
        more = shown[n] - chosen
        left_bytes -= sum(map(size_of, more))
        if left_bytes < 0 or len(chosen) + len(more) > MAX_ENTRIES:
            break
        chosen |= more
    return chosen


def _reachable(
    root: int, parents: Mapping[int, int], costs: Mapping[int, int], most: int
) -> set[int]:
    """The entries to which a way of steps leads that cost at most `most` each."""
    reached = {root}
    for n in sorted(parents, reverse=True):
        if parents[n] in reached and costs[n] <= most:
            reached.add(n)
    return reached


def _explore(
    found: Found, claim: provenance.Claim
) -> tuple[provenance.Lineage, dict[int, set[int]]]:
    """The lineage as far as it may be shown and was read, and what each of its entries needs."""
    shown: dict[int, set[int]] = {}
    closed: set[int] = set()

    def enter(n: int) -> entry.Entry | None:
        if n not in shown and n not in closed:
            try:
                wanted = with_registers(found, needed(found, n))
                known = found.share(wanted)
            except _Enough:
                known = False
            if known:
                shown[n] = wanted
            else:
                closed.add(n)
        return found.entries[n] if n in shown else None

    found.bound = True
    least_mg = claim.claimed_mg // _LEAST_SHARE
    return provenance.explore(claim, enter, least_mg=least_mg), shown


def _costs(found: Found, shown: Mapping[int, set[int]], size_of: Size) -> dict[int, int]:
    """The bytes that opening an entry adds, each entry counted where it is needed last."""
    costs: dict[int, int] = {}
    counted = set(found.chosen)
    for n in sorted(shown, reverse=True):
        new = shown[n] - counted
        costs[n] = sum(map(size_of, new))
        counted |= new
    return costs


def order(
    root: int, parents: Mapping[int, int], gains: Mapping[int, int], costs: Mapping[int, int]
) -> list[int]:
    """The entries in which to open a lineage, each after its parent; no budget is needed for it.

    Of all such orders this one has gained most at (nearly) every cost. What gains most for its
    cost follows its parent at once, and the two count as one from there on; what gains nothing is
    left out. Source: W. A. Horn, SIAM J. Appl. Math. 23 (1972) 189-202.
    """
    blocks = {n: [n] for n in gains}
    first = {n: n for n in gains}  # of the block that an entry belongs to
    gain, cost = dict(gains), dict(costs)
    made: list[int] = []
    done = {root}

    def rate(n: int) -> int:
        return -(gain[n] << 32) // max(1, cost[n])

    def block_of(n: int) -> int:
        while first[n] != n:
            first[n] = first[first[n]]
            n = first[n]
        return n

    heap = [(rate(n), -n) for n in gains if n in parents]
    heapq.heapify(heap)
    while heap:
        known, n = heapq.heappop(heap)
        n = -n
        if n in done or first[n] != n or known != rate(n):
            continue  # it was put in again, or belongs to another by now
        if not gain[n]:
            break
        parent = block_of(parents[n])
        if parent in done:
            made += blocks[n]
            done.add(n)
            continue
        first[n] = parent
        blocks[parent] += blocks.pop(n)
        gain[parent] += gain[n]
        cost[parent] += cost[n]
        heapq.heappush(heap, (rate(parent), -parent))
    return made
