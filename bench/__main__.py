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
from contextlib import contextmanager
from pathlib import Path

from bench import load, world
from ledger import audit, reports
from ledger.book import jose
from ledger.certificate import policy as policies
from ledger.certificate import verify as verifier
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries

ROOT = Path(__file__).resolve().parent.parent
SINGLES, BATCHES, PLAIN = 6_000, 6, 1_500


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


def singles(made: world.World, count: int, clients: int) -> load.Figures:
    path, media = "/v1/events", "application/json"
    requests = [load.request(path, made.receipt(), media, made.api_key) for _ in range(count + 200)]
    with server("api.cli", "serve", "--data", str(made.data)) as port:
        load.run(port, requests[:200], clients)
        return load.run(port, requests[200:], clients)


def batches(made: world.World) -> load.Figures:
    """Batches of 1,000: nine receipts, then a heat of them."""
    requests = []
    for _ in range(BATCHES + 1):
        rows = []
        for _ in range(100):
            first = made.made + 1
            rows += [made.receipt() for _ in range(9)]
            rows.append(made.heat(list(range(first, first + 9))))
        body = b"\n".join(rows)
        path, media = "/v1/events/batch", "application/x-ndjson"
        requests.append(load.request(path, body, media, made.api_key))
    with server("api.cli", "serve", "--data", str(made.data)) as port:
        load.run(port, requests[:1], 1)
        return load.run(port, requests[1:], 2)


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
    data = reports.dossier(ledger, number)
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


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        made = world.World(scratch / "ledger")
        ledger = made.open()
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};")
        print("SQLite, WAL, synchronous=FULL; client and server share the cores.")
        print("receipt: 4 elements, 2 classes, 12 lines; heat: 9 lots and heel, 4 elements\n")
        base = plain(scratch, made)
        print(f"plain endpoint, 8 clients   {base.per_second:,.0f}/s  p99 {base.p99_ms:.0f} ms")
        one = singles(made, SINGLES, 64)
        shown("one per request, 64 clients", one, base, 1)
        lone = singles(made, 500, 1)
        shown("one per request, 1 client", lone, base, 1)
        many = batches(made)
        shown("batches of 1,000", many, base, 1_000)
        limit = signature_limit(made)
        ratio = many.per_second * 1_000 / limit
        print(f"signature checks, 2 threads {limit:,.0f}/s; batches reach {ratio:.2f} of it")
        verification(made, ledger, scratch)
        audited(ledger)


def shown(what: str, ours: load.Figures, base: load.Figures, rows: int) -> None:
    rate = ours.per_second * rows
    print(
        f"{what:<27} {rate:,.0f} events/s  = {rate / base.per_second:.1f} x plain;"
        f" p50 {ours.p50_ms:.1f} ms, p99 {ours.p99_ms:.1f} ms; {ours.statuses}"
    )


if __name__ == "__main__":
    main()
