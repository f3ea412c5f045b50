"""A log that tells two stories is caught by whoever hears both, and an old copy is called old."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from api import cli
from ledger import concerns, evidence, monitor, sightings, tilesource
from ledger.book import events
from ledger.certificate import policy as policies
from ledger.errors import LedgerError
from ledger.monitor import BEHIND_S, Finding, Forked, Monitor
from ledger.tlog import checkpoint, cosignature, note, proof, tree
from tests import harness
from tests.monitor import logs

ENTRIES = [b"entry %d" % n for n in range(900)]
FORKED = [*ENTRIES[:250], b"another", *ENTRIES[251:]]
WITNESS = cosignature.key_from_seed("w.example", cosignature.ED25519, bytes(range(3, 35)))
POLICY = policies.Policy((policies.Log(logs.VERIFIER),), ())
NOW = 1_800_000_000


class Place(dict[str, bytes]):
    """What an address shows: the files of a log, or a checkpoint alone, as a witness does."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def show(self, size: int, entries: list[bytes] = ENTRIES) -> Place:
        self.clear()
        self.update(logs.static(entries[:size]))
        return self

    def only_checkpoint(self) -> Place:
        for path in [path for path in self if path != "checkpoint"]:
            del self[path]
        return self

    @property
    def source(self) -> tilesource.Source:
        return tilesource.Source(self.where, lambda path, most: self.get(path))


@pytest.fixture
def log() -> Place:
    return Place("https://log.example").show(300)


@pytest.fixture
def witness() -> Place:
    return Place("https://w.example").show(300).only_checkpoint()


@pytest.fixture
def watch(tmp_path: Path, log: Place, witness: Place) -> Callable[..., Monitor]:
    """A monitor of both, as a new process opens it."""

    def opened(**options: Any) -> Monitor:
        policy = options.pop("policy", POLICY)
        sources = [log.source, witness.source]
        return monitor.open_monitor(tmp_path / "state", policy, sources, **options)

    return opened


def look(made: Monitor, at_s: int = NOW) -> list[Finding]:
    return list(made.look(at_s))


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.what) for finding in findings]


def caught(made: Monitor, at_s: int = NOW) -> Forked:
    with pytest.raises(Forked) as fork:
        look(made, at_s)
    return fork.value


def kept(state: Path) -> set[bytes]:
    return {path.read_bytes() for path in (state / "evidence").glob("checkpoint-*")}


def test_a_log_that_grows_and_a_witness_that_follows_are_no_news(
    watch: Callable[..., Monitor], log: Place, witness: Place
) -> None:
    for size in (300, 301, 512, 900):
        log.show(size)
        assert not look(watch())
        witness.show(size).only_checkpoint()
        assert not look(watch())
    made = watch()
    assert made.kept.top is not None
    assert made.kept.top.said.size == 900
    assert sorted(made.kept.seen) == [300, 301, 512, 900]
    assert made.kept.seen[301].note == logs.static(ENTRIES[:301])["checkpoint"]
    assert (made.kept.seen[301].at_s, made.kept.seen[301].where) == (NOW, log.where)


def test_two_roots_of_one_size_are_a_fork_and_both_notes_are_kept_word_for_word(
    watch: Callable[..., Monitor], log: Place, witness: Place, tmp_path: Path
) -> None:
    witness.show(300, FORKED).only_checkpoint()
    fork = caught(watch())
    assert set(fork.notes) == {log["checkpoint"], witness["checkpoint"]}
    assert kept(tmp_path / "state") == set(fork.notes)
    found = (tmp_path / "state" / "evidence" / "found.txt").read_text()
    assert found == f"2027-01-15T08:00:00Z size 300 {log.where}\n" + (
        f"2027-01-15T08:00:00Z size 300 {witness.where}\n"
    )
    with pytest.raises(LedgerError, match="evidence of a fork lies here"):
        watch()
    (tmp_path / "state" / "evidence").rename(tmp_path / "evidence")
    caught(watch())


def test_a_crash_while_a_fork_is_kept_loses_neither_note(
    watch: Callable[..., Monitor], log: Place, witness: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = watch()
    look(made)
    honest = log["checkpoint"]
    witness.show(300, FORKED).only_checkpoint()
    put = evidence.put

    def dying(path: Path, content: bytes) -> None:
        put(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(evidence, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        look(made)
    on_disk = {seen.note for seen in sightings.load(made.kept.directory).seen.values()}
    assert {honest, witness["checkpoint"]} == on_disk | kept(made.kept.directory)


@pytest.mark.parametrize(("small", "large"), [("log", "witness"), ("witness", "log")])
def test_a_fork_at_different_sizes_is_proven_to_anybody(
    watch: Callable[..., Monitor],
    log: Place,
    witness: Place,
    tmp_path: Path,
    small: str,
    large: str,
) -> None:
    places = {"log": log, "witness": witness}
    places[small].show(300)
    places[large].show(700, FORKED)
    caught(watch())
    state = tmp_path / "state"
    assert kept(state) == {log["checkpoint"], witness["checkpoint"]}
    # From the files alone: the larger tree had another root at the size of the smaller one.
    old, new = sorted(
        (checkpoint.open_checkpoint(signed, [logs.VERIFIER])[0] for signed in kept(state)),
        key=lambda said: said.size,
    )
    *words, _ = (state / "evidence" / "consistency-proof.txt").read_text().split("\n")
    root = bytes.fromhex(words[2].split(" had root ")[1].rstrip(";"))
    assert old.root.hex() in words[1]
    assert root != old.root
    proof.check_consistency(
        [base64.b64decode(line) for line in words[4:]],
        old_size=old.size, old_root=root, new_size=new.size, new_root=new.root,
    )  # fmt: skip


def test_what_was_signed_on_monday_holds_on_tuesday(
    watch: Callable[..., Monitor], log: Place, witness: Place
) -> None:
    assert not look(watch())
    log.show(700, FORKED)
    witness.show(700, FORKED).only_checkpoint()
    caught(watch(), NOW + 86_400)


def test_a_witness_ahead_of_the_log_is_compared_as_soon_as_tiles_allow(
    watch: Callable[..., Monitor], log: Place, witness: Place
) -> None:
    witness.show(400, FORKED).only_checkpoint()
    assert told(look(watch())) == [("warn", "not compared")]
    assert ("alarm", "not compared") in told(look(watch(), NOW + BEHIND_S))
    log.show(500)
    caught(watch(), NOW + BEHIND_S)


def test_an_older_checkpoint_is_no_fork_and_a_rollback_when_it_stays(
    watch: Callable[..., Monitor], log: Place
) -> None:
    look(watch())
    log.show(200)
    (said,) = look(watch(), NOW + 10)
    assert (said.level, said.what) == ("warn", "stale")
    assert "No fork is proven" in said.message
    assert told(look(watch(), NOW + 10 + BEHIND_S)) == [("alarm", "rollback")]
    log.show(301)
    assert not look(watch(), NOW + 20 + BEHIND_S)


def test_a_rollback_that_goes_another_way_is_a_fork(
    watch: Callable[..., Monitor], log: Place
) -> None:
    look(watch())
    log.show(200)
    look(watch(), NOW + 10)
    log.show(280, FORKED)
    caught(watch(), NOW + 20)


def test_a_mirror_that_stops_is_stale(
    watch: Callable[..., Monitor], log: Place, witness: Place
) -> None:
    look(watch())
    log.show(700)
    assert not look(watch(), NOW + 10)
    assert not look(watch(), NOW + 20)
    assert told(look(watch(), NOW + 20 + BEHIND_S)) == [("alarm", "stale")]


def test_what_cannot_be_read_is_told_and_the_rest_is_compared(
    watch: Callable[..., Monitor], log: Place, witness: Place
) -> None:
    witness.clear()
    assert told(look(watch())) == [("warn", "unreadable")]
    witness["checkpoint"] = logs.sign(300, bytes(32), skey=logs.STRANGER)
    assert told(look(watch())) == [("warn", "unreadable")]
    witness["checkpoint"] = logs.sign(300, bytes(32), "other.example", logs.OTHER_SKEY)
    both = replace(POLICY, logs=(*POLICY.logs, policies.Log(logs.OTHER)))
    assert told(look(watch(policy=both))) == [("warn", "unreadable")]


def test_the_age_of_the_last_cosignature(watch: Callable[..., Monitor], witness: Place) -> None:
    known = policies.Witness("w", WITNESS.cosigner.vkey)
    policy = replace(POLICY, witnesses=(known,), quorum="w", max_age_s=3_600)
    assert told(look(watch(policy=policy))) == [("alarm", "old")]
    opened = note.parse_note(witness["checkpoint"])
    line = cosignature.cosign(opened.text, WITNESS, NOW - 100)
    witness["checkpoint"] = note.format_note(opened.text, [*opened.unverified, line])
    assert not look(watch(policy=policy))
    assert not look(watch(policy=policy), NOW + 3_400)
    (said,) = look(watch(policy=policy), NOW + 3_600)
    assert "since 2027-01-15T07:58:20Z" in said.message
    assert told(look(watch(policy=policy, max_age_s=60))) == [("alarm", "old")]


def test_a_cosignature_from_the_future_makes_nothing_young(
    watch: Callable[..., Monitor], witness: Place
) -> None:
    known = policies.Witness("w", WITNESS.cosigner.vkey)
    policy = replace(POLICY, witnesses=(known,), quorum="w", max_age_s=3_600)
    opened = note.parse_note(witness["checkpoint"])
    for at_s in (NOW + 86_400, cosignature.MAX_TIME):
        line = cosignature.cosign(opened.text, WITNESS, at_s)
        witness["checkpoint"] = note.format_note(opened.text, [*opened.unverified, line])
        assert told(look(watch(policy=policy))) == [("alarm", "old")]
    assert told(look(watch(policy=policy), NOW + 2 * 86_400)) == [("alarm", "old")]


def test_a_line_that_breaks_off_is_cut_off_and_other_damage_is_refused(
    watch: Callable[..., Monitor], tmp_path: Path
) -> None:
    look(watch())
    notes = tmp_path / "state" / sightings.NOTES
    whole = notes.read_bytes()
    notes.write_bytes(whole + whole[:40])
    assert not look(watch())
    assert notes.read_bytes() == whole
    notes.write_bytes(b"x" + whole)
    with pytest.raises(LedgerError, match="cannot be read"):
        watch()
    notes.write_bytes(b"")
    with pytest.raises(LedgerError, match="cannot be read"):
        watch()


def test_what_it_keeps_is_bounded_and_still_catches_forks(
    watch: Callable[..., Monitor], log: Place, witness: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "NOTES_MAX", 20)
    witness.clear()
    made = watch()
    for size in range(300, 340):
        log.show(size)
        look(made)
    assert len(watch().kept.seen) <= 20
    witness.show(303, FORKED).only_checkpoint()  # a size whose note is no longer there
    caught(watch())


def test_a_crash_while_notes_are_dropped_loses_no_state(
    watch: Callable[..., Monitor], log: Place, witness: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "NOTES_MAX", 8)
    made = watch()
    for size in range(301, 309):  # nobody gives tiles of these
        witness.show(size).only_checkpoint()
        look(made)
    log.show(320)
    put = evidence.put
    for fails in (sightings.STATE, sightings.NOTES):

        def dying(path: Path, content: bytes, fails: str = fails) -> None:
            if path.name == fails:
                raise KeyboardInterrupt
            put(path, content)

        monkeypatch.setattr(evidence, "put", dying)
        with pytest.raises(KeyboardInterrupt):
            look(made)
        monkeypatch.setattr(evidence, "put", put)
        made = watch()
    look(made)
    assert made.kept.top is not None
    assert made.kept.top.said.size == 320


def test_hashes_that_are_lost_here_are_read_again(
    watch: Callable[..., Monitor], log: Place, witness: Place, tmp_path: Path
) -> None:
    log.show(700)
    assert not look(watch())
    shutil.rmtree(tmp_path / "state" / "tile")
    witness.show(299).only_checkpoint()
    assert told(look(watch(), NOW + 10)) == [("warn", "stale")]
    witness.show(298, FORKED).only_checkpoint()
    caught(watch(), NOW + 20)


# What others state about a party.


def metal() -> tuple[harness.TestLedger, Place]:
    """TONGLING sells to HEFEI, which melts and certifies; files of the log."""
    log, _ = harness.smelter(1)
    place = Place("https://log.example")
    place.update(logs.static(log.leaves, log.checkpoint()))
    return log, place


def concerned(
    log: harness.TestLedger, place: Place, state: Path, party: str, *keys: str
) -> list[Finding]:
    place.update(logs.static(log.leaves, log.checkpoint()))
    policy = log.policy()
    made = monitor.open_monitor(state, policy, [place.source], party=party, own_keys=keys)
    return look(made)


def test_a_seller_sees_its_metal_go_on_and_only_registrations_are_worth_a_look(
    tmp_path: Path,
) -> None:
    log, place = metal()
    own = harness.kid_of(log.keys["TONGLING"][0])
    found = concerned(log, place, tmp_path, "TONGLING")
    looks = {str(finding.concern) for finding in found if finding.level == "look"}
    assert looks == {
        f"entry 1: party_registered by OPERATOR: key {own}",
        "entry 4: site_registered by OPERATOR: site TL01",
    }
    expected = [finding.concern for finding in found if finding.level == "expected"]
    assert {(c.kind, c.party) for c in expected if c} == {
        ("lot_arrived", "HEFEI"), ("run_recorded", "HEFEI"),
    }  # fmt: skip
    assert not concerned(log, place, tmp_path, "TONGLING"), "each is told once"


def test_a_party_that_nobody_registered_is_told_until_somebody_does(tmp_path: Path) -> None:
    log, place = metal()
    for _ in range(2):
        (finding,) = concerned(log, place, tmp_path, "TONGLNIG")
        assert finding.level == "warn"
        assert finding.message == "no entry registers the party TONGLNIG: is it spelt so?"
    assert all(f.level != "warn" for f in concerned(log, place, tmp_path / "o", "OPERATOR"))


def test_a_key_that_the_operator_adds_in_a_partys_name_is_told(tmp_path: Path) -> None:
    log, place = metal()
    own = harness.kid_of(log.keys["TONGLING"][0])
    concerned(log, place, tmp_path, "TONGLING", own)
    intruder = harness.private_key("intruder")
    body = {"party": "TONGLING", "custody": "operator", **log.new_key("TONGLING", intruder)}
    added = log.state("key_added", body)
    log.keys["TONGLING"].insert(0, intruder)
    forged = log.receive("TL01/GHOST", "5 t", {"Al": "90 %"}, {"POST": "100 %"})
    told_ = [str(finding.concern) for finding in concerned(log, place, tmp_path, "TONGLING", own)]
    kid = harness.kid_of(intruder)
    assert told_ == [
        f"entry {added.n}: key_added by OPERATOR: key {kid}",
        f"entry {forged.n}: lot_received by TONGLING: unknown key {kid}",
    ]


def test_certificates_of_a_party_are_followed(tmp_path: Path) -> None:
    log, issued = harness.smelter(1)
    place = Place("https://log.example")
    serial = log.serial(issued)
    holder = [str(f.concern) for f in concerned(log, place, tmp_path / "c", "CABLE")][-1]
    assert holder == f"entry {issued.n}: certificate_issued by HEFEI: holder {serial}"
    concerned(log, place, tmp_path / "h", "HEFEI")
    consent = log.consent(issued, "CABLE")
    gone = log.revoke(issued, consent=consent)
    (finding,) = concerned(log, place, tmp_path / "c", "CABLE")
    assert (finding.level, str(finding.concern)) == (
        "look", f"entry {gone.n}: certificate_revoked by HEFEI: certificate held {serial}",
    )  # fmt: skip


def test_no_kind_of_an_expected_touch_is_mistyped() -> None:
    assert set(concerns.EXPECTED) <= events.SITE_KINDS | {"lot_returned", "certificate_revoked"}


# The command.


def test_the_command_tells_in_lines_and_by_its_exit_status(
    tmp_path: Path, log: Place, witness: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {logs.VERIFIER.vkey}\noperator {'A' * 43}\nquorum none\n")
    with logs.serve(log.get) as web, logs.serve(witness.get) as other:

        def run(*more: str) -> tuple[int, list[str], str]:
            status = cli.main(
                ["monitor", "--url", web.url, "--url", f"{other.url}/checkpoint", "--policy",
                 str(policy), "--state", str(tmp_path / "state"), "--once", *more]
            )  # fmt: skip
            out, err = capsys.readouterr()
            return status, out.splitlines(), err

        status, out, _ = run("--api-key", "rmk_key")
        assert (status, out) == (0, [f"{logs.ORIGIN}: 300 entries; checkpoints of one history: 1"])
        assert {key for _, key in web.asked} == {"Bearer rmk_key"}
        status, out, err = run("--own-key", "abc")
        assert (status, out) == (1, [])
        assert "own_key: 'abc', want the thumbprint of a key: 43 characters" in err
        assert {key for _, key in other.asked} == {""}
        status, out, _ = run("--max-age", "1h", "--json")
        assert status == 1
        assert [orjson.loads(line)["level"] for line in out] == ["alarm", "ok"]
        witness.show(300, FORKED)
        status, out, err = run("--json")
        assert status == 1
        notes = {orjson.loads(line)["note"] for line in out}
        assert notes == {log["checkpoint"].decode(), witness["checkpoint"].decode()}
        assert "LOG_FORKED" in err
        status, out, err = run()
        assert (status, out) == (1, [])
        assert "evidence of a fork lies here" in err
        assert run("--max-age", "soon")[0] == 1


def test_roots_are_what_the_fork_is_about() -> None:
    assert tree.root([*map(tree.leaf_hash, ENTRIES)]) != tree.root([*map(tree.leaf_hash, FORKED)])
