"""Cosignatures: Sunlight's vector and our own to the byte, both key types, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import checkpoint, cosignature, note
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import PQ_KEY, TEXT_15, W1, W1_KEY, W1_TIME, needs_ml_dsa

W2_KEY = cosignature.key_from_seed("witness.example/w2", cosignature.ED25519, bytes(32))
W2 = W2_KEY.cosigner
PQ = PQ_KEY.cosigner
COSIGNED_15 = vectors.NOTE_15 + vectors.W1_LINE
MESSAGE_PQ = (
    "737562747265652f76310a00127769746e6573732e6578616d706c652f7731000000006553f100186578616d706c"
    "652e636f6d2f6c6f672f74657374646174610000000000000000000000000000000faca6c38a90af86e5f5199ee0"
    "e4105ef2c03a05b27b8daff59e4e36eefdfcddcb"
)


def times(signed: bytes, **witnesses: cosignature.Cosigner) -> dict[str, int]:
    return cosignature.verify_cosignatures(note.parse_note(signed), witnesses)


def code_of(signed: bytes, **witnesses: cosignature.Cosigner) -> str:
    with pytest.raises(errors.ProofError) as caught:
        times(signed, **witnesses)
    return caught.value.code


def under_15(*lines: note.Signature) -> bytes:
    return note.format_note(TEXT_15, lines)


def at(key: cosignature.CosigningKey, time: int) -> note.Signature:
    return cosignature.cosign(TEXT_15, key, time)


def test_cosignature_of_sunlight_verifies() -> None:
    cosigner = cosignature.parse_vkey(vectors.ROME_VKEY)
    signed = vectors.ROME_TEXT + b"\n" + vectors.ROME_LINE
    assert times(signed, rome=cosigner) == {"rome": 1767139200}
    assert code_of(signed.replace(b"300", b"301"), rome=cosigner) == "SIGNATURE_INVALID"


def test_worked_cosignature_is_made_byte_for_byte() -> None:
    assert W1_KEY.cosigner == W1
    assert W1_KEY.cosigner.vkey == vectors.W1_VKEY
    line = at(W1_KEY, W1_TIME)
    assert note.format_signature(line) == vectors.W1_LINE
    assert times(COSIGNED_15, w1=W1) == {"w1": W1_TIME}


@needs_ml_dsa
def test_worked_ml_dsa_key_and_message_are_the_known_ones() -> None:
    assert sha256(PQ.public_key).hexdigest() == (
        "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46"
    )
    assert PQ.key_id.hex() == "dcccf9ec"
    message = cosignature.message(PQ, TEXT_15, W1_TIME)
    assert message.hex() == MESSAGE_PQ
    assert len(message) == 112


@needs_ml_dsa
def test_ml_dsa_cosignature_that_go_made_verifies() -> None:
    """The same seed, time and checkpoint; signed by crypto/mldsa of Go 1.27, deterministically."""
    signed = (Path(__file__).parent / "checkpoint_15_ml_dsa.note").read_bytes()
    assert signed.startswith(COSIGNED_15)
    assert times(signed, ed25519=W1, ml_dsa=PQ) == {"ed25519": W1_TIME, "ml_dsa": W1_TIME}


@needs_ml_dsa
def test_ml_dsa_cosignature_verifies_and_covers_all_but_extension_lines() -> None:
    line = at(PQ_KEY, W1_TIME)
    assert len(line.key_id + line.value) == 2432
    signed = under_15(line)
    assert times(signed, w1=PQ) == {"w1": W1_TIME}
    for old, new in ((b"\n15\n", b"\n16\n"), (b"example.com/", b"example.org/"), (b"rKb", b"rKa")):
        assert code_of(signed.replace(old, new, 1), w1=PQ) == "SIGNATURE_INVALID"
    extended = note.format_note(TEXT_15 + b"more\n", [line])
    assert times(extended, w1=PQ) == {"w1": W1_TIME}
    renamed = cosignature.parse_vkey(note.format_vkey("w2", PQ.algorithm, PQ.public_key))
    moved = note.Signature("w2", renamed.key_id, line.value)
    assert code_of(under_15(moved), w1=renamed) == "SIGNATURE_INVALID"  # the name is signed


def test_ed25519_cosignature_covers_extension_lines() -> None:
    text = TEXT_15 + b"more\n"
    signed = note.format_note(text, [cosignature.cosign(text, W1_KEY, 7)])
    assert times(signed, w1=W1) == {"w1": 7}
    assert code_of(signed.replace(b"more", b"mere"), w1=W1) == "SIGNATURE_INVALID"


# Keys.


@pytest.mark.parametrize("vkey", [vectors.W1_VKEY, vectors.ROME_VKEY, PQ.vkey])
def test_cosigner_keys_read_as_they_are_written(vkey: str) -> None:
    assert cosignature.parse_vkey(vkey).vkey == vkey


def refuses_key(vkey: str) -> bool:
    return vectors.refusal(lambda: cosignature.parse_vkey(vkey)) == "NOTE_INVALID"


def test_any_other_spelling_of_a_cosigner_key_is_refused() -> None:
    key = vectors.W1_VKEY
    pieces = {key[i:j] for i in range(len(key) + 1) for j in range(i, len(key) + 1)} - {key}
    assert all(map(refuses_key, pieces))
    for place, character in enumerate(key):
        for other in {chr(ord(character) + 1), chr(ord(character) ^ 1), chr(ord(character) ^ 32)}:
            assert refuses_key(key[:place] + other + key[place + 1 :]), (place, other)


@pytest.mark.parametrize(
    "vkey",
    [
        vectors.LOG.vkey,
        note.format_vkey("w", 0x04, bytes(31)),
        note.format_vkey("w", 0x04, bytes(1312)),
        note.format_vkey("w", 0x06, bytes(32)),
        note.format_vkey("w", 0x06, bytes(1311)),
        note.format_vkey("w", 0x02, bytes(32)),
        note.format_vkey("w" * 256, 0x06, bytes(1312)),
    ],
)
def test_keys_that_do_not_cosign_are_refused(vkey: str) -> None:
    assert refuses_key(vkey)


@pytest.mark.parametrize(
    ("name", "algorithm", "seed"),
    [
        ("w 1", 0x04, bytes(32)),
        ("", 0x06, bytes(32)),
        ("w", 0x01, bytes(32)),
        ("w", 0x04, bytes(31)),
        ("w", 0x06, bytes(33)),
        ("ż" * 128, 0x06, bytes(32)),
    ],
)
def test_cosigning_key_of_a_bad_name_type_or_seed_is_refused(
    name: str, algorithm: int, seed: bytes
) -> None:
    with pytest.raises(errors.ProofError) as caught:
        cosignature.key_from_seed(name, algorithm, seed)
    assert caught.value.code == "NOTE_INVALID"


def test_a_cosigning_key_is_never_shown() -> None:
    for key in (W1_KEY, PQ_KEY):
        assert vectors.SEED.hex() not in repr(key)
        assert "function" not in repr(key)
        assert "method" not in repr(key)


@needs_ml_dsa
def test_where_ml_dsa_is_not_to_be_had_its_keys_are_refused_and_ed25519_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(_: bytes) -> object:
        raise UnsupportedAlgorithm("linked with an old library")

    class Old:
        class MLDSA44PublicKey:
            from_public_bytes = staticmethod(cannot)

        class MLDSA44PrivateKey:
            from_seed_bytes = staticmethod(cannot)

    for absent in (None, Old):
        monkeypatch.setattr(cosignature, "mldsa", absent)
        for read in (
            lambda: cosignature.parse_vkey(PQ.vkey),
            lambda: cosignature.key_from_seed("w", cosignature.ML_DSA_44, bytes(32)),
        ):
            with pytest.raises(errors.ProofError, match="cryptography 48 or later") as caught:
                read()
            assert caught.value.code == "NOTE_INVALID"
        assert times(COSIGNED_15, w1=cosignature.parse_vkey(vectors.W1_VKEY)) == {"w1": W1_TIME}


def test_key_of_a_witness_does_not_count_as_the_logs() -> None:
    with pytest.raises(errors.ProofError):
        note.parse_vkey(vectors.W1_VKEY)
    only_witnessed = TEXT_15 + b"\n" + vectors.W1_LINE
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(only_witnessed, [vectors.LOG])
    assert caught.value.code == "CHECKPOINT_UNSIGNED"
    as_log = note.ed25519_verifier(W1.name, W1.public_key)  # the same key, as type 01
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(only_witnessed, [as_log])
    assert caught.value.code == "CHECKPOINT_UNSIGNED"
    relabelled = note.parse_signatures(vectors.W1_LINE)[0]
    moved = note.Signature(as_log.name, as_log.key_id, relabelled.value[8:])
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(under_15(moved), [as_log])
    assert caught.value.code == "SIGNATURE_INVALID"


def test_signature_of_the_log_does_not_count_as_a_witnesss() -> None:
    signature = note.open_note(vectors.NOTE_15, [vectors.LOG]).verified_signatures[0]
    as_witness = cosignature.parse_vkey(
        note.format_vkey(vectors.ORIGIN, cosignature.ED25519, vectors.LOG.public_key)
    )
    assert times(vectors.NOTE_15, log=as_witness) == {}
    for value in (signature.value, bytes(8) + signature.value):
        moved = note.Signature(vectors.ORIGIN, as_witness.key_id, value)
        assert code_of(under_15(moved), log=as_witness) == "SIGNATURE_INVALID"


# Reading the lines of a note.


def test_cosignatures_are_read_from_an_opened_note_as_well() -> None:
    _, opened = checkpoint.open_checkpoint(COSIGNED_15, [vectors.LOG], vectors.ORIGIN)
    assert cosignature.verify_cosignatures(opened, {"one": W1}) == {"one": W1_TIME}
    assert cosignature.verify_cosignatures(opened, {}) == {}


def test_unknown_lines_are_ignored_and_absent_witnesses_are_absent() -> None:
    assert times(COSIGNED_15, w2=W2) == {}
    assert times(COSIGNED_15, w1=W1, w2=W2, pq=PQ) == {"w1": W1_TIME}
    broken = vectors.W1_LINE.replace(b"519l", b"519m")  # another key id: somebody else's
    assert times(vectors.NOTE_15 + broken, w1=W1) == {}
    other_name = vectors.W1_LINE.replace(b"/w1", b"/w9")
    assert times(vectors.NOTE_15 + other_name, w1=W1) == {}


def test_both_keys_of_one_witness_are_told_apart() -> None:
    signed = under_15(at(PQ_KEY, 5), at(W1_KEY, 6), at(W2_KEY, 7))
    assert times(signed, pq=PQ, w1=W1, w2=W2) == {"pq": 5, "w1": 6, "w2": 7}


def test_one_bad_cosignature_of_a_known_witness_refuses_the_note() -> None:
    good = at(W1_KEY, W1_TIME)
    for value in (
        good.value[:-1],
        good.value + b"\0",
        good.value[8:],
        good.value[:64],
        b"\xff" + good.value[1:],
        (W1_TIME + 1).to_bytes(8, "big") + good.value[8:],
        good.value[:8] + bytes(64),
        good.value[:8] + bytes(2420),
    ):
        bad = note.Signature(good.name, good.key_id, value)
        assert code_of(under_15(bad), w1=W1) == "SIGNATURE_INVALID"
        assert code_of(under_15(good, bad), w1=W1) == "SIGNATURE_INVALID"
        assert code_of(under_15(at(W2_KEY, 1), bad), w1=W1, w2=W2) == "SIGNATURE_INVALID"
        assert times(under_15(at(W2_KEY, 1), bad), w2=W2) == {"w2": 1}


def test_a_key_counts_once_with_the_first_of_its_lines() -> None:
    assert times(under_15(at(W1_KEY, 9), at(W1_KEY, 8)), w1=W1) == {"w1": 9}


def test_one_key_under_two_names_is_refused() -> None:
    assert code_of(COSIGNED_15, a=W1, b=W1) == "NOTE_INVALID"
    # Ed25519 cosignatures do not sign the name: a second name would be a second vote for free.
    alias = cosignature.parse_vkey(note.format_vkey("alias", W1.algorithm, W1.public_key))
    moved = note.Signature("alias", alias.key_id, at(W1_KEY, 9).value)
    both = under_15(at(W1_KEY, 9), moved)
    assert code_of(both, a=W1, b=alias) == "NOTE_INVALID"


def test_two_keys_of_one_name_and_id_are_refused() -> None:
    vkeys = [note.format_vkey("w", 0x04, n.to_bytes(32, "big")) for n in (6094, 23356)]
    a, b = map(cosignature.parse_vkey, vkeys)
    assert (a.key_id, a.public_key != b.public_key) == (b.key_id, True)
    assert code_of(COSIGNED_15, a=a, b=b) == "NOTE_INVALID"


def test_only_checkpoints_are_cosigned() -> None:
    for text in (b"Not a checkpoint.\n", b"a\n01\n" + b64encode(bytes(32)) + b"\n", TEXT_15[:-1]):
        with pytest.raises(errors.ProofError) as caught:
            cosignature.cosign(text, W1_KEY, 1)
        assert caught.value.code == "NOTE_INVALID"
    other = note.format_note(b"Not a checkpoint.\n", [at(W1_KEY, 9)])
    assert code_of(other, w1=W1) == "NOTE_INVALID"


@pytest.mark.parametrize("time", [0, -1, 2**63, 2**64])
def test_a_time_that_is_none_is_not_signed(time: int) -> None:
    for key in (W1_KEY, PQ_KEY):
        with pytest.raises(errors.ProofError, match="not a time"):
            at(key, time)


@pytest.mark.parametrize("key", [W1_KEY, PQ_KEY])
def test_the_largest_time_is_signed_and_verifies(key: cosignature.CosigningKey) -> None:
    assert times(under_15(at(key, 2**63 - 1)), w=key.cosigner) == {"w": 2**63 - 1}


@needs_ml_dsa
def test_ml_dsa_cosignature_without_a_time_is_read_as_0() -> None:
    signature = PQ_KEY.sign(cosignature.message(PQ, TEXT_15, 0))
    line = note.Signature(PQ.name, PQ.key_id, bytes(8) + signature)
    assert times(under_15(line), w1=PQ) == {"w1": 0}


@needs_ml_dsa
def test_an_origin_too_long_for_ml_dsa_is_refused_not_cut() -> None:
    text = b"o" * 256 + TEXT_15.removeprefix(vectors.ORIGIN.encode())
    assert times(note.format_note(text, [cosignature.cosign(text, W1_KEY, 1)]), w1=W1) == {"w1": 1}
    with pytest.raises(errors.ProofError, match="checkpoint origin: 256 bytes"):
        cosignature.cosign(text, PQ_KEY, 1)
    stray = note.Signature(PQ.name, PQ.key_id, at(PQ_KEY, 1).value)
    assert code_of(note.format_note(text, [stray]), w1=PQ) == "SIGNATURE_INVALID"
    fits = text[1:]
    assert times(note.format_note(fits, [cosignature.cosign(fits, PQ_KEY, 3)]), w1=PQ) == {"w1": 3}


# Every form but one.


@settings(deadline=None)
@given(
    st.sampled_from(["a", "witness.example/w1", "日本"]),
    st.binary(min_size=4, max_size=4),
    st.integers(-(2**65), 2**65),
    st.sampled_from([0, 63, 64, 65, 2419, 2420, 2421]).map(bytes),
)
def test_every_cosignature_that_is_written_reads_back(
    name: str, key_id: bytes, time: int, signature: bytes
) -> None:
    made = cosignature.Cosignature(name, key_id, time, signature)
    fits = 0 <= time < 2**63 and len(signature) in (64, 2420)
    code = vectors.refusal(lambda: cosignature.format_cosignature(made))
    assert code == ("" if fits else "NOTE_INVALID")
    if fits:
        assert cosignature.parse_cosignature(cosignature.format_cosignature(made)) == made


@settings(deadline=None, max_examples=300)
@given(st.binary(min_size=71, max_size=73))
def test_bytes_that_are_taken_for_a_cosignature_are_the_one_way_to_write_it(value: bytes) -> None:
    line = note.Signature("w", bytes(4), value)
    code = vectors.refusal(lambda: cosignature.parse_cosignature(line))
    assert code in ("", "NOTE_INVALID")
    if not code:
        assert cosignature.format_cosignature(cosignature.parse_cosignature(line)) == line


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(COSIGNED_15) - 1), st.binary(max_size=2), st.integers(0, 2))
def test_edited_notes_are_refused_or_say_the_same(where: int, put: bytes, cut: int) -> None:
    edited = COSIGNED_15[:where] + put + COSIGNED_15[where + cut :]
    code = vectors.refusal(lambda: times(edited, w1=W1))
    assert code in ("", "NOTE_INVALID", "SIGNATURE_INVALID")
    if code:
        return
    found = times(edited, w1=W1)
    assert found in ({}, {"w1": W1_TIME})
    if found:  # then only the line of the log can have been touched
        assert edited.startswith(TEXT_15 + b"\n")
        assert vectors.W1_LINE in edited
