"""A dossier with one byte changed, taken out or put in: none says the same and is accepted.

The smallest honest dossier is tried at every byte, an example's at places drawn by a seed. What a
change left alone is not parsed or verified anew each time: the functions that do it are pure.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import entry
from ledger.book import encoding, events
from ledger.certificate import policy, verdict, verify
from ledger.exchange import story
from ledger.tlog import cosignature
from tests import harness

STORY = Path(__file__).parents[4] / "examples" / "aluminium" / "story.toml"
SEEN = {"w1": 1_772_409_600, "a1": 1_772_409_660}
SAMPLE = 2_000
# To a byte one may do this; which is which the dossier of a story draws.
CHANGES = ("xor 1", "xor 32", "delete", "double")


once = functools.lru_cache(maxsize=1_000)


@pytest.fixture(autouse=True)
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_vkey = cosignature.parse_vkey

    def cosigner(vkey: str) -> cosignature.Cosigner:
        made = parse_vkey(vkey)
        return replace(made, holds=once(made.holds))

    monkeypatch.setattr(cosignature, "parse_vkey", once(cosigner))
    monkeypatch.setattr(entry, "parse", once(entry.parse))


def changed(data: bytes, change: str, at: int) -> bytes:
    here = data[at : at + 1]
    put = {
        "xor 1": bytes([here[0] ^ 1]), "xor 32": bytes([here[0] ^ 32]), "delete": b"",
        "double": here * 2,
    }  # fmt: skip
    return data[:at] + put[change] + data[at + 1 :]


def everywhere(data: bytes) -> Iterator[bytes]:
    """Every byte changed in two ways, every byte gone, a byte put in at every place."""
    for at in range(len(data)):
        for change in CHANGES:
            yield changed(data, change, at)
    yield data + b"}"


def buyer(log: harness.TestLedger) -> policy.Policy:
    """A policy that names everybody who signed the checkpoint, so that no line of it is free."""
    verifier = log.signer.verifier
    return log.policy(
        logs=(policy.Log(replace(verifier, check=once(verifier.check))),),
        witnesses=tuple(policy.Witness(n, harness.witness(n).cosigner.vkey) for n in SEEN),
        groups=(policy.Group("auditors", 1, ("a1",)), policy.Group("both", 2, ("w1", "auditors"))),
        quorum="both",
    )


def tried(
    attempts: Iterable[bytes], read: policy.Policy
) -> tuple[list[verdict.Verdict], Counter[int]]:
    """The verdicts that refuse nothing, and how many attempts ended at each step."""
    through, steps = [], Counter[int]()
    for data in attempts:
        found = verify.verify(data, read)
        if found.refusal is None:
            through.append(found)
        else:
            assert found.status in (verdict.REFUSED, verdict.UNREADABLE)
            steps[found.refusal.step] += 1
    return through, steps


def smallest() -> tuple[harness.TestLedger, bytes]:
    """A receipt and the certificate on it, with what these rest on: five entries."""
    log = harness.TestLedger()
    log.party("HEFEI")
    log.site("HF01", "HEFEI")
    issued = harness.certified(log)
    return log, log.dossier(issued, checkpoint=harness.cosigned(log.checkpoint(), SEEN))


def test_no_byte_of_the_smallest_dossier_can_be_changed_taken_out_or_put_in() -> None:
    log, data = smallest()
    assert len(data) <= 10_000
    read = buyer(log)
    assert verify.verify(data, read).status == verdict.MEETS_POLICY
    through, steps = tried(everywhere(data), read)
    assert not through
    assert steps.total() == 4 * len(data) + 1
    assert set(steps) == {1, 2, 3, 4, 5}


def test_lines_of_keys_that_the_policy_does_not_name_are_nobodys_word() -> None:
    """The one place where bytes are free: docs/format.md, What nothing vouches for."""
    log, data = smallest()
    read = buyer(log)
    said = verify.verify(data, read)
    line = harness.cosigned(log.checkpoint(), {"unknown": 1}).splitlines(keepends=True)[-1]
    line = line.replace(b"\n", b"\\n")
    at = data.index(b'","disclosures"')
    for put in (line, line * 2):
        assert verify.verify(data[:at] + put + data[at:], read) == said
    within = (
        data[:at] + other + data[at:]
        for n in range(len(line))
        for other in (changed(line, change, n) for change in CHANGES)
    )
    through, steps = tried(within, read)
    assert all(found == said for found in through)
    assert len(through) > len(line)
    assert set(steps) <= {1, 2}


def told() -> tuple[harness.TestLedger, list[entry.Entry]]:
    """An example's story in a log with real keys, and the certificates in it."""
    log, issued = harness.TestLedger(), []
    for event in story.load(STORY.read_text("utf-8")).events:
        body = dict(event["body"])
        if event["kind"] == "party_registered":
            key = harness.private_key(body["party"])
            log.keys[body["party"]] = [key]
            body |= log.new_key(body["party"], key)
        at_ms = events.parse(encoding.canonical(event), signed=False, trial=True).occurred_at_ms
        log.clock_ms = max(log.clock_ms, at_ms)
        found = log.record({**event, "body": body})
        issued += [found] if event["kind"] == "certificate_issued" else []
    return log, issued


def test_no_byte_of_an_examples_dossier_that_a_seed_draws_can_be_changed() -> None:
    log, issued = told()
    signed = harness.cosigned(log.checkpoint(), dict.fromkeys(SEEN, log.clock_ms // 1000))
    data = min((log.dossier(found, checkpoint=signed) for found in issued), key=len)
    read = buyer(log)
    assert verify.verify(data, read).status == verdict.MEETS_POLICY
    draw = random.Random("one byte")
    drawn = ((draw.choice(CHANGES), draw.randrange(len(data))) for _ in range(SAMPLE))
    through, steps = tried((changed(data, *one) for one in drawn), read)
    assert not through
    assert steps.total() == SAMPLE
    assert {1, 4} <= steps.keys()
