"""`make bench`: ratios against a plain endpoint measured in the same run. Nothing is asserted."""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench import load, world
from ledger import audit, dossiers, reports
from ledger.book import jose
from ledger.certificate import policy as policies
from ledger.certificate import verify as verifier
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from tests import cluster

ROOT = Path(__file__).resolve().parent.parent
SINGLES, BATCHES, PLAIN = 6_000, 8, 1_500
PROCESSES = (1, 2)
# Tessera v1.0.4, POSIX driver, one writer: it waits for its batch timer (measured elsewhere).
TESSERA_P50_MS = 254


@contextmanager
def server(*command: str, **env: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
    )
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def plain(scratch: Path, made: world.World) -> load.Figures:
    """The same receipts, one per request at 8 clients."""
    requests = []
    for _ in range(PLAIN):
        event = made.receipt_envelope()
        requests.append(load.request("/v1/events", json.dumps(event).encode(), "application/json"))
    database = f"sqlite:///{scratch}/plain.sqlite"
    command = ("uvicorn", "bench.plain:app", "--log-level", "warning", "--no-access-log")
    with server(*command, PLAIN_DATABASE=database) as port:
        load.run(port, requests[:100], 8)
        return load.run(port, requests[100:], 8)


def ours(made: world.World, processes: int) -> AbstractContextManager[int]:
    settings = {"REMELT_DATA": str(made.data), "REMELT_DATABASE": made.settings.database}
    settings |= {"REMELT_RATE_EVENTS": "0"}
    return server("api.cli", "serve", "--processes", str(processes), **settings)


def receipts(made: world.World, count: int) -> list[bytes]:
    path, media = "/v1/events", "application/json"
    return [load.request(path, made.receipt(), media, made.api_key) for _ in range(count)]


def singles(made: world.World, processes: int) -> tuple[load.Figures, load.Figures]:
    """One event per request: as fast as 64 clients can, then at 70 % of that rate."""
    warm, fast, steady = receipts(made, 400), receipts(made, SINGLES), receipts(made, SINGLES // 2)
    with ours(made, processes) as port:
        load.run(port, warm, 64)
        found = load.run(port, fast, 64)
        return found, load.run_paced(port, steady, 64, found.per_second * 0.7)


def alone(made: world.World) -> load.Figures:
    warm, requests = receipts(made, 100), receipts(made, 500)
    with ours(made, 1) as port:
        load.run(port, warm, 1)
        return load.run(port, requests, 1)


def batches(made: world.World, processes: int) -> load.Figures:
    """Batches of 1,000: nine receipts, then a heat of them."""
    requests = []
    for _ in range(BATCHES + 2):
        rows = []
        for _ in range(100):
            first = made.made + 1
            rows += [made.receipt() for _ in range(9)]
            rows.append(made.heat(list(range(first, first + 9))))
        body = b"\n".join(rows)
        path, media = "/v1/events/batch", "application/x-ndjson"
        requests.append(load.request(path, body, media, made.api_key))
    with ours(made, processes) as port:
        load.run(port, requests[:2], 2)
        return load.run(port, requests[2:], 2 * processes)


def signature_limit(made: world.World) -> float:
    """Signature checks per second of the library, in two threads."""
    jws = jose.parse(json.loads(made.receipt())["statement"])
    jwk = jose.public_jwk(made.key.public_key())
    count = 4_000

    def work() -> None:
        for _ in range(count):
            jose.verifies(jws, jwk)

    threads = [threading.Thread(target=work) for _ in range(2)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * count / (time.perf_counter() - began)


def timed(times: int, work: Callable[[], object]) -> float:
    """The median of some runs, in ms."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def verification(made: world.World, ledger: Ledger, scratch: Path) -> None:
    ledger = Ledger.open(ledger.settings)
    ledger.sequencer.start()
    body = {
        "lots": [f"{world.SITE}/I{made.last_heat}"],
        "substance": "Al",
        "method": "iso14021-batch",
        "classes": ["POST"],
        "amount": "all",
    }
    made_entry = ledger.record(made.signed("certificate_issued", body), world.PARTY)
    ledger.sequencer.stop()
    with engines.reading(ledger.engine) as connection:
        leaf = entries.read_leaf(connection, ledger.log_id, made_entry.n)
    number = next(
        line.partition("/")[2]
        for page in json.loads(leaf)["book"][f"lot:{body['lots'][0]}"].values()
        for line in page
        if "/" in line
    )
    data = dossiers.make(ledger, number)
    (scratch / "dossier").write_bytes(data)
    (scratch / "policy").write_bytes(reports.policy_file(ledger))
    policy = policies.parse((scratch / "policy").read_bytes())
    count = len(json.loads(data)["entries"])
    command = [sys.executable, "-m", "api.cli", "verify", str(scratch / "dossier")]
    command += ["--policy", str(scratch / "policy")]

    def run_command() -> None:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    print(f"dossier                     {len(data):,} bytes, {count} entries")
    print(f"verify, the call            {timed(9, lambda: verifier.verify(data, policy)):.1f} ms")
    print(f"verify, the command         {timed(5, run_command):.0f} ms")


def audited(ledger: Ledger) -> None:
    with engines.reading(ledger.engine) as connection:
        began = time.perf_counter()
        report = audit.run(connection, ledger.log_id, ledger.verifier)
        took = time.perf_counter() - began
        rows = entries.read_leaves(connection, ledger.log_id, 0, report.size)
        sizes = sorted(len(row[2]) for row in rows)
    clean = "clean" if report.finding is None else f"NOT CLEAN: {report.finding}"
    print(f"audit                       {report.size / took:,.0f} entries/s ({clean})")
    middle, largest = sizes[len(sizes) // 2], sizes[-1]
    print(f"entry size                  median {middle:,}, largest {largest:,} bytes")


def database(made: world.World, name: str, base: load.Figures, limit: float) -> dict[str, float]:
    """All figures of one kind of database; the rates that ratios are made of."""
    rates = {}
    for processes in PROCESSES:
        found, steady = singles(made, processes)
        shown(f"{name}, {processes} process, 64 clients, one each", found, base, 1)
        rates[f"single {processes}"] = found.per_second
        print(
            f"  at 70 % of that: p50 {steady.p50_ms:.1f} ms, p99 {steady.p99_ms:.1f} ms; "
            f"p99 / p50 = {steady.p99_ms / steady.p50_ms:.1f} (P8)"
        )
    lone = alone(made)
    shown(f"{name}, one client", lone, base, 1)
    print(f"  p50 = 1/{TESSERA_P50_MS / lone.p50_ms:.0f} of Tessera's with one writer (P4)")
    for processes in PROCESSES:
        many = batches(made, processes)
        shown(f"{name}, {processes} process, batches of 1,000", many, base, 1_000)
        rates[f"batch {processes}"] = many.per_second * 1_000
    best = max(rate for what, rate in rates.items() if what.startswith("batch"))
    print(f"  {best / limit:.2f} of the signature checks of two threads, {limit:,.0f}/s (P3)")
    return rates


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        scratch = Path(name)
        made = world.World(scratch / "ledger")
        ledger = made.open()
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};")
        print("SQLite, WAL, synchronous=FULL; PostgreSQL, fsync and synchronous_commit on;")
        print("client and server share the cores; every event signed by its party, all rules.")
        print("receipt: 4 elements, 2 classes, 12 lines; heat: 9 lots and heel, 4 elements\n")
        base = plain(scratch, made)
        print(f"plain endpoint, 8 clients   {base.per_second:,.0f}/s  p99 {base.p99_ms:.0f} ms")
        limit = signature_limit(made)
        rates = database(made, "SQLite", base, limit)
        if cluster.binaries() is None:
            print("PostgreSQL is not on this machine: its figures are left out")
        else:
            running = stack.enter_context(cluster.running())
            url = running.url(running.new_database())
            other = world.World(scratch / "ledger-postgresql", url)
            other.open().engine.dispose()
            of_postgresql = database(other, "PostgreSQL", base, limit)
            for what, rate in of_postgresql.items():
                print(f"PostgreSQL / SQLite, {what}: {rate / rates[what]:.2f} (P5)")
        verification(made, ledger, scratch)
        audited(ledger)


def shown(what: str, figures: load.Figures, base: load.Figures, rows: int) -> None:
    rate = figures.per_second * rows
    print(
        f"{what:<48} {rate:,.0f} events/s = {rate / base.per_second:.1f} x plain;"
        f" p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms; {figures.statuses}"
    )


if __name__ == "__main__":
    main()
