"""Publishing: what is asked of witnesses, what is served, and when everything stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ledger import disputes, publish, readiness, witnesses
from ledger.errors import FormatError, LedgerError, ProofError, RuleError
from ledger.publisher import LEASE_MS, Publisher
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.store.published import Lease, Published, State
from ledger.tlog import checkpoint, cosignature, note, witness
from tests.cluster import SQLITE_ONLY
from tests.store import plant, tiny
from tests.store.tiny import Tiny

SECOND_MS = 1_000


@dataclass
class Clock:
    now_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class World:
    """A ledger, its witnesses, and a publisher that goes step by step."""

    ledger: Ledger
    tinies: list[Tiny]
    clock: Clock
    publisher: Publisher

    def step(self, publisher: Publisher | None = None) -> None:
        """A step, more than the gap after the one before."""
        self.clock.now_ms += 2 * SECOND_MS

        async def once() -> None:
            async with witnesses.connected() as client:
                await (publisher or self.publisher).step(client)

        asyncio.run(once())

    def grow(self, *lots: str) -> None:
        plant.accept(self.ledger, *[plant.receipt(f"HF01/{lot}") for lot in lots])

    def another(self) -> Publisher:
        """The publisher of a second process."""
        ledger = Ledger.open(self.ledger.settings)
        return Publisher(ledger, witnesses.read(ledger.settings), self.clock)

    @property
    def published(self) -> Published:
        with engines.reading(self.ledger.engine) as connection:
            found = published.read(connection, self.ledger.log_id)
        assert found is not None
        return found

    def times(self) -> dict[str, int]:
        """When who cosigned what is published; everything in it verifies."""
        _, opened = checkpoint.open_checkpoint(
            self.published.note.encode(), [self.ledger.verifier], self.ledger.origin
        )
        known = {one.name: one.key.cosigner for one in self.tinies}
        found = cosignature.verify_cosignatures(opened, known)
        assert len(opened.unverified) == len(found)
        return found

    def state(self, one: Tiny) -> State:
        with engines.reading(self.ledger.engine) as connection:
            return published.states(connection, self.ledger.log_id)[key_of(one)]

    def set_state(self, one: Tiny, size: int) -> None:
        with engines.writing(self.ledger.engine) as connection:
            changed = replace(self.state(one), size=size)
            published.write_states(connection, self.ledger.log_id, [changed])

    def listing(self, more: str) -> None:
        """Go on with the same witnesses and these lines."""
        text = "".join(one.line for one in self.tinies) + more
        (self.ledger.settings.data / witnesses.NAME).write_text(text)
        self.publisher.known = witnesses.read(self.ledger.settings)

    def evidence(self) -> list[bytes]:
        found = (self.ledger.settings.data / disputes.EVIDENCE).glob("*.txt")
        return [path.read_bytes() for path in sorted(found)]


def key_of(one: Tiny) -> str:
    return f"{one.name}+{one.key.cosigner.key_id.hex()}"


NewWorld = Callable[..., World]


@pytest.fixture
def world(running: Ledger) -> Iterator[NewWorld]:
    """Makes the world with so many witnesses."""
    with ExitStack() as stack:
        made: list[World] = []

        def new(count: int, quorum: str = "") -> World:
            logs = {running.origin: [running.verifier]}
            tinies = [stack.enter_context(tiny.witnessing(logs)) for _ in range(count)]
            text = "".join(one.line for one in tinies) + quorum
            (running.settings.data / witnesses.NAME).write_text(text)
            clock = Clock()
            publisher = Publisher(running, witnesses.read(running.settings), clock)
            publisher.begin()
            made.append(World(running, tinies, clock, publisher))
            return made[-1]

        yield new


# What to do, and what a published note is made of: no database, no witness.


def view(size: int, last: Published | None, *states: State) -> publish.View:
    head = entries.Head(plant.ORIGIN, size, bytes(32), bytes(32), 0)
    return publish.View(head, b"", last, {s.witness: s for s in states}, None)


def listed(name: str) -> witnesses.Listed:
    key = cosignature.key_from_seed(name, cosignature.ED25519, bytes(31) + name[:1].encode())
    return witnesses.Listed(name, name, "http://127.0.0.1:1", key.cosigner)


A, B = listed("a"), listed("b")
FRESH = [State("a", "a", 5, 100_000, 0, "cosigned"), State("b", "b", 5, 100_000, 0, "cosigned")]
LAST = Published(5, "", 100_000, True)


@pytest.mark.parametrize(
    ("found", "resting", "now_ms", "wanted"),
    [
        (view(5, None), (), 0, "ab"),
        (view(6, LAST, *FRESH), (), 100_999, None),
        (view(6, LAST, *FRESH), (), 101_000, "ab"),
        (view(6, LAST, *FRESH), ("a",), 101_000, "b"),
        (view(6, LAST, *FRESH), ("a", "b"), 101_000, ""),
        (view(6, LAST, *FRESH), (), 50_000, "ab"),  # a clock that went back delays nothing
        (view(5, LAST, *FRESH), (), 699_999, None),
        (view(5, LAST, *FRESH), (), 700_000, "ab"),
        (view(5, LAST, *FRESH), ("a", "b"), 700_000, None),
        (view(5, LAST, FRESH[0]), (), 101_000, "b"),
        (view(5, LAST, FRESH[0]), (), 100_999, None),
        (view(5, LAST, FRESH[0]), ("b",), 900_000, "a"),
        (view(5, LAST, FRESH[0], replace(FRESH[1], kind="later")), (), 101_000, "b"),
        (view(5, LAST, FRESH[0], replace(FRESH[1], size=4)), (), 101_000, "b"),
        (view(4, LAST, *FRESH), (), 101_000, None),
    ],
)
def test_who_is_asked_and_when(
    found: publish.View, resting: tuple[str, ...], now_ms: int, wanted: str | None
) -> None:
    made = publish.plan(found, [A, B], resting, now_ms=now_ms, gap_ms=1_000, idle_ms=600_000)
    assert (None if made is None else "".join(w.key for w in made.ask)) == wanted


def test_without_witnesses_what_rests_is_looked_at_now_and_then() -> None:
    for now_ms, wanted in ((100_500, None), (699_000, None), (700_000, publish.Plan())):
        made = publish.plan(view(5, LAST), [], (), now_ms=now_ms, gap_ms=1_000, idle_ms=600_000)
        assert made == wanted


def test_of_a_witness_the_latest_cosignature_is_kept_under_the_lines_of_the_log() -> None:
    root = bytes(32)
    signers = [note.parse_skey(note.generate_skey("log.example", bytes([n] * 32))) for n in (1, 2)]
    signed = checkpoint.sign_checkpoint(checkpoint.Checkpoint("log.example", 3, root), signers)
    text = note.parse_note(signed).text
    keys = [cosignature.key_from_seed(n, cosignature.ED25519, bytes(31) + n.encode()) for n in "ab"]

    def cosigned(who: int, time_s: int) -> cosignature.Cosignature:
        return cosignature.parse_cosignature(cosignature.cosign(text, keys[who], time_s))

    once, times = publish.merge(signed, None, [cosigned(0, 1_000)])
    assert once.startswith(signed)
    assert list(times.values()) == [1_000]
    both, times = publish.merge(signed, once, [cosigned(1, 900), cosigned(0, 999)])
    assert both.startswith(once), "the older one changes nothing"
    assert list(times.values()) == [1_000, 900]
    later, times = publish.merge(signed, both, [cosigned(0, 2_000)])
    assert list(times.values()) == [2_000, 900]
    known = {key.cosigner.name: key.cosigner for key in keys}
    assert cosignature.verify_cosignatures(note.parse_note(later), known) == {"a": 2_000, "b": 900}
    assert publish.merge(signed, later, []) == (later, times)


# Asking.


def test_without_witnesses_the_stored_checkpoint_is_published(world: NewWorld) -> None:
    made = world(0)
    assert made.published.size == plant.SIZE
    made.grow("A", "B")
    made.step()
    with engines.reading(made.ledger.engine) as connection:
        stored = entries.read_checkpoint(connection, made.ledger.log_id, plant.SIZE + 2)
    found = made.published
    assert (found.size, found.note, found.met) == (plant.SIZE + 2, stored, True)
    assert not (made.ledger.settings.data / disputes.EVIDENCE).exists()


def test_witnesses_cosign_what_is_published(world: NewWorld) -> None:
    made = world(2)
    assert not made.published.met, "begun without them"
    for lots in (["A"], ["B", "C"]):
        made.grow(*lots)
        made.step()
        assert set(made.times()) == {one.name for one in made.tinies}
        assert made.published.met
    for one in made.tinies:
        assert [(r.old_size, r.claimed.size) for r in one.asked] == [(0, 6), (6, 8)]
        assert all(b"witness" not in request.signed for request in one.asked)
        assert made.state(one).kind == "cosigned"
    made.step()
    assert [len(one.asked) for one in made.tinies] == [2, 2], "nothing grew, nobody is asked"


@pytest.mark.parametrize("believed", [0, 3, 7])
def test_a_witness_of_another_size_gets_the_proof_it_wants(world: NewWorld, believed: int) -> None:
    made = world(1)
    made.grow("A")
    made.step()
    made.grow("B", "C")
    made.set_state(made.tinies[0], believed)
    made.step()
    assert [(r.old_size, r.claimed.size) for r in made.tinies[0].asked[1:]] == [
        (believed, 8), (6, 8)
    ]  # fmt: skip
    assert made.published.met
    assert made.ledger.sequencer.fatal is None


@SQLITE_ONLY
def test_a_witness_that_wants_ever_other_proofs_is_asked_twice(world: NewWorld) -> None:
    made = world(1)
    made.tinies[0].instead = lambda r: (409, witness.SIZE_TYPE, b"%d\n" % ((r.old_size + 1) % 5))
    made.step()
    assert len(made.tinies[0].asked) == 2
    assert (made.state(made.tinies[0]).kind, made.state(made.tinies[0]).size) == ("later", 2)


@SQLITE_ONLY
def test_who_fails_is_left_alone_for_a_while_and_then_added(world: NewWorld) -> None:
    made = world(2)
    broken = made.tinies[1]
    broken.instead = lambda request: (503, "text/plain", b"busy\n")
    made.grow("A")
    made.step()
    assert set(made.times()) == {made.tinies[0].name}
    assert (made.published.size, made.published.met) == (plant.SIZE + 1, False)
    assert made.state(broken).why == "status 503: busy"
    made.step()
    assert [len(one.asked) for one in made.tinies] == [1, 1], "it rests"
    broken.instead = lambda request: None
    made.publisher._rests.clear()
    made.step()
    assert [len(one.asked) for one in made.tinies] == [1, 2], "only who is missing"
    assert set(made.times()) == {one.name for one in made.tinies}
    assert made.published.met


@SQLITE_ONLY
def test_a_quorum_does_not_wait_for_all(world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(2)
    made.tinies[1].instead = lambda request: time.sleep(0.6)
    made.listing(f"quorum {made.tinies[0].name}\n")
    seen: list[int] = []
    put_up = Publisher._put_up

    def counted(*arguments: Any) -> None:
        put_up(*arguments)
        seen.append(len(made.times()))

    monkeypatch.setattr(Publisher, "_put_up", counted)
    made.step()
    assert seen == [1, 2], "first with the quorum, then with who came late"


@SQLITE_ONLY
def test_a_witness_that_hangs_is_given_up(world: NewWorld) -> None:
    made = world(1)
    made.tinies[0].instead = lambda request: time.sleep(2.5)
    made.step()
    assert made.state(made.tinies[0]).why == "no answer within 1 s"
    assert made.times() == {}


STRANGE = [
    (200, b"", "refused"),
    (200, b"x" * 70_000, "later"),
    (200, b"\xff\xfe\n", "refused"),
    (404, b"who?", "refused"),
    (403, b"", "refused"),
    (301, b"", "refused"),
    (409, b"0\n", "conflict"),
    (429, b"", "later"),
    (500, b"", "later"),
]


@SQLITE_ONLY
def test_whatever_else_a_witness_answers_is_not_published(world: NewWorld) -> None:
    made = world(1)
    one = made.tinies[0]
    with tiny.witnessing({}) as stranger:
        text = note.parse_note(made.published.note.encode()).text
        lines = [
            note.format_signature(cosignature.cosign(text, stranger.key, 1_700_000_000)),
            note.format_signature(cosignature.cosign(text + b"x\n", one.key, 1_700_000_000)),
        ]
    for status, body, kind in [*STRANGE, *[(200, line, "refused") for line in lines]]:
        one.instead = _always((status, "text/plain", body))
        made.publisher._rests.clear()
        made.step()
        state = made.state(one)
        assert state.kind == kind, (status, body[:20], state)
        assert made.times() == {}
    assert made.ledger.sequencer.fatal is None
    assert not made.published.met


def _always(reply: tiny.Reply) -> Callable[[witness.Request], tiny.Reply]:
    return lambda request: reply


@SQLITE_ONLY
def test_what_rests_is_shown_again_and_the_cosignatures_get_younger(world: NewWorld) -> None:
    made = world(1)
    one = made.tinies[0]
    one.now_s = lambda: made.clock.now_ms // 1_000
    made.step()
    first = made.times()[one.name]
    made.step()
    assert len(one.asked) == 1
    made.clock.now_ms += 600_000
    made.step()
    assert (one.asked[1].old_size, one.asked[1].claimed.size) == (plant.SIZE, plant.SIZE)
    assert made.times()[one.name] - first == 604
    # A slower process, whose answer is older, changes nothing.
    one.now_s = lambda: first
    made.clock.now_ms += 600_000
    made.step()
    assert made.times()[one.name] - first == 604
    # Nobody saw it for long: what is there no longer counts.
    one.instead = _always((503, "text/plain", b""))
    made.clock.now_ms += 600_000
    made.step()
    assert (made.times()[one.name] - first, made.published.met) == (604, False)


# Several processes.


def test_one_of_two_processes_publishes_and_the_other_when_it_is_gone(world: NewWorld) -> None:
    made = world(1)
    made.grow("A")
    other = made.another()
    made.step()
    made.grow("B")
    made.step(other)
    assert len(made.tinies[0].asked) == 1, "it is not its turn"
    made.clock.now_ms += LEASE_MS
    made.step(other)
    assert made.published.size == plant.SIZE + 2
    made.grow("C")
    made.step()
    assert len(made.tinies[0].asked) == 2
    made.publisher.give_back()  # which is not its turn: nothing changes
    made.step()
    assert len(made.tinies[0].asked) == 2
    other.give_back()
    made.step()
    assert made.published.size == plant.SIZE + 3
    plant.close(other.ledger)


@SQLITE_ONLY
def test_a_turn_of_a_clock_far_ahead_binds_nobody(world: NewWorld) -> None:
    made = world(1)
    with engines.writing(made.ledger.engine) as connection:
        far = Lease("other", made.clock.now_ms + 3_600_000)
        assert published.take_lease(connection, made.ledger.log_id, far, made.clock.now_ms)
    made.grow("A")
    made.step()
    assert made.published.size == plant.SIZE + 1


def test_what_is_served_never_gets_smaller(world: NewWorld) -> None:
    made = world(0)
    with engines.reading(made.ledger.engine) as connection:
        old = publish.look(connection, made.ledger)
    assert old is not None
    made.grow("A")
    made.step()
    made.publisher._put_up(old, [], [], made.clock.now_ms)
    assert made.published.size == plant.SIZE + 1
    with engines.writing(made.ledger.engine) as connection:
        stale = Published(plant.SIZE, "", 0, False)
        log_id = made.ledger.log_id
        assert not published.write(connection, log_id, stale, replace(made.published, size=1))
        assert not published.write(connection, log_id, None, stale)
    assert made.published.size == plant.SIZE + 1


def test_a_witness_that_another_process_led_on_is_no_alarm(world: NewWorld) -> None:
    made = world(1)

    def led_on(request: witness.Request) -> tiny.Reply:
        made.grow("B")  # meanwhile
        return 409, witness.SIZE_TYPE, b"%d\n" % (plant.SIZE + 2)

    made.grow("A")
    made.tinies[0].instead = led_on
    made.step()
    assert made.ledger.sequencer.fatal is None
    assert (made.state(made.tinies[0]).kind, made.evidence()) == ("later", [])


# When everything stops.


def grown(made: World) -> bytes:
    """A checkpoint of this log, larger and of another history, signed by the log's key."""
    signers = made.ledger.sequencer.signers
    seen = checkpoint.Checkpoint(made.ledger.origin, 99, bytes(32))
    return checkpoint.sign_checkpoint(seen, signers)


def stopped(made: World, code: str) -> LedgerError:
    fatal = made.ledger.sequencer.fatal
    assert fatal is not None
    assert fatal.code == code
    with pytest.raises(RuleError, match="the writer has stopped"):
        plant.record(made.ledger, plant.receipt("HF01/LATE"))
    checks = {check.name: check for check in readiness.look(made.ledger)}
    assert checks["writer"].state == "fail"
    return fatal


@pytest.mark.parametrize("shows", [True, False])
def test_a_witness_that_saw_more_stops_writing_in_every_process(
    world: NewWorld, shows: bool
) -> None:
    made = world(1)
    other = made.another()
    made.grow("A")
    one = made.tinies[0]
    one.shows = grown(made) if shows else None
    one.instead = _always((409, witness.SIZE_TYPE, b"99\n"))
    before = made.published
    made.step()
    fatal = stopped(made, "BACKUP_OLD")
    assert "99 entries, here it has 6" in fatal.message
    assert "`remelt replay`" in fatal.hint
    assert made.published == before, "nothing is published any more"
    assert one.asked[0].signed in made.evidence()
    assert (grown(made) in made.evidence()) == shows
    made.step(other)
    assert other.ledger.sequencer.fatal is not None
    assert other.ledger.sequencer.fatal.code == "BACKUP_OLD"
    plant.close(other.ledger)
    made.step()
    assert len(one.asked) == 1


@SQLITE_ONLY
def test_a_witness_that_shows_another_history_signed_by_us_stops_writing(world: NewWorld) -> None:
    made = world(1)
    other = made.another()
    made.grow("A")
    made.step()
    one = made.tinies[0]
    fork = checkpoint.Checkpoint(made.ledger.origin, 6, b"\x01" * 32)
    one.stored = fork
    one.shows = checkpoint.sign_checkpoint(fork, made.ledger.sequencer.signers)
    made.grow("B")
    made.step()
    assert made.state(one).kind == disputes.FORK
    assert "had another root" in stopped(made, "PROOF_INVALID").message
    assert one.shows in made.evidence()
    made.step(other)
    assert other.ledger.sequencer.fatal is not None
    assert other.ledger.sequencer.fatal.code == "PROOF_INVALID"
    plant.close(other.ledger)
    made.publisher.begin()  # as a server does that was told by all witnesses that all is well
    assert made.state(one).kind == ""


@SQLITE_ONLY
def test_a_witness_that_contradicts_without_a_proof_is_told_and_no_more(world: NewWorld) -> None:
    made = world(2)
    made.grow("A")
    made.step()
    one = made.tinies[0]
    one.stored = checkpoint.Checkpoint(made.ledger.origin, 6, b"\x01" * 32)
    one.shows = b"anything\n"
    for lot in "BC":
        made.grow(lot)
        made.publisher._rests.clear()
        made.step()
        assert made.state(one).kind == "conflict"
    assert made.ledger.sequencer.fatal is None
    assert (made.published.size, made.published.met) == (plant.SIZE + 3, False)
    assert len(made.evidence()) == 3, "both of ours, theirs once"


@SQLITE_ONLY
def test_a_witness_that_lies_fills_no_disk_and_hides_no_fork(
    world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disputes, "KEPT_MAX", 4)
    made = world(1)
    made.grow("A")
    one = made.tinies[0]
    one.instead = _always((422, "text/plain", b"no\n"))
    for n in range(6):
        one.shows = b"anything %d\n" % n
        made.grow(f"B{n}")
        made.publisher._rests.clear()
        made.step()
    assert len(made.evidence()) == 4
    fork = checkpoint.Checkpoint(made.ledger.origin, 6, b"\x01" * 32)
    one.shows = checkpoint.sign_checkpoint(fork, made.ledger.sequencer.signers)
    made.grow("C")
    made.publisher._rests.clear()
    made.step()
    stopped(made, "PROOF_INVALID")
    assert {one.shows, one.asked[-1].signed} < {*made.evidence()}


# At the start.


@SQLITE_ONLY
def test_a_start_asks_how_far_the_log_was_seen(world: NewWorld) -> None:
    made = world(2)
    one, other = made.tinies
    made.step()
    assert disputes.check_witnesses(made.ledger) == []
    assert [len(t.asked) for t in made.tinies] == [1, 1], "what they show is enough"
    one.shows, other.instead = None, _always((500, "text/plain", b"ill"))
    other.shows = None
    assert disputes.check_witnesses(made.ledger) == [f"witness {other.name}: status 500: ill"]
    assert len(one.asked) == 2
    one.shows = grown(made)
    with pytest.raises(RuleError, match="went on to 99 entries, here it has 5") as refused:
        disputes.check_witnesses(made.ledger)
    assert refused.value.code == "BACKUP_OLD"
    assert "`remelt replay`" in refused.value.hint
    one.shows, one.instead = None, _always((409, witness.SIZE_TYPE, b"99\n"))
    with pytest.raises(RuleError, match="has seen the log at 99 entries"):
        disputes.check_witnesses(made.ledger)
    fork = checkpoint.Checkpoint(made.ledger.origin, 4, b"\x01" * 32)
    one.shows = checkpoint.sign_checkpoint(fork, made.ledger.sequencer.signers)
    with pytest.raises(ProofError, match="at size 4 the log had another root"):
        disputes.check_witnesses(made.ledger)
    assert one.shows in made.evidence()


@SQLITE_ONLY
def test_a_start_does_not_wait_for_who_is_away(world: NewWorld) -> None:
    made = world(1)
    one = made.tinies[0]
    text = one.line.replace(one.url, "http://127.0.0.1:1")
    (made.ledger.settings.data / witnesses.NAME).write_text(text)
    (said,) = disputes.check_witnesses(made.ledger)
    assert one.name in said


@SQLITE_ONLY
def test_a_log_that_caught_up_is_published_again(world: NewWorld) -> None:
    made = world(1)
    made.set_state(made.tinies[0], 99)
    made.step()
    assert made.ledger.sequencer.fatal is not None
    made.ledger.sequencer.fatal = None
    made.publisher.begin()  # as a server does that was told by all witnesses that all is well
    made.step()
    assert made.published.met


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("witness w", "line 1"),
        ("log x", "line 1"),
        ("quorum nobody", "line 1"),
        ("witness w nothing http://127.0.0.1", "line 1"),
        ("\x00", "line 1"),
    ],
)
def test_a_bad_list_is_refused_by_line(ledger: Ledger, text: str, said: str) -> None:
    path = ledger.settings.data / witnesses.NAME
    path.write_text(text)
    with pytest.raises(FormatError, match=said) as refused:
        Publisher.of(ledger)
    assert refused.value.code == "POLICY_INVALID"
    assert str(path) in refused.value.message
    assert refused.value.hint


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("algorithm", "most"), [(cosignature.ED25519, 90), (cosignature.ML_DSA_44, 15)]
)
def test_a_list_whose_cosignatures_no_note_can_hold_is_refused(
    ledger: Ledger, algorithm: int, most: int
) -> None:
    keys = [
        cosignature.key_from_seed(f"witness.example/w{n}", algorithm, n.to_bytes(32, "big"))
        for n in range(most + 1)
    ]
    lines = [f"witness w{n} {k.cosigner.vkey} https://w.example/{n}" for n, k in enumerate(keys)]
    path = ledger.settings.data / witnesses.NAME
    path.write_text("\n".join(lines[:most]))
    known = witnesses.read(ledger.settings)
    with engines.reading(ledger.engine) as connection:
        signed = entries.read_checkpoint(connection, ledger.log_id, plant.SIZE).encode()
    text = note.parse_note(signed).text
    made = [
        cosignature.parse_cosignature(cosignature.cosign(text, key, 2**40)) for key in keys[:most]
    ]
    assert len(publish.merge(signed, None, made)[1]) == len(known.listed) == most
    path.write_text("\n".join(lines))
    with pytest.raises(FormatError, match="too many"):
        witnesses.read(ledger.settings)


@SQLITE_ONLY
def test_a_list_that_is_no_file_is_refused(ledger: Ledger) -> None:
    (ledger.settings.data / witnesses.NAME).mkdir()
    with pytest.raises(RuleError, match="cannot be read"):
        Publisher.of(ledger)


def test_who_is_no_longer_listed_is_forgotten(world: NewWorld) -> None:
    made = world(2)
    made.step()
    one = made.tinies.pop()
    made.listing("")
    made.publisher.begin()
    with engines.reading(made.ledger.engine) as connection:
        kept = published.states(connection, made.ledger.log_id)
    assert list(kept) == [key_of(made.tinies[0])]
    assert key_of(one) not in kept
