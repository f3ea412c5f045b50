"""The witness protocol: the worked request to the byte, every status, every answer, split views."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import checkpoint, cosignature, note, proof, tree, witness
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import (
    LOG,
    NOTE_15,
    ORIGIN,
    PQ_KEY,
    SUBTREE,
    W1,
    W1_KEY,
    W1_TIME,
)  # fmt: skip

LOGS = {ORIGIN: [LOG]}
SIGNER = note.parse_skey(vectors.SKEY)
HASHES_6_15 = """
ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4= nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=
zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co= 5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks="""
BODY = b"old 6\n" + "\n".join(HASHES_6_15.split()).encode() + b"\n\n" + NOTE_15
REQUEST = witness.make_request(6, NOTE_15, SUBTREE)


def asked(old_size: int, size: int) -> witness.Request:
    return witness.make_request(old_size, vectors.signed(size), SUBTREE)


def parse_code(body: bytes) -> str:
    return vectors.refusal(lambda: witness.parse_request(body))


def refused(stored: checkpoint.Checkpoint | None, request: witness.Request) -> witness.Refused:
    decision = witness.decide(stored, request, LOGS)
    assert isinstance(decision, witness.Refused)
    return decision


def accepted(stored: checkpoint.Checkpoint | None, request: witness.Request) -> witness.Accepted:
    decision = witness.decide(stored, request, LOGS)
    assert isinstance(decision, witness.Accepted), decision
    return decision


# The request.


def test_worked_request_from_6_to_15_is_made_byte_for_byte() -> None:
    body = witness.format_request(REQUEST)
    assert body == BODY
    assert len(body) == 383
    assert sha256(body).hexdigest() == (
        "7c35dfe1ad251897a3d3f19b1af478881838d033d7b5317856f1ecc144f5bbc7"
    )
    assert witness.parse_request(body) == REQUEST
    assert REQUEST.claimed == vectors.head(15)


def test_requests_from_nothing_and_from_the_same_size_have_no_hashes() -> None:
    assert witness.format_request(asked(0, 15)) == b"old 0\n\n" + NOTE_15
    assert witness.format_request(asked(15, 15)) == b"old 15\n\n" + NOTE_15
    assert vectors.refusal(lambda: asked(15, 6)) == "PROOF_INVALID"
    assert vectors.refusal(lambda: witness.make_request(6, b"x", SUBTREE)) == "NOTE_INVALID"


def test_monitors_find_a_log_by_the_hash_of_its_origin() -> None:
    assert witness.monitoring_path(ORIGIN) == (
        "6994c64086cc171ca46c749d036fd313bac575a8b2b2a2b9874ef097775714d5/checkpoint"
    )


HASH = b64encode(bytes(32)) + b"\n"
MALFORMED = {
    "empty": b"",
    "a checkpoint alone": NOTE_15,
    "no old line": b"\n" + NOTE_15,
    "hashes alone": HASH + b"\n" + NOTE_15,
    "old of nothing": b"old \n\n" + NOTE_15,
    "no space": b"old6\n\n" + NOTE_15,
    "two spaces": b"old  6\n\n" + NOTE_15,
    "a space after": b"old 6 \n\n" + NOTE_15,
    "capitals": b"OLD 6\n\n" + NOTE_15,
    "leading 0": b"old 06\n\n" + NOTE_15,
    "plus": b"old +6\n\n" + NOTE_15,
    "minus": b"old -6\n\n" + NOTE_15,
    "underscore": b"old 1_0\n\n" + NOTE_15,
    "another script": "old ١\n\n".encode() + NOTE_15,
    "2^63": b"old 9223372036854775808\n\n" + NOTE_15,
    "CRLF": BODY.replace(b"\n", b"\r\n"),
    "CRLF in the first line": b"old 6\r\n\n" + NOTE_15,
    "two old lines": b"old 6\nold 6\n\n" + NOTE_15,
    "hash not base64": b"old 6\n!!\n\n" + NOTE_15,
    "hash without padding": b"old 6\n" + HASH.replace(b"=", b"") + b"\n" + NOTE_15,
    "hash with spare bits": b"old 6\n" + HASH.replace(b"A=", b"B=") + b"\n" + NOTE_15,
    "hash of 31 bytes": b"old 6\n" + b64encode(bytes(31)) + b"\n\n" + NOTE_15,
    "64 hashes": b"old 6\n" + HASH * 64 + b"\n" + NOTE_15,
    "no blank line": b"old 6\n" + NOTE_15,
    "two blank lines": b"old 6\n\n\n" + NOTE_15,
    "no checkpoint": b"old 6\n\n",
    "no signature": b"old 6\n\n" + vectors.TEXT_15,
    "no newline at the end": BODY[:-1],
    "bytes after the checkpoint": BODY + b"\n",
    "a note that is no checkpoint": b"old 6\n\nhi\n\n" + vectors.W1_LINE,
    "a megabyte": b"old 6\n" + HASH * 30000 + b"\n" + NOTE_15,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused_with_400(name: str) -> None:
    with pytest.raises(errors.ProofError) as caught:
        witness.parse_request(MALFORMED[name])
    assert caught.value.code == "NOTE_INVALID"
    answer = witness.malformed(caught.value)
    assert (answer.status, answer.content_type) == (400, "text/plain; charset=utf-8")
    assert 10 < len(answer.body) < 1000
    assert answer.body.endswith(b"\n")


def test_a_request_of_more_than_68_kib_is_refused_unread() -> None:
    with pytest.raises(errors.ProofError, match="bytes, want at most 69632"):
        witness.parse_request(b"\n" * 69633)
    with pytest.raises(errors.ProofError, match="no old size"):
        witness.parse_request(b"\n" * 69632)


def test_malformed_requests_are_so_for_the_reason_named() -> None:
    for good in (
        b"old 6\n\n" + NOTE_15,
        b"old 6\n" + HASH * 63 + b"\n" + NOTE_15,
        b"old 9223372036854775807\n\n" + NOTE_15,
    ):
        assert not parse_code(good)
        assert good not in MALFORMED.values()


@pytest.mark.parametrize(
    "bad",
    [
        replace(REQUEST, old_size=-1),
        replace(REQUEST, old_size=2**63),
        replace(REQUEST, hashes=(bytes(33),)),
        replace(REQUEST, hashes=(bytes(32),) * 64),
        replace(REQUEST, signed=vectors.TEXT_15),
        replace(REQUEST, signed=b"\n" + NOTE_15),
    ],
)
def test_a_request_that_would_not_read_back_is_not_written(bad: witness.Request) -> None:
    with pytest.raises(errors.ProofError):
        witness.format_request(bad)


@settings(deadline=None)
@given(
    st.builds(
        witness.Request,
        st.integers(0, tree.MAX_SIZE),
        st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
        st.sampled_from([NOTE_15, NOTE_15 + vectors.W1_LINE, vectors.signed(0)]),
    )
)
def test_every_request_reads_back_and_is_decided(request: witness.Request) -> None:
    assert witness.parse_request(witness.format_request(request)) == request
    for stored in (None, vectors.head(6), vectors.head(15)):
        decision = witness.decide(stored, request, LOGS)
        assert isinstance(decision, witness.Accepted) or decision.status in (400, 409, 422)


PARTS = [
    *(b"old 6\n", b"old 06\n", b"old 0\n", HASH, HASH[:-2] + b"\n", b"\n", b"\r\n", b"\xff"),
    *(NOTE_15, NOTE_15[:-1], vectors.W1_LINE),
]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(PARTS), max_size=6))
def test_bytes_that_are_taken_for_a_request_are_the_one_way_to_write_it(parts: list[bytes]) -> None:
    body = b"".join(parts)
    code = parse_code(body)
    assert code in ("", "NOTE_INVALID")
    if not code:
        assert witness.format_request(witness.parse_request(body)) == body


# The decision.


def test_worked_request_is_accepted_by_a_witness_at_6_and_cosigned() -> None:
    decision = accepted(vectors.head(6), REQUEST)
    assert decision.seen == vectors.head(15)
    assert decision.opened.text == vectors.TEXT_15
    assert witness.cosign(decision, [W1_KEY], W1_TIME) == vectors.W1_LINE


def test_first_request_needs_no_proof_and_a_repeated_one_is_cosigned_again() -> None:
    for size in (0, 1, 15):
        assert accepted(None, asked(0, size)).seen == vectors.head(size)
        assert accepted(vectors.head(size), asked(size, size)).seen == vectors.head(size)
    assert accepted(vectors.head(0), asked(0, 15)).seen == vectors.head(15)


def test_every_step_of_a_growing_log_is_accepted() -> None:
    for old in range(16):
        for size in range(old, 16):
            assert accepted(vectors.head(old), asked(old, size)).seen.size == size


def test_unknown_origin_is_404() -> None:
    decision = witness.decide(None, REQUEST, {"other.example/log": [LOG]})
    assert isinstance(decision, witness.Refused)
    assert decision.status == 404
    assert ORIGIN.encode() in decision.body


def test_no_signature_by_a_trusted_key_or_a_bad_one_is_403() -> None:
    stranger = note.parse_skey(note.generate_skey(ORIGIN, bytes(32)))
    foreign = checkpoint.sign_checkpoint(vectors.head(15), [stranger])
    assert refused(vectors.head(6), replace(REQUEST, signed=foreign)).status == 403
    only_witnessed = vectors.TEXT_15 + b"\n" + vectors.W1_LINE
    assert refused(vectors.head(6), replace(REQUEST, signed=only_witnessed)).status == 403
    bad = NOTE_15 + NOTE_15.split(b"\n\n")[1].replace(b"M9e0lu", b"M9e0lv")
    assert refused(vectors.head(6), replace(REQUEST, signed=bad)).status == 403
    both = checkpoint.sign_checkpoint(vectors.head(15), [stranger, SIGNER])
    assert accepted(vectors.head(6), replace(REQUEST, signed=both)).seen == vectors.head(15)
    decision = witness.decide(vectors.head(6), REQUEST, {ORIGIN: []})
    assert isinstance(decision, witness.Refused)
    assert decision.status == 403


def test_trusted_key_of_another_log_is_403() -> None:
    other = note.parse_skey(note.generate_skey("other.example/log", bytes(32)))
    forged = checkpoint.sign_checkpoint(vectors.head(15), [other])
    logs = {ORIGIN: [LOG], "other.example/log": [other.verifier]}
    decision = witness.decide(None, witness.Request(0, (), forged), logs)
    assert isinstance(decision, witness.Refused)
    assert decision.status == 403


def test_old_size_above_the_checkpoint_is_400() -> None:
    for stored in (None, vectors.head(6), vectors.head(15), vectors.head(14)):
        assert refused(stored, replace(asked(14, 14), old_size=15)).status == 400


@pytest.mark.parametrize(
    ("stored", "old", "size", "want"),
    [
        (6, 0, 15, 6),
        (6, 5, 15, 6),
        (6, 7, 15, 6),
        (15, 6, 8, 15),
        (8, 8 - 1, 7, 8),
        (None, 6, 8, 0),
    ],
)
def test_another_old_size_than_the_stored_one_is_409_with_the_stored_one(
    stored: int | None, old: int, size: int, want: int
) -> None:
    last = None if stored is None else vectors.head(stored)
    decision = refused(last, asked(old, size))
    assert (decision.status, decision.size) == (409, want)
    assert decision.content_type == "text/x.tlog.size"
    assert decision.body == b"%d\n" % want


def fork(size: int) -> bytes:
    """The log's own signature under another tree of that size."""
    return checkpoint.sign_checkpoint(
        replace(vectors.head(size), root=sha256(b"fork").digest()), [SIGNER]
    )


def test_a_tree_that_is_no_successor_is_422() -> None:
    hashes = REQUEST.hashes
    for stored, request in [
        (vectors.head(6), replace(REQUEST, hashes=hashes[:-1])),
        (vectors.head(6), replace(REQUEST, hashes=(*hashes, bytes(32)))),
        (vectors.head(6), replace(REQUEST, hashes=())),
        (vectors.head(6), replace(REQUEST, hashes=hashes[::-1])),
        (vectors.head(6), replace(REQUEST, signed=fork(15))),
        (replace(vectors.head(6), root=bytes(32)), REQUEST),
        (vectors.head(15), replace(asked(15, 15), signed=fork(15))),
        (vectors.head(15), replace(asked(15, 15), hashes=(bytes(32),))),
        (None, replace(asked(0, 15), hashes=(bytes(32),))),
        (None, replace(asked(0, 0), signed=fork(0))),
        (vectors.head(0), replace(asked(0, 0), signed=fork(0))),
        (vectors.head(0), replace(asked(0, 0), hashes=(bytes(32),))),
    ]:
        decision = refused(stored, request)
        assert (decision.status, decision.size) == (422, None)
        assert decision.body.startswith(b"consistency: ")


def test_status_of_several_faults_is_that_of_the_first_step() -> None:
    everything = witness.Request(99, (bytes(32),), fork(15).replace(b"\n15\n", b"\n16\n"))
    unknown = witness.decide(vectors.head(6), everything, {})
    assert isinstance(unknown, witness.Refused)
    assert unknown.status == 404
    assert refused(vectors.head(6), everything).status == 403
    assert refused(vectors.head(6), replace(everything, signed=fork(15))).status == 400
    assert refused(vectors.head(6), witness.Request(7, (), fork(15))).status == 409
    assert refused(vectors.head(6), witness.Request(6, (), fork(15))).status == 422


def test_the_stored_checkpoint_of_another_log_is_a_fault_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="of another log"):
        witness.decide(replace(vectors.head(6), origin="other.example"), REQUEST, LOGS)


def test_a_log_with_two_trees_gets_only_one_of_them_cosigned() -> None:
    """Shown either tree in any order, a witness keeps to the one it cosigned first."""
    leaves = [*vectors.LEAVES[:9], *(tree.leaf_hash(b"evil %d" % n) for n in range(6))]
    trees = (vectors.LEAVES, leaves)
    subtrees = tuple(map(proof.subtree_from_leaves, trees))
    rng = random.Random(7)
    for _ in range(30):
        stored: checkpoint.Checkpoint | None = None
        cosigned: list[checkpoint.Checkpoint] = []
        for _ in range(40):
            side, size = rng.randrange(2), rng.randrange(1, 16)
            head = checkpoint.Checkpoint(ORIGIN, size, tree.root(trees[side][:size]))
            old = stored.size if stored else 0
            if old > size:
                continue
            signed = checkpoint.sign_checkpoint(head, [SIGNER])
            request = witness.make_request(old, signed, subtrees[side])
            decision = witness.decide(stored, request, LOGS)
            if isinstance(decision, witness.Accepted):
                stored = decision.seen
                cosigned.append(stored)
        assert cosigned
        assert any(
            all(seen.root == tree.root(side[: seen.size]) for seen in cosigned) for side in trees
        )


def test_cosigned_by_two_keys_is_two_lines() -> None:
    body = witness.cosign(accepted(vectors.head(6), REQUEST), [W1_KEY, PQ_KEY], W1_TIME)
    assert body.startswith(vectors.W1_LINE)
    assert len(note.parse_signatures(body)) == 2
    answer = witness.read_answer(200, "", body, REQUEST, {"w1": W1, "pq": PQ_KEY.cosigner})
    assert {name: found.time for name, found in answer.cosignatures.items()} == {
        "w1": W1_TIME,
        "pq": W1_TIME,
    }


# The answers.


def read(status: int, content_type: str = "", body: bytes = b"") -> witness.Answer:
    return witness.read_answer(status, content_type, body, REQUEST, {"w1": W1})


def test_cosignature_that_comes_back_goes_under_the_checkpoint() -> None:
    answer = read(200, "text/plain", vectors.W1_LINE)
    assert answer.kind == "cosigned"
    assert answer.cosignatures["w1"].time == W1_TIME
    line = cosignature.format_cosignature(answer.cosignatures["w1"])
    opened = note.open_note(NOTE_15, [LOG])
    cosigned = note.format_note(opened.text, [*opened.verified_signatures, line])
    assert cosigned == NOTE_15 + vectors.W1_LINE


def test_lines_by_unknown_keys_are_ignored_beside_a_known_one() -> None:
    other = cosignature.key_from_seed("w2", cosignature.ED25519, bytes(32))
    stray = note.format_signature(cosignature.cosign(vectors.TEXT_15, other, 1))
    for body in (stray + vectors.W1_LINE, vectors.W1_LINE + stray):
        assert list(read(200, "", body).cosignatures) == ["w1"]
    assert read(200, "", stray).kind == "refused"


@vectors.needs_ml_dsa
def test_an_answer_of_more_than_64_kib_is_refused_unread() -> None:
    stray = note.format_signature(cosignature.cosign(vectors.TEXT_15, PQ_KEY, 1))
    assert read(200, "", vectors.W1_LINE + stray * 15).kind == "cosigned"
    answer = read(200, "", vectors.W1_LINE + stray * 30)
    assert answer.kind == "refused"
    assert "bytes" in answer.why


def elsewhere() -> bytes:
    """What would read as a note of another text if it were put under ours as it is."""
    text = vectors.TEXT_15 + b"\nanother checkpoint\n"
    signature = W1_KEY.sign(b"cosignature/v1\ntime 1\n" + text)
    line = note.Signature(W1.name, W1.key_id, (1).to_bytes(8, "big") + signature)
    return b"another checkpoint\n\n" + note.format_signature(line)


def untimed() -> bytes:
    signature = W1_KEY.sign(b"cosignature/v1\ntime 0\n" + vectors.TEXT_15)
    return note.format_signature(note.Signature(W1.name, W1.key_id, bytes(8) + signature))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"ok\n",
        vectors.W1_LINE[:-1],
        vectors.W1_LINE + b"\n",
        b"\n" + vectors.W1_LINE,
        vectors.W1_LINE.replace(b"\n", b"\r\n"),
        vectors.W1_LINE.replace(b"8Ksal", b"8Ksam"),
        vectors.W1_LINE + vectors.W1_LINE.replace(b"8Ksal", b"8Ksam"),
        vectors.W1_LINE * 101,
        vectors.W1_LINE + b"\xff\n",
        NOTE_15 + vectors.W1_LINE,
        elsewhere(),
        untimed(),
        b"x" * 70000,
    ],
)
def test_anything_else_with_status_200_is_refused(body: bytes) -> None:
    answer = read(200, "text/plain", body)
    assert answer.kind == "refused"
    assert answer.why.startswith("status 200")
    assert not answer.cosignatures


@pytest.mark.parametrize(
    ("body", "kind", "size"),
    [
        (b"0\n", "resend", 0),
        (b"8\n", "resend", 8),
        (b"15\n", "resend", 15),
        (b"16\n", "ahead", 16),
        (b"9223372036854775807\n", "ahead", 2**63 - 1),
        (b"6\n", "conflict", 6),
        (b"", "conflict", None),
        (b"8", "conflict", None),
        (b"08\n", "refused", None),
        (b"+8\n", "refused", None),
        (b"9223372036854775808\n", "refused", None),
        (b"8\n8\n", "refused", None),
    ],
)
def test_409_says_where_the_witness_is(body: bytes, kind: str, size: int | None) -> None:
    for content_type in ("text/x.tlog.size", "Text/X.tlog.size; charset=utf-8"):
        answer = read(409, content_type, body)
        assert (answer.kind, answer.size) == (kind, size)
    assert read(409, "text/plain", body).kind == "conflict"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "refused"),
        (403, "refused"),
        (404, "refused"),
        (413, "refused"),
        (301, "refused"),
        (204, "refused"),
        (422, "conflict"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
    ],
)
def test_other_statuses_say_whether_to_ask_again(status: int, kind: str) -> None:
    answer = read(status, "text/plain", b"because\n")
    assert (answer.kind, answer.why) == (kind, f"status {status}: because")
    assert read(status, "", b"\xff" * 5000).kind == kind
    assert len(read(status, "", b"\xff" * 5000).why) < 300


def test_log_and_witness_understand_each_other_from_any_size() -> None:
    for at in range(16):
        request = asked(0, 15)
        for _ in range(2):
            decision = witness.decide(vectors.head(at) if at else None, request, LOGS)
            if isinstance(decision, witness.Accepted):
                body = witness.cosign(decision, [W1_KEY], W1_TIME)
                answer = witness.read_answer(200, "", body, request, {"w1": W1})
                break
            answer = witness.read_answer(
                decision.status, decision.content_type, decision.body, request, {"w1": W1}
            )
            assert (answer.kind, answer.size) == ("resend", at)
            request = asked(at, 15)
        assert answer.kind == "cosigned"


@settings(deadline=None, max_examples=300)
@given(
    st.integers(100, 599),
    st.sampled_from(["", "text/plain", "text/x.tlog.size"]),
    st.one_of(st.binary(max_size=200), st.integers(-5, 2**64).map(lambda n: b"%d\n" % n)),
)
def test_no_answer_breaks_the_log(status: int, content_type: str, body: bytes) -> None:
    answer = read(status, content_type, body)
    assert answer.kind != "cosigned"
    assert answer.size is None or status == 409
