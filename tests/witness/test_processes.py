"""Witnesses over HTTP: the worked request, and what no race and no SIGKILL may break."""

from __future__ import annotations

import functools
import os
import random
import signal
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ledger.tlog import checkpoint, cosignature, note, proof, tree, witness
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import NOTE_15, ORIGIN
from tests.witness import places, serving
from tests.witness.places import asked

# Rounds of the race, each of which kills: more than the few of every day are asked for by name.
ROUNDS = int(os.environ.get("WITNESS_ROUNDS", "2"))
THREADS = 32


@pytest.mark.slow
def test_a_witness_process_cosigns_the_worked_request(tmp_path: Path) -> None:
    place = places.new(tmp_path)
    with serving.served(place) as served, httpx.Client(base_url=served.address) as client:
        answer = client.post("/add-checkpoint", content=asked(6, 15))
        assert (answer.status_code, answer.content) == (409, b"0\n")
        assert answer.headers["Content-Type"] == "text/x.tlog.size"
        assert client.post("/add-checkpoint", content=asked(0, 6)).status_code == 200
        answer = client.post("/add-checkpoint", content=asked(6, 15))
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        request = witness.parse_request(asked(6, 15))
        said = witness.read_answer(200, "", answer.content, request, {"w1": vectors.W1})
        assert said.kind == "cosigned"
        shown = client.get(f"/{witness.monitoring_path(ORIGIN)}")
        assert shown.content == NOTE_15 + answer.content
        for garbage in GARBAGE:
            assert not talk(served.port, garbage).startswith(b"HTTP/1.1 5"), garbage
        assert client.get("/healthz").content == b"ok\n"
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(timeout=30)
        printed = served.output.read_text(encoding="utf-8")
    url = f"http://127.0.0.1:{served.port}"
    assert printed.startswith(f"{vectors.W1_VKEY}\nwitness {W1} {vectors.W1_VKEY} {url}\n")
    assert "Traceback" not in printed


W1 = vectors.W1_NAME
_POST = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
GARBAGE = (
    b"\x00\x01\x02\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n",
    b"GET /%ff%00/checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n",
    _POST + b"Content-Length: -1\r\n\r\nold 0\n",
    _POST + b"Content-Length: 99999999999999999999\r\n\r\n" + b"x" * 80_000,
    _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nold\r\n",
    _POST + b"Content-Length: 10\r\n\r\nold",
    _POST + b"Content-Length: 69633\r\n\r\n" + b"\n" * 69_633,
)


def talk(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65_536)
        except OSError:  # it hung up on us before we were done
            return b""


# A log with two histories, many who ask, two witness processes, and SIGKILL.

SHARED = 20
BRANCHES = [
    [tree.leaf_hash(b"%d" % i) for i in range(SHARED)]
    + [tree.leaf_hash(b"%s %d" % (branch, i)) for i in range(4000)]
    for branch in (b"left", b"right")
]
SIGNER = note.parse_skey(vectors.SKEY)


@dataclass
class Race:
    """What all who ask have seen. floor: the largest size for which anybody has a cosignature."""

    client: httpx.Client
    addresses: list[str]
    key: cosignature.Cosigner
    floor: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    cosigned: set[tuple[int, bytes]] = field(default_factory=set)
    answers: int = 0
    faults: list[str] = field(default_factory=list)


@functools.cache
def made(branch: int, old_size: int, size: int) -> tuple[checkpoint.Checkpoint, witness.Request]:
    """What the log asks for, to go on from one size to another on one of its branches."""
    leaves = BRANCHES[branch][:size]
    head = checkpoint.Checkpoint(ORIGIN, size, tree.root(leaves))
    signed = checkpoint.sign_checkpoint(head, [SIGNER])
    return head, witness.make_request(old_size, signed, proof.subtree_from_leaves(leaves))


def run(race: Race, seed: int) -> None:
    chance = random.Random(seed)
    size = 0
    while not race.over.is_set():
        step = chance.choice((0, 1, 1, 2, 5, 9))
        head, request = made(chance.randrange(2), size, size + step)
        url = f"{chance.choice(race.addresses)}/add-checkpoint"
        floor = race.floor
        try:
            answer = race.client.post(url, content=witness.format_request(request))
        except httpx.HTTPError:
            race.over.wait(0.05)
            continue
        said = witness.read_answer(
            answer.status_code, answer.headers["Content-Type"], answer.content, request,
            {"w": race.key},
        )  # fmt: skip
        size = judge(race, said, head, floor, size)


def judge(
    race: Race, said: witness.Answer, head: checkpoint.Checkpoint, floor: int, old_size: int
) -> int:
    """Note an answer, and return from where to go on."""
    with race.lock:
        race.answers += 1
        if said.kind == "cosigned":
            race.cosigned.add((head.size, head.root))
            race.floor = max(race.floor, head.size)
            if head.size < floor:
                race.faults.append(f"cosigned {head.size} after {floor}")
            return head.size
        if said.kind in ("resend", "ahead"):
            assert said.size is not None
            if said.size < floor:
                race.faults.append(f"forgot {floor}, is at {said.size}")
            return said.size
        if said.kind != "conflict":
            race.faults.append(f"{said.kind}: {said.why}")
        return old_size


@pytest.mark.slow
def test_no_race_and_no_kill_makes_a_witness_forget_or_cosign_a_fork(tmp_path: Path) -> None:
    place = places.new(tmp_path)
    ports = [serving.free_port(), serving.free_port()]
    client = httpx.Client(timeout=30)
    race = Race(client, [f"http://127.0.0.1:{port}" for port in ports], vectors.W1)
    threads = [threading.Thread(target=run, args=(race, seed)) for seed in range(THREADS)]
    try:
        with serving.served(place, port=ports[1]) as other:
            for thread in threads:
                thread.start()
            for _ in range(ROUNDS):
                with serving.served(place, port=ports[0]) as served:
                    wait_for(race, race.answers + 100)
                    served.process.kill()
            other.process.kill()
        race.over.set()
    finally:
        race.over.set()
        for thread in threads:
            thread.join(60)
        client.close()
    with serving.served(place) as served:
        answer = httpx.post(f"{served.address}/add-checkpoint", content=asked(0, 15))
        assert answer.status_code == 409
        assert int(answer.text) >= race.floor
    assert not race.faults, race.faults[:5]
    assert race.answers >= 100 * ROUNDS
    assert_one_history(race.cosigned)


def wait_for(race: Race, answers: int) -> None:
    pause = threading.Event()
    for _ in range(6000):
        if race.answers >= answers or race.faults:
            return
        pause.wait(0.02)
    raise AssertionError(f"{race.answers} answers only")


def assert_one_history(cosigned: set[tuple[int, bytes]]) -> None:
    """Every cosigned checkpoint is of the one branch that the first one past the fork was of."""
    assert cosigned
    fits = [all(tree.root(leaves[:size]) == root for size, root in cosigned) for leaves in BRANCHES]
    assert any(fits), "both branches were cosigned"
    if max(size for size, _ in cosigned) > SHARED:
        assert fits.count(True) == 1
