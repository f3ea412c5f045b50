"""Checkpoints: the logs of Tessera and Sigsum, byte for byte, and every other spelling refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import checkpoint, note, proof, tree

# transparency-dev/tessera testdata/log
ORIGIN = "example.com/log/testdata"
SKEY = f"PRIVATE+KEY+{ORIGIN}+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
VKEY = f"{ORIGIN}+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
ROOTS = {
    0: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    1: "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
    2: "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
    3: "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
    6: "a6sWvsc2eEzmj72vah7mZ5dwFltivehh2b11qwlp5Jg=",
    8: "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY=",
    15: "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
}
# The last line of its files checkpoint.0 to checkpoint.15.
SIGNATURES = """
M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=
M9e0lhr9kuLxGdAtaUrhm84TQffVsLdcy808sN0a3WyniNlfcr9+bywoiIke1YYciCNjJGkCgIlQ8b16jhsmg/SChAM=
M9e0llH4NKmlf0u7C8tkJioQOmi7l5ELqljXgKRg6R3G5JJ7vx7emDWo5fpqKuA/Dk/jRrI6il+7QCVirNhyUAWGoAk=
M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=
M9e0lnFuWt0cp60moO4jAkeXvMNLIIOGn4WdyeHQurBt9mBi0tWdfkldiAt9k0FpwuZymvttsVn9uwyouXU3vPpeNAc=
M9e0lmn5eDHyHP10zJObZdFAX2y1V8fdDKBi4IiHbDYf1TCUBwxZOhqwv2QZCqrdda2zTRTrmnwjwscN5RBTEmZUYAs=
M9e0ln+nHSdGSHEZBcjvqyYDXDbG8WxDwCDjbbGAMv/NTynAtJWhckSXIpuwpN3yJ4PTtzUbD34YGqIZr6RgJRn16gU=
M9e0luA5JhTRUki/BBQD0QNiH6AEJ2pdtsA5CQjqJErViuuKrN6513RCTL2640wXJv0dCed3neRGI6dMzBq9uANf2Qc=
M9e0lq1EK37dHtgv9O3UzPxisw5vwIPcJsX9ab0xt4mvVfbdUR1fbMjN6sBFYpBoBEmD4+cWhj/AVgI5MitCO5+mews=
M9e0ls3mdnWX0qk4P3uGG0eYiFRWSwPR+RdeD1ARmrHPHjXP0x9UJWASPFTOTqJo0mp7Epck2O9RFB0J9IjDdAewagw=
M9e0lrmwaVEOWFZ+HS5ITnRd2YMOSWE5QeoYu+6DHwJLnJ+SVeJ2ZiYeD7lVC5oGJx76gbfLSyCUEq6D8JkarrsuiQQ=
M9e0lqbRtWirJwbUy4w3VrK2RyzfW8P+OIkc8t6b6AVG/tQd1Q2SN+uCLYzNNFnf/PhzeCdURSGQe1MRnohCxPu21wg=
M9e0lrFzoTgi+ovhrqX0DpsEAp3wLu1coMLIkeCwSkGfS4Ox4pLXo2LHudqm4merh0ZkCNzHr8kQwq5gS5mmimIvdA4=
M9e0liO8x8xfEOGmZVYODUjQajkEpjccPQ9EkG3yEEDet4K3BWE/DFRPH6H+b6gFFFaG5KS1bBmYS/xeZJs8lj+z+wM=
M9e0lu8roIpjC+NXEG7JDkajIahoYDYWgxDtxfx/6rzLoztU9t/PvivZ48xt8ygJpjzaboSpkbVv3Jb+D3NdXWQf5wo=
M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
""".split()
SIGNATURE_15 = (
    "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI="
)
NOTE_15 = f"{ORIGIN}\n15\n{ROOTS[15]}\n\n— {ORIGIN} {SIGNATURE_15}\n".encode()
COSIGNATURE = (
    "— witness.example/w1 519lMgAAAABlU/EA8Ksalh7kTmlIFPRO/50jC8JyWktgWjbjpb8ZCaY7/1Pyo/Js5iv0"
    "m/SL/Pgn8ExkAr34GAbhHPwm6x2I0VpoBA==\n"
).encode()
LOG = note.parse_vkey(VKEY)

# C2SP/C2SP issue 99, as corrected
SIGSUM = "sigsum.org/v1/tree/e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69"
SIGSUM_ROOT = "HA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
SIGSUM_SIGNATURE = (
    "gJ2ho0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTcf718MqAQ="
)


def word_hashes() -> list[bytes]:
    return [tree.leaf_hash(word.encode()) for word in WORDS.split()]


def refused(body: bytes) -> bool:
    try:
        checkpoint.parse_checkpoint(body)
    except errors.ProofError as error:
        return error.code == "NOTE_INVALID"
    return False


@pytest.mark.parametrize("size", range(16))
def test_checkpoints_of_the_tessera_log_are_made_and_open(size: int) -> None:
    made = checkpoint.Checkpoint(ORIGIN, size, tree.root(word_hashes()[:size]))
    if size in ROOTS:
        assert b64encode(made.root).decode() == ROOTS[size]
    signed = checkpoint.sign_checkpoint(made, [note.parse_skey(SKEY)])
    root = b64encode(made.root).decode()
    assert signed == f"{ORIGIN}\n{size}\n{root}\n\n— {ORIGIN} {SIGNATURES[size]}\n".encode()
    opened, its_note = checkpoint.open_checkpoint(signed, [LOG], ORIGIN)
    assert opened == made
    assert [s.name for s in its_note.verified_signatures] == [ORIGIN]


def test_signer_gives_checkpoint_15_of_the_tessera_log_byte_for_byte() -> None:
    made = checkpoint.Checkpoint(ORIGIN, 15, b64decode(ROOTS[15]))
    assert checkpoint.sign_checkpoint(made, [note.parse_skey(SKEY)]) == NOTE_15


def test_body_of_a_witness_request_from_6_to_15_has_the_known_hash() -> None:
    hashes = proof.consistency(6, 15, proof.subtree_from_leaves(word_hashes()))
    lines = [b"old 6", *map(b64encode, hashes), b"", NOTE_15]
    body = b"\n".join(lines)
    assert len(body) == 383
    assert sha256(body).hexdigest() == (
        "7c35dfe1ad251897a3d3f19b1af478881838d033d7b5317856f1ecc144f5bbc7"
    )


def test_checkpoint_carries_the_line_of_a_witness_and_still_opens() -> None:
    _, opened = checkpoint.open_checkpoint(NOTE_15, [LOG])
    lines = opened.verified_signatures + note.parse_signatures(COSIGNATURE)
    cosigned = note.format_note(opened.text, lines)
    assert cosigned == NOTE_15 + COSIGNATURE
    again, its_note = checkpoint.open_checkpoint(cosigned, [LOG], ORIGIN)
    assert again.size == 15
    assert its_note.unverified == note.parse_signatures(COSIGNATURE)
    hashes = proof.inclusion(2, 15, proof.subtree_from_leaves(word_hashes()))
    lines_of_proof = [b"c2sp.org/tlog-proof@v1", b"index 2", *map(b64encode, hashes), b"", cosigned]
    spicy = b"\n".join(lines_of_proof)
    assert len(spicy) == 536
    assert sha256(spicy).hexdigest() == (
        "0fc84591f35c182d9aac579ae3a2af9a37af1bcfee60b22d801c16d4a1545e6e"
    )


def test_checkpoint_of_the_sigsum_vector_is_made() -> None:
    signer = note.parse_skey(note.generate_skey(SIGSUM, b"\x11" + bytes(31)))
    assert signer.key_id.hex() == "809da1a3"
    assert signer.verifier.public_key.hex() == (
        "66e0b858e462a609e66fe71370c816d8846ff103d5499a22a7fec37fdbc424a7"
    )
    made = checkpoint.Checkpoint(SIGSUM, 10, b64decode(SIGSUM_ROOT))
    signed = checkpoint.sign_checkpoint(made, [signer])
    assert signed == (f"{SIGSUM}\n10\n{SIGSUM_ROOT}\n\n— {SIGSUM} {SIGSUM_SIGNATURE}\n".encode())
    with_first_id = signed.replace(b" gJ2h", b" pOZU")  # the id of the vector as first published
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(with_first_id, [signer.verifier])
    assert caught.value.code == "CHECKPOINT_UNSIGNED"


def test_two_signers_sign_in_their_order_and_either_key_opens() -> None:
    new = note.parse_skey(note.generate_skey(ORIGIN, bytes(32)))
    made = checkpoint.Checkpoint(ORIGIN, 15, b64decode(ROOTS[15]))
    signed = checkpoint.sign_checkpoint(made, [note.parse_skey(SKEY), new])
    assert signed.startswith(NOTE_15)
    for verifier in (LOG, new.verifier):
        assert checkpoint.open_checkpoint(signed, [verifier], ORIGIN)[0] == made


def test_checkpoint_of_another_log_is_refused() -> None:
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(NOTE_15, [LOG], "example.com/log/other")
    assert caught.value.code == "LOG_MISMATCH"
    assert ORIGIN in caught.value.message


def test_checkpoint_that_only_a_stranger_signed_is_refused() -> None:
    stranger = note.parse_skey(note.generate_skey(ORIGIN, bytes(32))).verifier
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(NOTE_15, [stranger])
    assert caught.value.code == "CHECKPOINT_UNSIGNED"


def test_signed_text_that_is_no_checkpoint_is_refused() -> None:
    signed = note.sign(b"Not a checkpoint.\n", [note.parse_skey(SKEY)])
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.open_checkpoint(signed, [LOG])
    assert caught.value.code == "NOTE_INVALID"


ROOT = ROOTS[15].encode()
BODY = b"log.example\n10\n" + ROOT + b"\n"


def test_the_body_that_the_bad_ones_differ_from_is_good() -> None:
    assert checkpoint.parse_checkpoint(BODY) == checkpoint.Checkpoint(
        "log.example", 10, b64decode(ROOT)
    )


SIZES = [
    "",
    "00",
    "010",
    "0010",
    "+10",
    "-10",
    "-0",
    " 10",
    "10 ",
    "1_0",
    "1 0",
    "1,0",
    "10.",
    "1e1",
]
SIZES += ["0x10", "٠", "١٠", "１０", "²", "10\r", "10\x0b", "10\x85", "10\u2028", "\ufeff10", "ten"]
SIZES += [str(2**63), str(2**64), "9" * 19, "9" * 20, "1" * 5000]


@pytest.mark.parametrize("size", SIZES)
def test_any_other_spelling_of_a_size_is_refused(size: str) -> None:
    assert refused(BODY.replace(b"\n10\n", f"\n{size}\n".encode()))


def test_the_largest_size_is_taken() -> None:
    body = BODY.replace(b"\n10\n", b"\n9223372036854775807\n")
    assert checkpoint.parse_checkpoint(body).size == tree.MAX_SIZE


@pytest.mark.parametrize(
    "root",
    [
        ROOT.replace(b"3cs=", b"3ct="),  # the same 32 bytes, with spare bits set
        ROOT.replace(b"=", b""),
        ROOT + b"=",
        ROOT.replace(b"/", b"_"),
        b" " + ROOT,
        ROOT + b" ",
        ROOT + b"\r",
        ROOT + "\u2028".encode(),
        ROOT[:20] + b"\n" + ROOT[20:],
        b64encode(bytes(31)),
        b64encode(bytes(33)),
        b"",
        b"a6c38a90" * 8,
    ],
)
def test_any_other_spelling_of_a_root_is_refused(root: bytes) -> None:
    changed = BODY.replace(ROOT, root)
    assert changed != BODY
    assert refused(changed)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"\n\n\n",
        b"log.example\n10\n",
        BODY[:-1],
        BODY + b"\n",
        b"\n" + BODY,
        b"\n10\n" + ROOT + b"\n",
        BODY + b"\nextension\n",
        BODY + b"extension",
        BODY.replace(b"\n", b"\r\n"),
        BODY.replace(b"\n", "\u2028".encode()),
        BODY.replace(b"\n", b"\x0b"),
        BODY.replace(b"log", b"l\x00g"),
        BODY.replace(b"log", b"l\rg"),
        BODY.replace(b"log", b"l\xffg"),
    ],
)
def test_body_with_other_lines_or_bytes_is_refused(body: bytes) -> None:
    assert refused(body)


def test_only_newlines_end_lines() -> None:
    body = BODY.replace(b"log", "l\u2028o\x85g".encode())
    assert checkpoint.parse_checkpoint(body).origin == "l\u2028o\x85g.example"


def test_extension_lines_of_others_are_kept() -> None:
    parsed = checkpoint.parse_checkpoint(BODY + b"one\n two \n")
    assert parsed.extensions == ("one", " two ")
    assert checkpoint.format_checkpoint(parsed) == BODY + b"one\n two \n"


HASH = bytes(32)


@pytest.mark.parametrize(
    "bad",
    [
        checkpoint.Checkpoint("", 1, HASH),
        checkpoint.Checkpoint("a\nb", 1, HASH),
        checkpoint.Checkpoint(f"a\n7\n{ROOT.decode()}", 1, HASH),
        checkpoint.Checkpoint("a\r", 1, HASH),
        checkpoint.Checkpoint("\ud800", 1, HASH),
        checkpoint.Checkpoint("a", -1, HASH),
        checkpoint.Checkpoint("a", 2**63, HASH),
        checkpoint.Checkpoint("a", 1, HASH[1:]),
        checkpoint.Checkpoint("a", 1, b""),
        checkpoint.Checkpoint("a", 1, HASH, ("",)),
        checkpoint.Checkpoint("a", 1, HASH, ("b\nc",)),
        checkpoint.Checkpoint("a", 1, HASH, ("b\n",)),
    ],
)
def test_a_checkpoint_that_would_not_read_back_is_not_signed(bad: checkpoint.Checkpoint) -> None:
    with pytest.raises(errors.ProofError) as caught:
        checkpoint.sign_checkpoint(bad, [note.parse_skey(SKEY)])
    assert caught.value.code == "NOTE_INVALID"


LINES = st.text(
    st.characters(exclude_categories=["Cs"]).filter(lambda c: c >= " "), min_size=1, max_size=20
)


@settings(deadline=None)
@given(
    st.builds(
        checkpoint.Checkpoint,
        LINES,
        st.integers(0, tree.MAX_SIZE),
        st.binary(min_size=32, max_size=32),
        st.lists(LINES, max_size=3).map(tuple),
    )
)
def test_every_checkpoint_reads_back(made: checkpoint.Checkpoint) -> None:
    assert checkpoint.parse_checkpoint(checkpoint.format_checkpoint(made)) == made


ORIGINS = [b"log.example", b"l g", b"", b"\xff", b"log\r", "l\u2028g".encode(), b"a\nb"]
WRITTEN = [b"0", b"7", b"10", b"9223372036854775807", b"07", b"+5", b"1_0", "١".encode(), b"1\r"]
HASHES = [ROOT, b64encode(HASH), ROOT.replace(b"s=", b"t="), ROOT[:-1], b64encode(HASH[1:])]
ENDS = [b"\n", b"\nmore\n", b"", b"\r\n", b"\n\n", b"\nmore"]


@settings(deadline=None, max_examples=300)
@given(*map(st.sampled_from, (ORIGINS, WRITTEN, HASHES, ENDS)))
def test_bytes_that_are_taken_for_a_checkpoint_are_the_one_way_to_write_it(
    origin: bytes, size: bytes, root: bytes, end: bytes
) -> None:
    body = origin + b"\n" + size + b"\n" + root + end
    try:
        parsed = checkpoint.parse_checkpoint(body)
    except errors.ProofError:
        return
    assert checkpoint.format_checkpoint(parsed) == body


def test_no_byte_of_a_signed_checkpoint_can_be_changed_removed_or_doubled() -> None:
    for at in range(len(NOTE_15)):
        before, byte, after = NOTE_15[:at], NOTE_15[at : at + 1], NOTE_15[at + 1 :]
        changes = [before + bytes([byte[0] ^ 1 << bit]) + after for bit in range(8)]
        for changed in [*changes, before + after, before + byte * 2 + after]:
            with pytest.raises(errors.ProofError):
                checkpoint.open_checkpoint(changed, [LOG])
