"""Proof files: the worked ones to the byte, verification, and every other spelling refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import checkpoint, cosignature, note, proof, proof_file, tree
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import LEAVES, LOG, NOTE_15

COSIGNED_15 = NOTE_15 + vectors.W1_LINE
PATH_2 = """
9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o= T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=
g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4= 5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks="""
PATH_14 = """
GiUtVP0XhIaZ/fl7ReMLgw+9YUtjFAt8kaTdfOe2u/I= 3cFRCtyHVxAUTugFyRgo30efbl+BVxdTQDIGg5H61SA=
bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY="""


def worked(index: int, path: str) -> proof_file.ProofFile:
    return proof_file.ProofFile(index, tuple(map(b64decode, path.split())), COSIGNED_15)


FILE_2 = worked(2, PATH_2)
BYTES_2 = proof_file.format_proof_file(FILE_2)


def made(index: int, size: int) -> proof_file.ProofFile:
    hashes = proof.inclusion(index, size, vectors.SUBTREE)
    return proof_file.ProofFile(index, tuple(hashes), vectors.signed(size))


def verify_code(
    file: proof_file.ProofFile, *logs: note.Verifier, leaf_hash: bytes = LEAVES[2]
) -> str:
    return vectors.refusal(lambda: proof_file.verify(file, logs or (LOG,), leaf_hash))


def parse_code(data: bytes) -> str:
    return vectors.refusal(lambda: proof_file.parse_proof_file(data))


def test_worked_file_is_the_known_one_and_verifies() -> None:
    assert len(BYTES_2) == 536
    assert sha256(BYTES_2).hexdigest() == (
        "0fc84591f35c182d9aac579ae3a2af9a37af1bcfee60b22d801c16d4a1545e6e"
    )
    assert proof_file.parse_proof_file(BYTES_2) == FILE_2
    seen, opened = proof_file.verify(FILE_2, [LOG], tree.leaf_hash(b"three"))
    assert (seen.origin, seen.size) == (vectors.ORIGIN, 15)
    assert cosignature.verify_cosignatures(opened, {"w1": vectors.W1}) == {"w1": vectors.W1_TIME}


def test_the_last_leaf_of_15_needs_three_hashes_only() -> None:
    file = worked(14, PATH_14)
    assert len(file.hashes) == 3
    assert file.hashes == made(14, 15).hashes
    assert proof_file.verify(file, [LOG], tree.leaf_hash(b"fivten"))[0].size == 15
    assert proof_file.parse_proof_file(proof_file.format_proof_file(file)) == file


def test_every_leaf_of_every_size_has_a_file_that_verifies_for_it_alone() -> None:
    for size in range(1, 16):
        for index in range(size):
            file = made(index, size)
            data = proof_file.format_proof_file(file)
            read = proof_file.parse_proof_file(data)
            assert proof_file.verify(read, [LOG], LEAVES[index])[0] == vectors.head(size)
            wrong = LEAVES[(index + 1) % 15]
            assert verify_code(read, LOG, leaf_hash=wrong) == "PROOF_INVALID"


def test_one_leaf_alone_has_a_file_without_hashes() -> None:
    data = proof_file.format_proof_file(made(0, 1))
    assert data.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com/log/testdata\n1\n")


def test_extra_data_is_carried_and_proves_nothing() -> None:
    file = replace(FILE_2, extra=b"age-v1.2.1")
    data = proof_file.format_proof_file(file)
    assert data == BYTES_2.replace(b"index", b"extra YWdlLXYxLjIuMQ==\nindex", 1)
    assert proof_file.parse_proof_file(data) == file
    for extra in (b"", b"anything", b"\0" * proof_file.MAX_EXTRA_BYTES):
        changed = replace(file, extra=extra)
        assert proof_file.parse_proof_file(proof_file.format_proof_file(changed)) == changed
        assert not verify_code(changed)
    too_much = replace(file, extra=bytes(proof_file.MAX_EXTRA_BYTES + 1))
    assert vectors.refusal(lambda: proof_file.format_proof_file(too_much)) == "NOTE_INVALID"


def test_a_proof_that_leads_elsewhere_is_refused() -> None:
    hashes = FILE_2.hashes
    for changed in (
        replace(FILE_2, index=3),
        replace(FILE_2, index=0),
        replace(FILE_2, index=15),
        replace(FILE_2, index=2**63 - 1),
        replace(FILE_2, hashes=hashes[:-1]),
        replace(FILE_2, hashes=(*hashes, bytes(32))),
        replace(FILE_2, hashes=hashes[::-1]),
        replace(FILE_2, hashes=()),
        replace(FILE_2, signed=vectors.signed(14)),
        replace(FILE_2, signed=vectors.signed(0)),
    ):
        assert verify_code(changed) == "PROOF_INVALID"
    assert verify_code(FILE_2, leaf_hash=b"") == "PROOF_INVALID"


def test_a_checkpoint_that_the_log_has_not_signed_is_refused() -> None:
    stranger = note.parse_skey(note.generate_skey(vectors.ORIGIN, bytes(32)))
    assert verify_code(FILE_2, stranger.verifier) == "CHECKPOINT_UNSIGNED"
    assert vectors.refusal(lambda: proof_file.verify(FILE_2, [], LEAVES[2])) == (
        "CHECKPOINT_UNSIGNED"
    )
    unsigned = replace(FILE_2, signed=vectors.TEXT_15 + b"\n" + vectors.W1_LINE)
    assert verify_code(unsigned) == "CHECKPOINT_UNSIGNED"
    other_root = replace(FILE_2, signed=COSIGNED_15.replace(b"\n15\n", b"\n16\n"))
    assert verify_code(other_root) == "SIGNATURE_INVALID"


def test_one_trusted_log_cannot_speak_for_another() -> None:
    other = note.parse_skey(note.generate_skey("other.example/log", bytes(32)))
    forged = checkpoint.sign_checkpoint(vectors.head(15), [other])
    assert verify_code(replace(FILE_2, signed=forged), LOG, other.verifier) == (
        "CHECKPOINT_UNSIGNED"
    )
    assert not verify_code(FILE_2, other.verifier, LOG)


HEAD = b"c2sp.org/tlog-proof@v1\n"
HASH = b64encode(bytes(32)) + b"\n"
MALFORMED = {
    "empty": b"",
    "blank lines": b"\n\n",
    "a checkpoint alone": NOTE_15,
    "another header": b"wrong-header\nindex 0\n\n" + NOTE_15,
    "another version": HEAD.replace(b"v1", b"v2") + b"index 0\n\n" + NOTE_15,
    "header and CRLF": HEAD.replace(b"\n", b"\r\n") + b"index 0\n\n" + NOTE_15,
    "a line before": b"\n" + HEAD + b"index 0\n\n" + NOTE_15,
    "no index": HEAD + b"\n" + NOTE_15,
    "no index but hashes": HEAD + HASH + b"\n" + NOTE_15,
    "no index but extra": HEAD + b"extra AA==\n\n" + NOTE_15,
    "index in words": HEAD + b"index notanumber\n\n" + NOTE_15,
    "index below 0": HEAD + b"index -5\n\n" + NOTE_15,
    "index with plus": HEAD + b"index +5\n\n" + NOTE_15,
    "index with leading 0": HEAD + b"index 05\n\n" + NOTE_15,
    "index with underscore": HEAD + b"index 1_0\n\n" + NOTE_15,
    "index in another script": HEAD + "index ١\n\n".encode() + NOTE_15,
    "index of 2^63": HEAD + b"index 9223372036854775808\n\n" + NOTE_15,
    "index and two spaces": HEAD + b"index  5\n\n" + NOTE_15,
    "index and a space after": HEAD + b"index 5 \n\n" + NOTE_15,
    "index of nothing": HEAD + b"index \n\n" + NOTE_15,
    "index twice": HEAD + b"index 5\nindex 5\n\n" + NOTE_15,
    "index and CRLF": HEAD + b"index 5\r\n\r\n" + NOTE_15,
    "extra after index": HEAD + b"index 5\nextra AA==\n\n" + NOTE_15,
    "extra twice": HEAD + b"extra AA==\nextra AA==\nindex 5\n\n" + NOTE_15,
    "extra not base64": HEAD + b"extra !!notbase64!!\nindex 0\n\n" + NOTE_15,
    "extra with spare bits": HEAD + b"extra AB==\nindex 0\n\n" + NOTE_15,
    "extra of nothing": HEAD + b"extra \nindex 0\n\n" + NOTE_15,
    "extra without space": HEAD + b"extra\nindex 0\n\n" + NOTE_15,
    "hash not base64": HEAD + b"index 0\n!!notbase64!!\n\n" + NOTE_15,
    "hash without padding": HEAD + b"index 0\n" + HASH.replace(b"=", b"") + b"\n" + NOTE_15,
    "hash with spare bits": HEAD + b"index 0\n" + HASH.replace(b"A=", b"B=") + b"\n" + NOTE_15,
    "hash of 64 bytes": HEAD + b"index 0\n" + b64encode(bytes(64)) + b"\n\n" + NOTE_15,
    "hash of 31 bytes": HEAD + b"index 0\n" + b64encode(bytes(31)) + b"\n\n" + NOTE_15,
    "hash and CRLF": HEAD + b"index 0\n" + HASH[:-1] + b"\r\n\n" + NOTE_15,
    "64 hashes": HEAD + b"index 0\n" + HASH * 64 + b"\n" + NOTE_15,
    "no blank line": HEAD + b"index 0\n" + NOTE_15,
    "two blank lines": HEAD + b"index 0\n\n\n" + NOTE_15,
    "no checkpoint": HEAD + b"index 0\n\n",
    "a text alone": HEAD + b"index 0\n\ncheckpoint\n",
    "a checkpoint without signature": HEAD + b"index 0\n\n" + vectors.TEXT_15,
    "a note that is no checkpoint": HEAD + b"index 0\n\nhi\n\n" + vectors.W1_LINE,
    "bytes after the checkpoint": HEAD + b"index 0\n\n" + NOTE_15 + b"\n",
    "no newline at the end": HEAD + b"index 0\n\n" + NOTE_15[:-1],
    "a line of 65 KiB": HEAD + b"index 0\n" + b"a" * 65 * 1024 + b"\n\n" + NOTE_15,
    "a megabyte": HEAD + b"extra " + b64encode(bytes(2**20)) + b"\nindex 0\n\n" + NOTE_15,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_file_is_refused(name: str) -> None:
    assert parse_code(MALFORMED[name]) == "NOTE_INVALID"


def test_malformed_files_are_so_for_the_reason_named() -> None:
    for good in (
        HEAD + b"index 0\n\n" + NOTE_15,
        HEAD + b"extra AA==\nindex 0\n\n" + NOTE_15,
        HEAD + b"index 5\n" + HASH * 63 + b"\n" + NOTE_15,
        HEAD + b"index 9223372036854775807\n\n" + NOTE_15,
    ):
        assert not parse_code(good)
        assert good not in MALFORMED.values()


@pytest.mark.parametrize(
    "bad",
    [
        replace(FILE_2, index=-1),
        replace(FILE_2, index=2**63),
        replace(FILE_2, hashes=(bytes(31),)),
        replace(FILE_2, hashes=(bytes(32),) * 64),
        replace(FILE_2, signed=vectors.TEXT_15),
        replace(FILE_2, signed=b""),
        replace(FILE_2, signed=b"\n" + NOTE_15),
    ],
)
def test_a_file_that_would_not_read_back_is_not_written(bad: proof_file.ProofFile) -> None:
    with pytest.raises(errors.ProofError) as caught:
        proof_file.format_proof_file(bad)
    assert caught.value.code == "NOTE_INVALID"


@settings(deadline=None)
@given(
    st.builds(
        proof_file.ProofFile,
        st.integers(0, tree.MAX_SIZE),
        st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
        st.sampled_from([NOTE_15, COSIGNED_15]),
        st.binary(max_size=100),
    )
)
def test_every_file_reads_back(file: proof_file.ProofFile) -> None:
    assert proof_file.parse_proof_file(proof_file.format_proof_file(file)) == file


PARTS = [
    *(b"c2sp.org/tlog-proof@v1\n", b"extra AA==\n", b"extra \n", b"index 2\n", b"index 02\n"),
    *(HASH, HASH[:-1] + b"\r\n", HASH[:-2] + b"\n", b"\n", NOTE_15, NOTE_15[:-1], b"\xff", b" "),
]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(PARTS), max_size=7))
def test_bytes_that_are_taken_for_a_file_are_the_one_way_to_write_it(parts: list[bytes]) -> None:
    data = b"".join(parts)
    code = parse_code(data)
    assert code in ("", "NOTE_INVALID")
    if not code:
        assert proof_file.format_proof_file(proof_file.parse_proof_file(data)) == data


def test_no_byte_of_a_file_can_be_changed_removed_or_doubled_unless_nobody_signed_it() -> None:
    """What may change: the line of a witness that the caller does not know."""
    for at in range(len(BYTES_2) - len(vectors.W1_LINE)):
        before, byte, after = BYTES_2[:at], BYTES_2[at : at + 1], BYTES_2[at + 1 :]
        changes = [before + bytes([byte[0] ^ 1 << bit]) + after for bit in range(8)]
        for changed in [*changes, before + after, before + byte * 2 + after]:
            code = parse_code(changed) or verify_code(proof_file.parse_proof_file(changed))
            assert code in {"NOTE_INVALID", "PROOF_INVALID", "SIGNATURE_INVALID"} | {
                "CHECKPOINT_UNSIGNED"
            }, (at, changed)
