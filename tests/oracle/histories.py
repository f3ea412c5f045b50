"""Random histories for `remelt try`: deep states, and a share of events that must be refused.

`python -m tests.oracle.histories` prints which kinds and codes a number of seeds reach.
"""

from __future__ import annotations

import json
from collections import Counter

from tests.oracle import makers, spoilers
from tests.oracle.model import status
from tests.oracle.state import grams
from tests.oracle.world import MATERIAL, World

# A trial without keys, clock or entries cannot say these.
NOT_IN_A_TRIAL = frozenset(
    "SIGNATURE_INVALID KEY_UNKNOWN KEY_REVOKED EVENT_IN_FUTURE SERIAL_TAKEN ENTRY_TOO_LARGE".split()
)
CODES = frozenset(
    """
    JSON_INVALID FIELD_UNKNOWN FIELD_MISSING FIELD_INVALID KIND_UNKNOWN NUMBER_NOT_EXACT
    UNIT_UNKNOWN ELEMENT_UNKNOWN VOCABULARY_UNKNOWN ASSAY_SUM_OVER_100 ORIGIN_SPLIT_INVALID
    ORIGIN_EVIDENCE_MISSING TIME_INVALID LOG_MISMATCH IDEMPOTENCY_CONFLICT SIGNATURE_INVALID
    KEY_UNKNOWN KEY_REVOKED PARTY_UNKNOWN PARTY_DUPLICATE SITE_UNKNOWN SITE_DUPLICATE
    PERMISSION_DENIED EVENT_IN_FUTURE EVENT_OUT_OF_ORDER LOT_UNKNOWN LOT_DUPLICATE LOT_CONSUMED
    LOT_INSUFFICIENT LOT_ELSEWHERE LOT_IN_TRANSIT LOT_CERTIFIED LOT_CERTIFICATES_FULL LOT_TOUCHED
    RUN_UNKNOWN RUN_DUPLICATE SCOPE_UNKNOWN STEP_UNKNOWN CONSIGNMENT_UNKNOWN CONSIGNMENT_DUPLICATE
    HANDOVER_REQUIRED TICKET_REUSED WEIGHT_MISMATCH HEEL_DISCONTINUITY SPLIT_TOO_SMALL
    MASS_NOT_CLOSED ELEMENT_GAIN_OUT_OF_TOLERANCE CLASS_CHANGE_FORBIDDEN SCRAP_SCOPE_SAME_PROCESS
    ASSAY_MISSING ASSAY_PROVISIONAL CLAIM_EXCEEDS_ORIGIN CLAIM_ALREADY_USED SERIAL_TAKEN
    CERTIFICATE_UNKNOWN CERTIFICATE_REVOKED METHOD_UNKNOWN ENTRY_TOO_LARGE EVENT_TOO_LARGE
    """.split()
)


def history(seed: int, events: int = 300, wrong: float = 0.25) -> list[bytes]:
    """Lines for `remelt try`; about `wrong` of them are refused. The same seed, the same lines."""
    return grow(seed, events, wrong).lines


def grow(seed: int, events: int = 300, wrong: float = 0.25) -> World:
    """The same, with the counts."""
    world = World(seed)
    makers.opening(world)
    if seed % 5 == 4:
        many_certificates(world)
    while len(world.lines) < events:
        if world.chance(0.01):
            world.lines.append(world.rng.choice([b"", b"   "]))
        elif world.chance(wrong):
            refuse_one(world)
        elif world.chance(0.03):
            replay(world)
        else:
            accept_one(world)
    return world


def accept_one(world: World) -> None:
    """An event that the rules take; what they refuse in passing is forgotten, mostly."""
    maker = makers.choose(world)
    for _ in range(12):
        envelope, before = maker(world), world.now
        if envelope is None:
            return
        if world.offer(envelope, keep_refused=world.chance(0.02)) is None:
            return
        world.now = before


def refuse_one(world: World) -> None:
    """An event that the rules refuse; rare codes are preferred to frequent ones.

    Where a change turns out not to matter the event stays too: it was taken.
    """
    for attempt in range(60):
        if world.chance(0.005):
            line = spoilers.broken_line(world, makers.lot_received(world))
            world.feed(line, "", keep_refused=True)
            return
        _, maker = world.rng.choice(makers.MAKERS)
        envelope = spoilers.too_large(world) if world.chance(0.01) else maker(world)
        if envelope is None:
            continue
        spoiled = spoilers.spoil(world, envelope) if world.chance(0.95) else envelope
        if spoiled.get("kind") == "policy_set" and "evidence" in str(spoiled.get("body")):
            continue  # half a table of evidence would say something else to everyone (HOLES.md)
        code = world.offer(spoiled)
        if code is not None and world.codes[code] <= world.rng.choice(
            [0, 0, 1, 2, 3, attempt // 4]
        ):
            world.offer(spoiled, keep_refused=True)
            return


def replay(world: World) -> None:
    """An accepted event again, written in another order."""
    known = [envelope for envelope in world.accepted if "id" in envelope]
    if known:
        again = dict(reversed(world.rng.choice(known).items()))
        world.feed(json.dumps(again, indent=None).encode(), "replay", keep_refused=True)


def many_certificates(world: World) -> None:
    """As many certificates on one lot as it may carry, and one more."""
    site = next(iter(world.state.sites))
    lot = world.fresh(site)
    body = {"lot": lot, "from": {"external": True}, "material": MATERIAL, "mass": "20 t"}
    body |= {"assay": {"Al": "90 %"}, "assay_grade": "final", "origin": {"POST": "100 %"}}
    world.offer(world.home("lot_received", site, body, [world.paper("waste_note")]))
    claim = {"lots": [lot], "substance": "Al", "method": "iso14021-batch", "classes": ["POST"]}
    for number in range(65):
        envelope = world.home("certificate_issued", site, {**claim, "amount": number + 1}, [])
        world.offer(envelope, keep_refused=True)
    assert grams(world.balance(lot), "Al") == 18 * 10**9


def main() -> None:
    """Print what twenty seeds reach."""
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for seed in range(20):
        world = grow(seed)
        kinds += world.kinds
        codes += world.codes
        steps += Counter(run.step for run in world.state.runs.values())
        certificates = world.state.certificates.values()
        states += Counter(status(world.state, certificate) for certificate in certificates)
    tables = {"accepted": kinds, "refused": codes, "steps": steps, "certificates": states}
    for title, counts in tables.items():
        print(f"{title}: {sum(counts.values())}")
        for name, count in counts.most_common():
            print(f"  {count:5} {name}")
    print("never reached:", *sorted(CODES - NOT_IN_A_TRIAL - set(codes)))


if __name__ == "__main__":
    main()
