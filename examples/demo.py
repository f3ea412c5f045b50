"""`make demo`: stories on a real server, verification without the server, and a forger."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from api.client import Client, ClientError, Refusal, Retry  # noqa: E402 (the path comes first)
from examples import replay  # noqa: E402
from labels import qr  # noqa: E402
from ledger import apikeys, service, settings  # noqa: E402
from ledger.exchange import story  # noqa: E402

ORIGIN = "demo.remelt.example/anhui"
OPERATOR = "OPERATOR"
STORIES = ("aluminium", "copper", "battery", "lead")
COIL = "CZ01/COIL-11"  # of the first story: its certificate is shown whole
REMELT = [sys.executable, "-m", "api.cli"]
# Where no network namespace may be made, every socket call is refused instead.
NO_SOCKETS = (
    "import socket, sys, runpy\n"
    "def refuse(*a, **k): raise OSError('no network in this demonstration')\n"
    "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
)


_HANGING: Any = {"initial_indent": "   ", "subsequent_indent": "      "}


class Told(NamedTuple):
    """A story and the false events after it."""

    name: str
    events: story.Story
    refused: story.Story | None


def read_stories() -> list[Told]:
    """The stories that are there, in the order of the table."""

    def load(name: str, file: str) -> story.Story | None:
        path = HERE / name / file
        return story.load(path.read_text(encoding="utf-8"), ORIGIN) if path.exists() else None

    found = [(name, load(name, "story.toml"), load(name, "refused.toml")) for name in STORIES]
    return [Told(name, events, refused) for name, events, refused in found if events]


def say(text: str = "") -> None:
    print(text, flush=True)


def indent(text: str) -> str:
    return "\n".join(f"   | {line}" for line in text.splitlines())


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
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
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 30
    with Client(url, retry=Retry(attempts=1, timeout_s=1)) as client:
        while server.poll() is None and time.monotonic() < until:
            try:
                client.ready()
                return server, url
            except ClientError:
                time.sleep(0.1)
    server.kill()
    sys.exit("demo: the server did not start")


def stop_server(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(timeout=20)


def offline(module: str, *arguments: str) -> tuple[int, str]:
    """Run one of our modules without any network; its exit status and what it printed."""
    command = [sys.executable, "-c", NO_SOCKETS, module]
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                command = [*prefix, sys.executable, "-m", module]
                break
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, (done.stdout + done.stderr).rstrip()


def new_player(data: Path, url: str) -> replay.Player:
    """The stories' people. The operator gives each an API key, as `remelt apikey new` does."""
    ledger = service.Ledger.open(settings.load(str(data)))

    def new_api_key(party: str) -> str:
        return apikeys.create(ledger, party, ["record", "read"], "demo")

    return replay.Player(url, ORIGIN, ledger.verifier.vkey, new_api_key)


def record(player: replay.Player, stories: list[Told]) -> None:
    say(f"2. {len(stories)} stories over HTTP; the proof in each answer is checked")
    for told in stories:
        for event, came in player.play(told.events):
            if isinstance(came, Refusal):
                sys.exit(f"demo: {told.name}: {event['kind']} was refused: {came}")
        say(f"   {told.name:<10} {len(told.events.events):>3} events  {told.events.title}")
    own, operator = len(player.own_keys), 1
    others = len(player.clients) - own - operator
    say(f"   {own} parties signed with keys of their own, the server signed for {others}")


def try_frauds(player: replay.Player, stories: list[Told]) -> None:
    """The first story's refusals one by one, and the codes of the others."""
    refused = [(told.name, told.refused) for told in stories if told.refused]
    count = sum(len(told.events) for _, told in refused)
    say(f"\n3. {count} events that must be refused")
    for name, told in refused:
        codes = []
        for (_, came), why, want in zip(player.play(told), told.why, told.expected, strict=True):
            codes.append(came.code if isinstance(came, Refusal) else "recorded")
            if codes[-1] != want:
                sys.exit(f"demo: {why}: expected {want}, got {came}")
            if name == STORIES[0]:
                say(f"   {want:<30} {why}")
        if name != STORIES[0]:
            say(textwrap.fill(f"{name}: {', '.join(codes)}", 100, **_HANGING))


def fetch(player: replay.Player, out: Path) -> dict[str, Path]:
    """The dossier of each certificate, by its serial."""
    client = player.client(OPERATOR)
    dossiers = {serial: out / f"{serial}.remelt.json" for serial in player.certificates}
    for serial, path in dossiers.items():
        path.write_bytes(client.dossier(serial))
    sizes = [path.stat().st_size for path in dossiers.values()]
    sized = f"a dossier each of {min(sizes) // 1_000} to {max(sizes) // 1_000} kB"
    say(f"\n4. {len(sizes)} certificates, with {sized}, and the page of one")
    page = client.download(f"/C/{serial_of_the_coil(player)}")
    (out / "certificate-page.html").write_bytes(page)
    return dossiers


def serial_of_the_coil(player: replay.Player) -> str:
    return next(serial for serial, lot in player.certificates.items() if lot == COIL)


def ask_a_server(data: Path, out: Path, stories: list[Told]) -> tuple[dict[str, Path], str]:
    """What needs a server: recording, refusing, and fetching what a buyer is handed."""
    server, url = start_server(data)
    try:
        player = new_player(data, url)
        record(player, stories)
        try_frauds(player, stories)
        dossiers = fetch(player, out)
        player.close()
        return dossiers, serial_of_the_coil(player)
    finally:
        stop_server(server)


def buy(out: Path, dossiers: dict[str, Path], number: str) -> None:
    say("\n5. The server is stopped. A buyer verifies with the files and no network:")
    policy = str(out / "policy.txt")
    show(0, "examples.buyer", policy, *map(str, dossiers.values()))
    say(f"   $ remelt verify {dossiers[number].name} --policy policy.txt")
    show(0, "api.cli", "verify", str(dossiers[number]), "--policy", policy)


def show(want: int, module: str, *arguments: str) -> None:
    """What a module says without network; its exit status must be the one that is wanted."""
    status, shown = offline(module, *arguments)
    say(indent(shown))
    if status != want:
        sys.exit(f"demo: {module}: expected exit status {want}, got {status}")


def forge(data: Path, out: Path, number: str) -> None:
    say("\n6. The forger owns the log's key and the operator's key. In heat HB01/H-0304 he turns")
    say("   metal without papers into post-consumer, rebuilds the log, and signs it again:")
    forged = str(out / "forged.remelt.json")
    what = ("HB01/H-0304", "HB01/SL-1", number)
    run(sys.executable, "-m", "examples.forger", str(data), *what, forged)
    show(1, "api.cli", "verify", forged, "--policy", str(out / "policy.txt"))


def show_label(data: Path, out: Path, number: str) -> None:
    for suffix in ("png", "svg"):
        name = out / f"{COIL.replace('/', '-')}.{suffix}"
        run(*REMELT, "label", COIL, "--out", str(name), "--data", str(data))
    printed = run(*REMELT, "label", number, "--data", str(data)).rstrip()
    payload = printed.rpartition("\n")[2]
    say(f"\n8. What the coil's certificate label says: {payload}")
    say(qr.terminal(payload, dark=sys.stdout.isatty()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=str(ROOT / "demo-out"), help="scratch directory")
    parser.add_argument("--database", metavar="URL", help="an empty database (default: SQLite)")
    arguments = parser.parse_args()
    out = Path(arguments.out).resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    data, began = out / "ledger", time.monotonic()
    if arguments.database:  # for every command below; in an argument others could read it
        os.environ["REMELT_DATABASE"] = arguments.database

    where = "this database" if arguments.database else "one SQLite file"
    say(f"1. A new ledger, {ORIGIN}, in {where}, and a server")
    run(*REMELT, "init", "--origin", ORIGIN, "--data", str(data))
    shutil.copy(data / "policy.txt", out / "policy.txt")
    dossiers, number = ask_a_server(data, out, read_stories())
    buy(out, dossiers, number)
    forge(data, out, number)
    say("\n7. The audit rebuilds everything from entry 0:")
    say(indent(run(*REMELT, "audit", "--data", str(data)).rstrip()))
    show_label(data, out, number)

    here = os.path.relpath(out)
    say(f"All of this took {time.monotonic() - began:.0f} s. Files are in {out}:")
    say("   *.remelt.json           dossiers            policy.txt  the keys a buyer trusts")
    say("   CZ01-COIL-11.png, .svg  a coil's label      forged.remelt.json  the forgery")
    say("   certificate-page.html   what the QR shows   ledger/     database and keys")
    say("Try next:")
    say(f"   .venv/bin/remelt verify {here}/{number}.remelt.json --policy {here}/policy.txt")
    say(f"   .venv/bin/remelt serve --data {here}/ledger")
    say(f"      and open http://127.0.0.1:8731/C/{number}")
    say(f"   .venv/bin/remelt apikey new CHUZHOU-STRIP --data {here}/ledger")
    say("      and log in with it at /login: a mill's lots, and labels to print")
    say("   .venv/bin/remelt try examples/aluminium/story.toml    after changing a weight in it")


if __name__ == "__main__":
    main()
