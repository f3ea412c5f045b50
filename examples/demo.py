"""`make demo`: stories on a real server with witnesses, verification without it, two frauds."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
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
from examples import replay, watchers  # noqa: E402
from labels import qr  # noqa: E402
from ledger import apikeys, keys, service, settings  # noqa: E402
from ledger.exchange import story  # noqa: E402

Town = watchers.Town
ORIGIN = "demo.remelt.example/anhui"
OPERATOR = "OPERATOR"
STORIES = ("aluminium", "copper", "battery", "lead")
COIL, MILL = "CZ01/COIL-11", "CHUZHOU-STRIP"  # of the first story: shown whole, and spent twice
REMELT = watchers.REMELT
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


def start_server(data: Path, port: int, *more: str) -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen(
        [*REMELT, "serve", "--data", str(data), "--port", str(port), *more],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
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


def dossier_of(out: Path, number: str) -> Path:
    return out / f"{number}.remelt.json"


def fetch(player: replay.Player, out: Path) -> None:
    """The dossier of each certificate, and a page."""
    client = player.client(OPERATOR)
    for number in player.certificates:
        dossier_of(out, number).write_bytes(client.dossier(number))
    sizes = [dossier_of(out, number).stat().st_size for number in player.certificates]
    sized = f"a dossier each of {min(sizes) // 1_000} to {max(sizes) // 1_000} kB"
    say(f"\n4. {len(sizes)} certificates, with {sized}, and the page of one")
    page = client.download(f"/C/{serial_of_the_coil(player)}")
    (out / "certificate-page.html").write_bytes(page)


def serial_of_the_coil(player: replay.Player) -> str:
    return next(serial for serial, lot in player.certificates.items() if lot == COIL)


def found(data: Path, out: Path) -> tuple[Town, str]:
    """A ledger, its witnesses, the policy of a buyer who trusts them, the key of who audits."""
    run(*REMELT, "init", "--origin", ORIGIN, "--data", str(data))
    with contextlib.closing(service.Ledger.open(settings.load(str(data)))) as ledger:
        town = watchers.settle(out, ledger.verifier.vkey)
        api_key = apikeys.create(ledger, OPERATOR, ["audit"], "association")
    lines = "".join(f"{watcher.line}\n" for watcher in town.watchers)
    (data / "witnesses.txt").write_text(lines, encoding="utf-8")
    own = (data / "policy.txt").read_text(encoding="utf-8").replace("quorum none\n", "")
    mine = own + watchers.policy_lines(town.watchers, "both")
    (out / "policy.txt").write_text(mine, encoding="utf-8")
    return town, api_key


def ask_a_server(data: Path, out: Path, stories: list[Told], town: Town) -> replay.Player:
    """What needs a server: recording, refusing, and fetching what a buyer is handed."""
    server, url = start_server(data, town.port)
    try:
        player = new_player(data, url)
        record(player, stories)
        try_frauds(player, stories)
        town.wait_until_seen(player.client(OPERATOR).checkpoint().size)
        fetch(player, out)
        player.close()
        return player
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
    say("   metal without papers into post-consumer, rebuilds the log, and signs it again.")
    forged = str(out / "forged.remelt.json")
    what = ("HB01/H-0304", "HB01/SL-1", number)
    run(sys.executable, "-m", "examples.forger", str(data), *what, forged)
    say("   A buyer who names no witnesses runs the rules again:")
    show(1, "api.cli", "verify", forged, "--policy", str(data / "policy.txt"))
    say("   Ours need not look so far: no witness has seen that log.")
    show(1, "api.cli", "verify", forged, "--policy", str(out / "policy.txt"))


def spend_twice(data: Path, out: Path, player: replay.Player, town: Town) -> None:
    say("\n7. The double spenders: the operator sets a copy of his ledger back, and the mill")
    say(
        "   certifies the coil again. All rules, signatures and proofs are in order. The witnesses:"
    )
    copy, archive = out / "twice", out / "twice.zip"
    run(*REMELT, "backup", str(archive), "--with-keys", "--data", str(data))
    here = ("--data", str(copy), "--database", f"sqlite:///{copy}/ledger.sqlite")
    run(*REMELT, "restore", str(archive), *here)
    archive.unlink()
    first, key = serial_of_the_coil(player), out / "mill.pem"
    keys.save_party_key(key, player.own_keys[MILL])
    what = (str(copy), first, str(key))
    second = run(sys.executable, "-m", "examples.double_spender", *what).strip()
    shutil.copy(data / "witnesses.txt", copy)
    server, url = start_server(copy, town.port, *here[2:])
    try:
        with Client(url, log_key=town.log_vkey) as client:
            size = client.checkpoint().size
            town.wait_until_seen(size, audited=False)
            found = watchers.wait_for_finding(town)
            dossier = out / "twice.remelt.json"
            dossier.write_bytes(client.dossier(second))
    finally:
        stop_server(server)
    say(f"   recyclers    cosigned size {size}: nothing was taken back, and that is all they ask")
    say(f"   exchange     cosigned size {size}")
    say("   association  refused, and keeps the evidence:")
    say(indent(found))
    say("   A buyer who names no witnesses is cheated; ours wants the association's word:")
    show(0, "examples.buyer", str(data / "policy.txt"), str(dossier))
    show(1, "api.cli", "verify", str(dossier), "--policy", str(out / "policy.txt"))


def show_label(data: Path, out: Path, number: str) -> None:
    for suffix in ("png", "svg"):
        name = out / f"{COIL.replace('/', '-')}.{suffix}"
        run(*REMELT, "label", COIL, "--out", str(name), "--data", str(data))
    printed = run(*REMELT, "label", number, "--data", str(data)).rstrip()
    payload = printed.rpartition("\n")[2]
    say(f"\n9. What the coil's certificate label says: {payload}")
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
    say(f"1. A new ledger, {ORIGIN}, in {where}, and a server;")
    say("   three witnesses, each a process with a key of its own:")
    say("   recyclers, exchange   compare checkpoints, and never see an entry")
    say("   association           reads every entry and runs every rule again")
    town, api_key = found(data, out)
    with watchers.watching(town, api_key):
        player = ask_a_server(data, out, read_stories(), town)
        number = serial_of_the_coil(player)
        buy(out, {serial: dossier_of(out, serial) for serial in player.certificates}, number)
        forge(data, out, number)
        spend_twice(data, out, player, town)
    say("\n8. The audit rebuilds everything from entry 0:")
    say(indent(run(*REMELT, "audit", "--data", str(data)).rstrip()))
    show_label(data, out, number)

    here = os.path.relpath(out)
    say(f"All of this took {time.monotonic() - began:.0f} s. Files are in {out}:")
    say("   *.remelt.json           dossiers            policy.txt  the keys a buyer trusts")
    say("   witnesses/              what each of them keeps, the evidence of step 7 too")
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
