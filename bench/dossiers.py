"""`python -m bench.dossiers`: dossiers of large lineages. Nothing is asserted.

Worlds: furnace (2,000 heats, one heel), bunker (100,000 ancestors through a store that is filled
and drawn from), flat (100,000 ancestors of equal weight, merged), filled (a store filled 5,000
times and never drawn from), wide (one run of many lots).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bench import world
from ledger import dossiers, entry, reports, service, statements
from ledger.book import serial
from ledger.certificate import dossier
from ledger.certificate import policy as policies
from ledger.certificate import verdict as verdicts
from ledger.certificate import verify as verifier
from ledger.errors import LedgerError
from ledger.store import engine as engines
from ledger.store import entries

BUDGETS: Final = (100_000, 300_000, 1_000_000, 1_500_000)
BATCH: Final = 500
LORRY_KG: Final = 9_980
CAST: Final = {**world.HEAT_ASSAY, "Al": "72 %"}
Events = Iterator[bytes]


def run(
    made: world.World, step: str, inputs: dict[str, str], outputs: list[Any], **more: Any
) -> bytes:
    made.made += 1
    body = {
        "run": f"{world.SITE}/R{made.made}",
        "step": step,
        "scope": "CAST",
        "inputs": [{"lot": lot, "mass": mass} for lot, mass in inputs.items()],
        "outputs": outputs,
        **more,
    }
    return made.signed("run_recorded", body)


def output(lot: str, mass: str, **more: Any) -> dict[str, Any]:
    return {"lot": lot, "role": "product", "mass": mass, **more}


def lorries(made: world.World, count: int) -> tuple[list[bytes], dict[str, str]]:
    """Receipts, and their lots as inputs."""
    events, lots = [], {}
    for _ in range(count):
        events.append(lorry(made))
        lots[f"{world.SITE}/A{made.made}"] = "all"
    return events, lots


def lorry(made: world.World) -> bytes:
    event = made.receipt_envelope()
    for name in ("gross", "tare"):
        del event["body"][name]
    event["body"]["mass"] = f"{LORRY_KG} kg"
    return json.dumps(statements.sign(event, made.key).as_dict()).encode()


def furnace(made: world.World, heats: int) -> Events:
    """Heats of five lorries on a heel of a sixth of the bath."""
    lot = ""
    for _ in range(heats):
        events, lots = lorries(made, 5)
        yield from events
        lot = f"{world.SITE}/I{made.made}"
        outputs = [
            output(lot, "45 t", assay=CAST, assay_grade="final"),
            output(f"{world.SITE}/D{made.made}", "1 t", assay={"Al": "60 %"})
            | {"role": "byproduct"},
        ]
        heel = {"mass": "10 t", "assay": CAST}
        yield run(made, "MELT", lots, outputs, equipment="F1", heel=heel)
    yield certificate(made, lot)


def bunker(made: world.World, ancestors: int) -> Events:
    """Every day ten lorries into a bunker of fifty, and as much out again; the last is for sale."""
    store, lot = f"{world.SITE}/BUNKER", ""
    for day in range(ancestors // 10):
        events, lots = lorries(made, 10)
        yield from events
        yield run(made, "STORE", lots, [output(store, "rest")])
        if day >= 4:
            lot = f"{world.SITE}/OUT{day}"
            yield run(made, "SPLIT", {store: f"{10 * LORRY_KG} kg"}, [output(lot, "rest")])
    yield certificate(made, lot)


def flat(made: world.World, ancestors: int) -> Events:
    """Lots of one weight, merged 47 at a time, and those again, down to one."""
    level: list[str] = []
    for _ in range(ancestors // 47):
        events, lots = lorries(made, 47)
        yield from events
        level.append(f"{world.SITE}/M{made.made}")
        yield run(made, "MERGE", lots, [output(level[-1], "rest")])
    while len(level) > 1:
        groups, level = [level[i : i + 47] for i in range(0, len(level), 47)], []
        for group in groups:
            level.append(f"{world.SITE}/M{made.made}")
            yield run(made, "MERGE", dict.fromkeys(group, "all"), [output(level[-1], "rest")])
    yield certificate(made, level[0])


def filled(made: world.World, times: int) -> Events:
    """A store into which one lorry after another goes."""
    store = f"{world.SITE}/HEAP"
    for _ in range(times):
        events, lots = lorries(made, 1)
        yield from events
        yield run(made, "STORE", lots, [output(store, "rest")])
    yield certificate(made, store)


def wide(made: world.World, inputs: int) -> Events:
    """One run of many lots."""
    events, lots = lorries(made, inputs)
    yield from events
    yield run(made, "MERGE", lots, [output(f"{world.SITE}/W", "rest")])
    yield certificate(made, f"{world.SITE}/W")


def certificate(made: world.World, lot: str) -> bytes:
    body = {
        "lots": [lot], "substance": "Al", "method": "iso14021-batch", "classes": ["POST"],
        "amount": "all",
    }  # fmt: skip
    return made.signed("certificate_issued", body)


WORLDS: Final[dict[str, tuple[Callable[[world.World, int], Events], int]]] = {
    "furnace": (furnace, 2_000),
    "bunker": (bunker, 100_000),
    "flat": (flat, 100_000),
    "filled": (filled, 5_000),
    "wide": (wide, 120),
}


def build(made: world.World, events: Events) -> service.Ledger:
    """A ledger with these events, written by its own sequencer."""
    ledger = made.open()
    ledger.close()
    ledger = service.Ledger.open(made.settings)
    ledger.sequencer.start()
    batch = []
    for event in events:
        batch.append(ledger.prepare(event, world.PARTY))
        if len(batch) == BATCH:
            submit(ledger, batch)
            batch = []
    submit(ledger, batch)
    ledger.sequencer.stop()
    return ledger


def submit(ledger: service.Ledger, batch: list[Any]) -> None:
    for result in ledger.sequencer.submit(batch, with_proofs=False).result():
        if isinstance(result, LedgerError):
            raise result


def ready(name: str, cache: Path, size: int) -> tuple[service.Ledger, str]:
    """The world's ledger, made unless it is there, and the serial of its certificate."""
    data = cache / f"{name}-{size}"
    made = world.World(data)
    if not (data / "made").exists():
        began = time.perf_counter()
        ledger = build(made, WORLDS[name][0](made, size))
        (data / "made").touch()
        print(f"{name}: {ledger.head().size:,} entries in {time.perf_counter() - began:.0f} s")
        ledger.close()
    ledger = service.Ledger.open(made.settings)
    with engines.reading(ledger.engine) as connection:
        last = entries.read_leaf(connection, ledger.log_id, ledger.head().size - 1)
    issued = entry.parse(last)
    return ledger, serial.make(ledger.origin, issued.event.party, issued.event.id)


def measure(name: str, ledger: service.Ledger, number: str) -> None:
    """A line for each budget: made how fast, how large, proving how much, verified how fast."""
    buyer = policies.parse(reports.policy_file(ledger))
    for budget in BUDGETS:
        took_s, busy_s = [], []
        for _ in range(5):
            began, worked = time.perf_counter(), time.process_time()
            data = dossiers.make(ledger, number, budget_bytes=budget)
            took_s.append(time.perf_counter() - began)
            busy_s.append(time.process_time() - worked)
        began = time.perf_counter()
        found = verifier.verify(data, buyer, serial=number)
        verified_s = time.perf_counter() - began
        arithmetic = found.arithmetic
        if found.status != verdicts.MEETS_POLICY or arithmetic is None:
            raise SystemExit(f"{name}: {found.refusal}")
        print(
            f"{name:<8} {ledger.head().size:>8,} {budget:>10,} {statistics.median(took_s):>7.2f} s"
            f" {statistics.median(busy_s):>6.2f} s {len(data):>10,} {arithmetic.entries:>5}"
            f" {arithmetic.stated:>7} {arithmetic.proven:>7} {verified_s:>6.2f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.dossiers", description=__doc__)
    parser.add_argument("world", nargs="*", choices=[*WORLDS, []], default=list(WORLDS))
    parser.add_argument("--cache", type=Path, help="keep the worlds here, and use those that are")
    parser.add_argument("--size", type=int, help="heats, ancestors, fillings or inputs")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        cache = arguments.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cache.mkdir(parents=True, exist_ok=True)
        print(f"default budget {dossier.BUDGET_BYTES:,} bytes; medians of five")
        print(
            "world     entries     budget    made      CPU      bytes shown  stated  proven verify"
        )
        for name in arguments.world:
            ledger, number = ready(name, cache, arguments.size or WORLDS[name][1])
            measure(name, ledger, number)
            ledger.close()


if __name__ == "__main__":
    main()
