"""How often whom: one number per caller, which says until when the caller has used what it may.

Each process counts on its own. What is remembered is bounded: whoever was seen longest ago is
forgotten first, and begins anew.
"""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass, field
from typing import Final

from ledger.errors import RuleError
from ledger.settings import Settings

CALLERS_MAX: Final = 20_000
# What may come at once, in seconds' worth of the rate.
AT_ONCE_S: Final = 10
# A label or number that does not exist costs as many visits: guessing is what it may be.
MISS_COST: Final = 5
# Whoever reads the whole log asks for two tiles every 256 entries, and most readers of such logs
# do not know how to wait.
TILE_COST: Final = 0.1
# Up to a second of a processor, for a serial that anybody may know.
DOSSIER_COST: Final = 20


def cost(path: str) -> float:
    """How many visits a request without a key counts as."""
    if "/tile/" in path or path.endswith("/checkpoint"):
        return TILE_COST
    return DOSSIER_COST if path.endswith("/dossier") else 1


@dataclass(slots=True)
class Limit:
    """`per_s` in the long run, `at_once` after a rest (GCRA). per_s 0: no limit."""

    per_s: float
    at_once: float
    _used_until: dict[str, float] = field(default_factory=dict)

    def take(self, who: str, cost: float = 1) -> float:
        """Use some of it: 0; or nothing, and the seconds until there is more.

        What costs more than is left may pass once, and is paid off afterwards.
        """
        if not self.per_s:
            return 0
        now = time.monotonic()
        used = self._used_until.pop(who, now)
        wait = used - now - (self.at_once - 1) / self.per_s
        self._used_until[who] = used if wait > 0 else max(used, now) + cost / self.per_s
        if len(self._used_until) > CALLERS_MAX:
            del self._used_until[next(iter(self._used_until))]
        return max(wait, 0)

    def give(self, who: str) -> None:
        """Give back one that was taken."""
        if self.per_s and who in self._used_until:
            self._used_until[who] -= 1 / self.per_s


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process."""

    reads: Limit
    events: Limit
    visits: Limit
    # Failed log-ins: of a name from an address, of an address, of a name from anywhere. None of
    # them ever shuts anybody out: each lets one more through after its time.
    name_here: Limit = field(default_factory=lambda: Limit(1 / 30, 5))
    address: Limit = field(default_factory=lambda: Limit(1 / 6, 20))
    name: Limit = field(default_factory=lambda: Limit(1 / 6, 50))


def of(settings: Settings) -> Limits:
    reads, events, visits = (
        Limit(per_s, AT_ONCE_S * per_s)
        for per_s in (settings.rate_reads, settings.rate_events, settings.rate_visits)
    )
    return Limits(reads, events, visits)


def refusal(wait_s: float, whose: str) -> RuleError:
    """The value is what Retry-After says."""
    seconds = max(math.ceil(wait_s), 1)
    return RuleError(
        "RATE_LIMITED", f"too many requests of {whose}", field="retry-after", value=seconds,
        hint=f"wait {seconds} s, then send the same again",
    )  # fmt: skip


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the network that an IPv6 host lies in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return parsed.ipv4_mapped.exploded if parsed.ipv4_mapped else parsed.exploded[:19]
