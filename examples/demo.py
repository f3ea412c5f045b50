"""`make demo`: a week on a real server, verification without the server, and a forger."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from examples import replay  # noqa: E402 (the path comes first)
from labels import qr  # noqa: E402
from ledger.book import serial  # noqa: E402
from ledger.exchange import story  # noqa: E402

ORIGIN = "demo.remelt.example/anhui"
REMELT = [sys.executable, "-m", "api.cli"]
# Where no network namespace may be made, every socket call is refused instead.
NO_SOCKETS = (
    "import socket, sys, runpy\n"
    "def refuse(*a, **k): raise OSError('no network in this demonstration')\n"
    "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_module('api.cli', run_name='__main__', alter_sys=True)\n"
)


def say(text: str = "") -> None:
    print(text, flush=True)


def run(*command: str, quiet: bool = True) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    if not quiet:
        say(done.stdout.rstrip())
    return done.stdout


def start_server(data: Path) -> tuple[subprocess.Popen[str], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*REMELT, "serve", "--data", str(data), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            httpx.get(f"{url}/readyz", timeout=1).raise_for_status()
            return server, url
        except httpx.HTTPError:
            time.sleep(0.1)
    server.kill()
    sys.exit("demo: the server did not start")


def stop_server(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(timeout=20)


def offline() -> list[str]:
    """A prefix that runs a Python program without any network."""
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return [*prefix, *REMELT]
    return [sys.executable, "-c", NO_SOCKETS, "remelt"]


def verify(dossier: Path, policy: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*offline(), "verify", str(dossier), "--policy", str(policy)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, (done.stdout + done.stderr).rstrip()


def load(name: str) -> story.Story:
    return story.load((HERE / "aluminium" / name).read_text(encoding="utf-8"))


def record_week(player: replay.Player) -> None:
    told = load("story.toml")
    say(f"2. {told.title}: {len(told.events)} events over HTTP")
    for event, answer, _ in player.play(told):
        if answer.status_code != 201:
            sys.exit(f"demo: {event['kind']} was refused: {answer.text}")
    own = " and ".join(sorted(player.own_keys))
    custodial = " and ".join(sorted(set(player.api_keys) - set(player.own_keys)))
    say(f"   all recorded; {own} signed for themselves, the server signed for {custodial}")


def try_frauds(player: replay.Player) -> None:
    told = load("refused.toml")
    say(f"\n3. {len(told.events)} events that must be refused")
    for (_, answer, expected), why in zip(player.play(told), told.why, strict=True):
        code = answer.json().get("code", answer.status_code)
        if code != expected:
            sys.exit(f"demo: {why}: expected {expected}, got {answer.text}")
        say(f"   {code:<30} {why}")


def fetch(url: str, player: replay.Player, out: Path) -> dict[str, Path]:
    say("\n4. Certificates, with a dossier each, and labels")
    dossiers = {}
    for lot, number in player.certificates.items():
        view = httpx.get(f"{url}/v1/certificates/{number}").raise_for_status().json()
        dossiers[lot] = out / f"{number}.remelt.json"
        answer = httpx.get(f"{url}/v1/certificates/{number}/dossier", timeout=30)
        dossiers[lot].write_bytes(answer.raise_for_status().content)
        share = f"{view['of_substance']} % of the {view['substance']}"
        kinds = "+".join(view["classes"])
        say(
            f"   {serial.printed(number)}  {lot:<13} at least {share:<21} {kinds:<9}"
            f" {view['status']:<6} {dossiers[lot].stat().st_size:>8,} bytes"
        )
        for suffix in ("png", "svg"):
            name = out / f"{lot.replace('/', '-')}.{suffix}"
            run(*REMELT, "label", lot, "--out", str(name), "--data", str(player.data))
    return dossiers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=str(ROOT / "demo-out"), help="scratch directory")
    out = Path(parser.parse_args().out).resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    data, began = out / "ledger", time.monotonic()

    say(f"1. A new ledger, {ORIGIN}, in one SQLite file, and a server")
    run(*REMELT, "init", "--origin", ORIGIN, "--data", str(data))
    policy = out / "policy.txt"
    shutil.copy(data / "policy.txt", policy)
    server, url = start_server(data)
    try:
        operator = replay.new_api_key(data, "OPERATOR", "record", "read", "audit")
        player = replay.Player(url, ORIGIN, data, operator)
        record_week(player)
        try_frauds(player)
        dossiers = fetch(url, player, out)
        lot = "CZ01/COIL-11"
        number = player.certificates[lot]
        page = httpx.get(f"{url}/C/{number}", timeout=30)
        (out / "certificate-page.html").write_bytes(page.content)
    finally:
        stop_server(server)

    say("\n5. The server is stopped. A buyer verifies with two files and no network:")
    command = f"remelt verify {dossiers[lot].name} --policy policy.txt"
    say(f"   $ {command}")
    status, shown = verify(dossiers[lot], policy)
    say(indent(shown))
    if status != 0:
        sys.exit(f"demo: expected exit status 0, got {status}")

    say("\n6. The forger owns the log's key and the operator's key. In heat HB01/H-0304 he turns")
    say("   metal without papers into post-consumer, rebuilds the log, and signs it again:")
    forged = out / "forged.remelt.json"
    run(
        sys.executable,
        "-m",
        "examples.forger",
        str(data),
        "HB01/H-0304",
        "HB01/SL-1",
        number,
        str(forged),
    )
    status, shown = verify(forged, policy)
    say(indent(shown))
    if status != 1:
        sys.exit(f"demo: the forgery was not refused (exit status {status})")

    say("\n7. The audit rebuilds everything from entry 0:")
    say(indent(run(*REMELT, "audit", "--data", str(data)).rstrip()))

    payload = run(*REMELT, "label", number, "--data", str(data)).rstrip().rpartition("\n")[2]
    say(f"\n8. What the coil's certificate label says: {payload}")
    say(qr.terminal(payload, dark=sys.stdout.isatty()))
    say(f"All of this took {time.monotonic() - began:.0f} s. Files are in {out}:")
    say("   *.remelt.json           dossiers            policy.txt  the keys a buyer trusts")
    say("   CZ01-COIL-11.png, .svg  a coil's label      forged.remelt.json  the forgery")
    say("   certificate-page.html   what the QR shows   ledger/     database and keys")
    say("Try next:")
    here = os.path.relpath(out)
    say(f"   .venv/bin/remelt verify {here}/{dossiers[lot].name} --policy {here}/policy.txt --json")
    say(f"   .venv/bin/remelt serve --data {here}/ledger")
    say(f"      and open http://127.0.0.1:8731/C/{number}")
    say("   .venv/bin/remelt try examples/aluminium/story.toml    after changing a weight in it")


def indent(text: str) -> str:
    return "\n".join(f"   | {line}" for line in text.splitlines())


if __name__ == "__main__":
    main()
