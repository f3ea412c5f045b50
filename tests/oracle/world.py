"""What a random history needs: names, times, spellings, and the oracle's state to choose from."""

from __future__ import annotations

import copy
import datetime
import json
import random
import uuid
from collections import Counter
from typing import Any

from tests.oracle import model
from tests.oracle.state import Balance, State, weight

Envelope = dict[str, Any]
ELEMENTS = ["Al", "Cu", "Ni", "Pb", "Si", "Zn"]
SITES = {
    "HB01": ("HUAIBEI-AL", ["CAST", "ROLLING", "YARD"], ["F1", "F2"], "Asia/Shanghai"),
    "HB02": ("HUAIBEI-AL", ["PRESS", "CAST"], ["F1"], "Asia/Shanghai"),
    "TL01": ("TONGLING-CU", ["SMELT", "HYDRO"], ["KILN"], "Asia/Shanghai"),
    "WH01": ("WUHU-PRESS", ["PRESS", "SORTING"], ["F9"], "Asia/Shanghai"),
    "RO01": ("ROTTERDAM", ["YARD", "CAST"], ["F1"], "Europe/Amsterdam"),
}
WITHOUT_SITE = ["COLLECT-1", "COLLECT-2"]
MATERIAL = {"metal": "aluminium", "form": "scrap"}
GRADED = {**MATERIAL, "grade": {"scheme": "isri", "code": "TWITCH"}, "hs": "7602"}
UNITS = {"t": 9, "kg": 6, "g": 3, "mg": 0}


def decimal(number: int, places: int) -> str:
    """number / 10^places, exactly and without trailing zeros."""
    digits = str(number).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


class World:
    """A history in the making."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.state = State()
        self.lines: list[bytes] = []
        self.kinds: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.accepted: list[Envelope] = []
        self.now = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
        self.small = seed % 3 == 2  # milligrams, so that ties are frequent
        self.number = 0

    # --- feeding ---

    def feed(self, line: bytes, kind: str, *, keep_refused: bool) -> str | None:
        """Let the oracle judge a line; gives the code of a refusal, or None."""
        result = model.result_of(self.state, line, len(self.lines) + 1)
        code = None if result["ok"] else str(result["error"]["code"])
        if code is None or keep_refused:
            self.lines.append(line)
            if code is None:
                self.kinds[kind] += 1
            else:
                self.codes[code] += 1
        return code

    def offer(self, envelope: Envelope, *, keep_refused: bool = False) -> str | None:
        """The same for an envelope; what is accepted is remembered."""
        line = json.dumps(envelope, ensure_ascii=self.chance(0.5)).encode()
        code = self.feed(line, str(envelope.get("kind")), keep_refused=keep_refused)
        if code is None:
            self.accepted.append(envelope)
        return code

    # --- dice ---

    def chance(self, probability: float) -> bool:
        """Heads, that often."""
        return self.rng.random() < probability

    def some(self, things: list[Any], most: int) -> list[Any]:
        """One to `most` different things."""
        return self.rng.sample(things, self.rng.randint(1, min(most, len(things))))

    def fresh(self, site: str, prefix: str = "") -> str:
        """A name not used yet; prefixes vary so that sorting is exercised."""
        self.number += 1
        prefix = prefix or self.rng.choice(["A", "B-", "LOT-", "Z", "0-", "M"])
        return f"{site}/{prefix}{self.number}"

    def digest(self) -> str:
        """64 hex digits."""
        return self.rng.randbytes(32).hex()

    def mass(self) -> int:
        """A mass to receive."""
        if self.small:
            return self.rng.randint(1, 60)
        whole = self.rng.randint(1, 30) * 10**9
        return whole if self.chance(0.3) else whole + self.rng.randint(-999_999_999, 999_999_999)

    # --- spelling ---

    def spell_mass(self, milligrams: int) -> Any:
        """The same mass in one of its spellings."""
        if self.chance(0.3):
            return milligrams
        unit = self.rng.choice(list(UNITS))
        text = decimal(milligrams, UNITS[unit])
        whole, dot, fraction = text.partition(".")
        if self.chance(0.3):
            whole = f"{int(whole):,}".replace(",", " ")
        if self.chance(0.1):
            dot, fraction = ".", fraction + "0"
        return f"{whole}{dot}{fraction} {unit}"

    def spell_content(self, ppb: int) -> Any:
        """The same content in one of its spellings."""
        if self.chance(0.2):
            return ppb
        unit, places = self.rng.choice([("%", 7), ("%", 7), ("ppm", 3), ("ppb", 0)])
        return f"{decimal(ppb, places)} {unit}"

    def spell_assay(self, assay: dict[str, int]) -> dict[str, Any]:
        """An assay as it is sent; zeros may be `below a limit`."""
        return {
            element: "<0.01 %" if ppb == 0 and self.chance(0.7) else self.spell_content(ppb)
            for element, ppb in assay.items()
        }

    def spell_time(self, moment: datetime.datetime) -> str:
        """RFC 3339 in one of several zones."""
        hours = self.rng.choice([0, 0, 8, 2, -5])
        if hours == 0:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        local = moment.astimezone(datetime.timezone(datetime.timedelta(hours=hours)))
        return local.isoformat(timespec=self.rng.choice(["seconds", "milliseconds"]))

    # --- envelopes ---

    def event(
        self,
        kind: str,
        party: str,
        body: dict[str, Any],
        site: str | None = None,
        evidence: list[dict[str, str]] | None = None,
    ) -> Envelope:
        """An envelope at the next moment, with some of what is optional."""
        self.now += datetime.timedelta(seconds=self.rng.choice([0, 1, 60, 3600]))
        envelope: Envelope = {"kind": kind, "party": party}
        if self.chance(0.1):
            envelope["log"] = "try"
        if self.chance(0.3):
            envelope["id"] = str(uuid.UUID(bytes=self.rng.randbytes(16)))
        if site is not None:
            envelope["site"] = site
        envelope["occurred_at"] = self.spell_time(self.now)
        envelope["body"] = copy.deepcopy(body)  # spoilers change it in place
        if evidence:
            envelope["evidence"] = evidence
        if self.chance(0.1):
            envelope["private"] = {"note": "冷轧 trim", "ticket_photo": "IMG_3312.jpg"}
        return envelope

    def home(
        self, kind: str, site: str, body: dict[str, Any], evidence: list[dict[str, str]]
    ) -> Envelope:
        """An event at a site, by its party."""
        return self.event(kind, self.state.sites[site].party, body, site, evidence)

    def paper(self, kind: str) -> dict[str, str]:
        """A piece of evidence."""
        return {"type": kind, "sha256": self.digest()}

    # --- what there is ---

    def site(self) -> str:
        """A site."""
        return self.rng.choice(list(self.state.sites))

    def lots(self, site: str) -> list[str]:
        """Lots that lie at a site and are not empty (no heels)."""
        return [
            name
            for name, lot in self.state.lots.items()
            if lot.at_site == site
            and not lot.in_transit
            and "/HEEL-" not in name
            and weight(self.state.lot(name))
        ]

    def busy_site(self, least: int = 1) -> str | None:
        """A site with that many lots."""
        found = [site for site in self.state.sites if len(self.lots(site)) >= least]
        return self.rng.choice(found) if found else None

    def balance(self, lot: str) -> Balance:
        """A lot's lines."""
        return self.state.lot(lot)
