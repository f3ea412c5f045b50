"""Signed notes and their keys: the vectors of C2SP and Go, and everything that must be refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import errors
from ledger.tlog import note

# golang/mod sumdb/note
PETER_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    b"If you think cryptography is the answer to your problem,\n"
    b"then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
    "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5o"
    "vTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
).encode()
PETER = note.parse_vkey(PETER_VKEY)
ENOCH = note.parse_vkey(ENOCH_VKEY)

# C2SP signed-note, "Ed25519 signatures"
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
    "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()


def code_of(data: bytes, *verifiers: note.Verifier) -> str:
    with pytest.raises(errors.ProofError) as caught:
        note.open_note(data, verifiers)
    return caught.value.code


def names(signatures: tuple[note.Signature, ...]) -> list[str]:
    return [signature.name for signature in signatures]


# Keys.


def refuses_key(read: object, key: str) -> bool:
    assert callable(read)
    try:
        read(key)
    except errors.ProofError as error:
        return error.code == "NOTE_INVALID"
    return False


@pytest.mark.parametrize("vkey", [PETER_VKEY, ENOCH_VKEY, EXAMPLE_VKEY])
def test_parse_vkey_reads_what_it_writes(vkey: str) -> None:
    assert note.parse_vkey(vkey).vkey == vkey


def test_parse_skey_knows_its_public_key() -> None:
    signer = note.parse_skey(PETER_SKEY)
    assert signer.verifier == PETER
    assert (signer.name, signer.key_id.hex()) == ("PeterNeumann", "c74f20a3")


@pytest.mark.parametrize(
    ("read", "key"), [(note.parse_vkey, PETER_VKEY), (note.parse_skey, PETER_SKEY)]
)
def test_any_other_piece_of_a_key_is_refused(read: object, key: str) -> None:
    pieces = {key[i:j] for i in range(len(key) + 1) for j in range(i, len(key) + 1)} - {key}
    assert len(pieces) > 2000
    assert all(refuses_key(read, piece) for piece in pieces)


@pytest.mark.parametrize(
    ("read", "key"), [(note.parse_vkey, PETER_VKEY), (note.parse_skey, PETER_SKEY)]
)
def test_a_key_with_any_character_changed_or_added_is_refused(read: object, key: str) -> None:
    for at, character in enumerate(key):
        for other in {chr(ord(character) + 1), chr(ord(character) ^ 1), chr(ord(character) ^ 32)}:
            assert refuses_key(read, key[:at] + other + key[at + 1 :]), (at, other)
    for at in range(len(key) + 1):
        for added in " \n=+A\u2028":
            assert refuses_key(read, key[:at] + added + key[at:]), (at, added)


@pytest.mark.parametrize(
    "vkey",
    [
        # the next two have the right id for what they hold
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        note.format_vkey("PeterNeumann", note.ED25519, bytes(31)),
        note.format_vkey("PeterNeumann", note.ED25519, bytes(33)),
        note.format_vkey("Peter Neumann", note.ED25519, bytes(32)),
        note.format_vkey("Peter\u00a0Neumann", note.ED25519, bytes(32)),
        note.format_vkey("Peter\x7fNeu\x01mann", note.ED25519, bytes(32)),
        note.format_vkey("", note.ED25519, bytes(32)),
        PETER_VKEY.replace("c74f20a3", "C74F20A3"),
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a3+AQ==",
        "\ud800+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+\ud800+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+\ud800",
    ],
)
def test_vkey_of_wrong_length_type_or_name_is_refused(vkey: str) -> None:
    assert refuses_key(note.parse_vkey, vkey)


def test_key_of_another_type_is_split_for_those_who_know_it() -> None:
    witness = "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN"
    name, algorithm, public_key = note.split_vkey(witness)
    assert (name, algorithm, len(public_key)) == ("witness.example.org", 4, 32)
    assert note.derive_key_id(name, algorithm, public_key).hex() == "b8a2cf20"
    assert refuses_key(note.parse_vkey, witness)


def test_generated_key_signs_and_verifies() -> None:
    signer = note.parse_skey(note.generate_skey("EnochRoot", bytes(range(32))))
    signature = signer.sign(b"hi")
    assert signer.verifier.check(b"hi", signature)
    assert not signer.verifier.check(b"hj", signature)
    assert not signer.verifier.check(b"hi", signature[:-1])
    assert not signer.verifier.check(b"hi", bytes([signature[0] ^ 1]) + signature[1:])


def test_generate_skey_of_the_go_example_is_the_go_example() -> None:
    seed = b64decode(PETER_SKEY.split("+", 4)[4])[1:]
    assert note.generate_skey("PeterNeumann", seed) == PETER_SKEY


@pytest.mark.parametrize(("name", "seed"), [("a b", bytes(32)), ("", bytes(32)), ("a", bytes(31))])
def test_generate_skey_with_a_bad_name_or_seed_is_refused(name: str, seed: bytes) -> None:
    with pytest.raises(errors.ProofError):
        note.generate_skey(name, seed)


def test_a_private_key_is_never_shown() -> None:
    secret = PETER_SKEY.split("+", 4)[4]
    assert secret not in repr(note.parse_skey(PETER_SKEY))
    for bad in (PETER_SKEY[:-1], PETER_SKEY + "=", PETER_SKEY.replace("c74f", "c74e")):
        with pytest.raises(errors.ProofError) as caught:
            note.parse_skey(bad)
        assert secret[:-1] not in f"{caught.value} {caught.value.as_dict()}"
        assert caught.value.__context__ is None


# Go: White_Space of Unicode; what unicode.IsSpace takes.
SPACES = [0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]


@pytest.mark.parametrize("code", [*range(0x20), *SPACES, ord("+"), 0xD800, 0xDFFF])
def test_a_name_with_a_space_plus_or_control_is_refused(code: int) -> None:
    for name in (chr(code), f"a{chr(code)}b"):
        with pytest.raises(errors.ProofError):
            note.check_name(name)


@pytest.mark.parametrize("name", ["a", "example.com/log", "日本.example", "a\u200bb", "—", "\x7f"])
def test_other_names_are_taken(name: str) -> None:
    note.check_name(name)


# Signing and opening.


def test_sign_gives_the_bytes_that_go_gives() -> None:
    assert note.sign(TEXT, [note.parse_skey(PETER_SKEY)]) == TEXT + b"\n" + PETER_LINE


def test_example_of_the_specification_opens() -> None:
    opened = note.open_note(EXAMPLE, [note.parse_vkey(EXAMPLE_VKEY)])
    assert opened.text == b"This is an example message.\n"
    assert names(opened.verified_signatures) == ["example.com/foo"]
    assert opened.unverified == ()


def test_unknown_signatures_are_kept_apart() -> None:
    data = TEXT + b"\n" + PETER_LINE + ENOCH_LINE
    opened = note.open_note(data, [PETER])
    assert opened.text == TEXT
    assert names(opened.verified_signatures) == ["PeterNeumann"]
    assert names(opened.unverified) == ["EnochRoot"]
    both = note.open_note(data, [ENOCH, PETER])
    assert names(both.verified_signatures) == ["PeterNeumann", "EnochRoot"]
    assert both.unverified == ()


def test_note_that_no_known_key_signed_is_refused_and_says_who_did() -> None:
    data = TEXT + b"\n" + PETER_LINE + ENOCH_LINE
    with pytest.raises(errors.ProofError) as caught:
        note.open_note(data, [])
    assert caught.value.code == "CHECKPOINT_UNSIGNED"
    assert "PeterNeumann+c74f20a3, EnochRoot+af0cfe78" in caught.value.message
    assert code_of(TEXT + b"\n" + ENOCH_LINE, PETER) == "CHECKPOINT_UNSIGNED"


def test_same_name_with_another_id_is_unknown() -> None:
    other = note.parse_skey(note.generate_skey("PeterNeumann", bytes(32))).verifier
    assert code_of(TEXT + b"\n" + PETER_LINE, other) == "CHECKPOINT_UNSIGNED"
    renamed = PETER_LINE.replace(b"PeterNeumann", b"CarmenSandiego")
    assert code_of(TEXT + b"\n" + renamed, PETER) == "CHECKPOINT_UNSIGNED"
    assert code_of(TEXT + b"\n" + PETER_LINE.replace(b"x08g", b"xxxx"), PETER) == (
        "CHECKPOINT_UNSIGNED"
    )


def test_one_bad_signature_of_a_known_key_refuses_the_whole_note() -> None:
    longer = PETER_LINE[:60] + b"ABCD" + PETER_LINE[60:]
    assert code_of(TEXT + b"\n" + longer, PETER) == "SIGNATURE_INVALID"
    assert code_of(TEXT + b"\n" + ENOCH_LINE + longer, PETER, ENOCH) == "SIGNATURE_INVALID"
    assert code_of(TEXT + b"\n" + PETER_LINE + longer, PETER) == "SIGNATURE_INVALID"
    assert code_of(b"Another text.\n\n" + PETER_LINE, PETER) == "SIGNATURE_INVALID"


def test_repeated_signatures_count_once() -> None:
    other = ENOCH_LINE[:60] + b"ABCD" + ENOCH_LINE[60:]
    lines = PETER_LINE * 2 + ENOCH_LINE * 2 + other
    opened = note.open_note(TEXT + b"\n" + lines, [PETER])
    assert names(opened.verified_signatures) == ["PeterNeumann"]
    assert opened.unverified == note.parse_signatures(ENOCH_LINE + other)


def test_of_two_good_signatures_by_one_key_the_first_is_kept() -> None:
    lenient = note.Verifier("a", bytes(4), 0xFF, b"", check=lambda text, signature: True)
    lines = note.parse_signatures("— a AAAAAAE=\n— a AAAAAAI=\n".encode())
    opened = note.open_note(note.format_note(TEXT, lines), [lenient])
    assert opened == note.Note(TEXT, lines[:1], ())


def test_one_key_given_twice_is_one_key_and_two_of_one_id_are_refused() -> None:
    data = TEXT + b"\n" + PETER_LINE
    assert note.open_note(data, [PETER, note.parse_vkey(PETER_VKEY)]).verified_signatures
    twin = note.Verifier(PETER.name, PETER.key_id, PETER.algorithm, bytes(32), PETER.check)
    assert code_of(data, PETER, twin) == "NOTE_INVALID"


def test_a_hundred_signatures_are_taken_and_one_more_is_not() -> None:
    assert note.open_note(TEXT + b"\n" + PETER_LINE * 100, [PETER]).unverified == ()
    assert code_of(TEXT + b"\n" + PETER_LINE * 101, PETER) == "NOTE_INVALID"
    assert code_of(TEXT + b"\n" + PETER_LINE * 101) == "NOTE_INVALID"


def test_a_note_of_64_kib_is_taken_and_one_byte_more_is_not() -> None:
    signer = note.parse_skey(PETER_SKEY)
    room = 64 * 1024 - len(b"\n\n" + PETER_LINE)
    largest = note.sign(b"x" * room + b"\n", [signer])
    assert len(largest) == 64 * 1024
    assert note.open_note(largest, [PETER]).text == b"x" * room + b"\n"
    with pytest.raises(errors.ProofError, match="65537 bytes, want at most 65536"):
        note.sign(b"x" * (room + 1) + b"\n", [signer])
    assert code_of(b"x" + largest, PETER) == "NOTE_INVALID"


def test_text_may_hold_blank_lines_and_the_last_one_divides() -> None:
    signer = note.parse_skey(PETER_SKEY)
    for text in (b"\n", b"\n\n", b"a\n\nb\n", b"a\n\n\n", TEXT + b"\n" + PETER_LINE):
        assert note.open_note(note.sign(text, [signer]), [PETER]).text == text


MALFORMED = {
    "empty": b"",
    "a newline": b"\n",
    "text alone": TEXT,
    "no signatures": TEXT + b"\n",
    "no newline at the end": TEXT + b"\n" + PETER_LINE[:-1],
    "a blank line at the end": TEXT + b"\n" + PETER_LINE + b"\n",
    "no text": b"\n" + PETER_LINE,
    "signature alone": PETER_LINE,
    "control character in front": b"\x01" + TEXT + b"\n" + PETER_LINE,
    "not UTF-8 in front": b"\xff" + TEXT + b"\n" + PETER_LINE,
    "overlong UTF-8": b"\xc0\xaf" + TEXT + b"\n" + PETER_LINE,
    "a surrogate in UTF-8": b"\xed\xa0\x80" + TEXT + b"\n" + PETER_LINE,
    "tab": b"\t" + TEXT + b"\n" + PETER_LINE,
    "name with a space": TEXT + b"\n" + PETER_LINE.replace(b"PeterN", b"Peter N"),
    "name with a wide space": TEXT + b"\n" + PETER_LINE.replace(b"rN", "r\u3000N".encode()),
    "name with a line separator": TEXT + b"\n" + PETER_LINE.replace(b"rN", "r\u2028N".encode()),
    "name with a plus": TEXT + b"\n" + PETER_LINE.replace(b"rN", b"r+N"),
    "no name": TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann ", b""),
    "empty name": TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann", b""),
    "a line that is no signature": TEXT + b"\n" + PETER_LINE + b"Unexpected line.\n",
    "hyphen for dash": TEXT + b"\n" + PETER_LINE.replace("—".encode(), b"-"),
    "en dash for em dash": TEXT + b"\n" + PETER_LINE.replace("—".encode(), "–".encode()),
    "two dashes": TEXT + b"\n" + "— ".encode() + PETER_LINE,
    "two spaces": TEXT + b"\n" + PETER_LINE.replace(b"Neumann ", b"Neumann  "),
    "space at the end": TEXT + b"\n" + PETER_LINE.replace(b"\n", b" \n"),
    "CRLF after the signature": TEXT + b"\n" + PETER_LINE.replace(b"\n", b"\r\n"),
    "CRLF in the text": TEXT.replace(b"\n", b"\r\n") + b"\n" + PETER_LINE,
    "line separator for newline": TEXT + b"\n" + PETER_LINE[:-1] + "\u2028".encode(),
    "base64 without padding": TEXT + b"\n" + PETER_LINE.replace(b"=", b""),
    "base64 with more padding": TEXT + b"\n" + PETER_LINE.replace(b"=", b"=="),
    "base64 with spare bits": TEXT + b"\n" + PETER_LINE.replace(b"nAM=", b"nAN="),
    "base64 of URLs": TEXT + b"\n" + PETER_LINE.replace(b"/", b"_"),
    "base64 in two lines": TEXT + b"\n" + PETER_LINE.replace(b"UG/", b"UG/\n"),
    "a foreign character in base64": TEXT + b"\n" + PETER_LINE.replace(b"UG/", b"UG/$"),
    "a digit of another script in base64": TEXT + b"\n" + PETER_LINE.replace(b"8", "٨".encode()),
    "key id alone": TEXT + "\n— PeterNeumann x08gow==\n".encode(),
    "less than a key id": TEXT + "\n— PeterNeumann x08g\n".encode(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_note_is_refused_whether_or_not_keys_are_known(name: str) -> None:
    assert code_of(MALFORMED[name], PETER) == "NOTE_INVALID"
    assert code_of(MALFORMED[name]) == "NOTE_INVALID"


def test_a_control_character_or_a_byte_that_is_no_utf_8_is_malformed_wherever_it_stands() -> None:
    data = TEXT + b"\n" + PETER_LINE
    for at in range(len(data) + 1):
        for byte in (b"\x00", b"\x01", b"\x0b", b"\r", b"\xff", b"\x85"):
            assert code_of(data[:at] + byte + data[at:], PETER) == "NOTE_INVALID"


def test_keys_whose_id_follows_another_rule_are_no_log_keys_and_their_lines_are_unknown() -> None:
    """Type 02 (ECDSA) hashes the key alone, type ff has a longer type."""
    ecdsa = bytes(range(91))
    named = {2: sha256(ecdsa).digest()[:4], 255: sha256(b"PeterNeumann\n\xffRSA\0").digest()[:4]}
    for algorithm, key_id in named.items():
        key = b64encode(bytes([algorithm]) + ecdsa).decode()
        assert refuses_key(note.parse_vkey, f"PeterNeumann+{key_id.hex()}+{key}")
        line = note.format_signature(note.Signature("PeterNeumann", key_id, bytes(71)))
        opened = note.open_note(TEXT + b"\n" + line + PETER_LINE, [PETER])
        assert opened.unverified == note.parse_signatures(line)
        assert code_of(TEXT + b"\n" + line, PETER) == "CHECKPOINT_UNSIGNED"


def test_malformed_note_in_which_nothing_was_replaced_would_not_be_a_test() -> None:
    assert TEXT + b"\n" + PETER_LINE not in MALFORMED.values()


@pytest.mark.parametrize("text", [b"", b"abc", b"abc\r\n", b"\xff\n", b"a\x00\n", b"a\tb\n"])
def test_sign_of_text_that_is_no_note_is_refused(text: bytes) -> None:
    with pytest.raises(errors.ProofError) as caught:
        note.sign(text, [note.parse_skey(PETER_SKEY)])
    assert caught.value.code == "NOTE_INVALID"


def test_sign_by_nobody_is_refused() -> None:
    with pytest.raises(errors.ProofError):
        note.sign(TEXT, [])


@pytest.mark.parametrize(
    "bad",
    [
        note.Signature("a+b", bytes(4), b"x"),
        note.Signature("a b", bytes(4), b"x"),
        note.Signature("a", bytes(4), b""),
        note.Signature("a", bytes(3), b""),
        note.Signature("a", bytes(5), b"x"),
        note.Signature("a\n— b", bytes(4), b"x"),
    ],
)
def test_format_note_with_a_signature_that_would_not_read_back_is_refused(
    bad: note.Signature,
) -> None:
    with pytest.raises(errors.ProofError):
        note.format_note(TEXT, [bad])


def test_parse_note_shows_a_note_without_verifying_it() -> None:
    shown = note.parse_note(TEXT + b"\n" + PETER_LINE + ENOCH_LINE * 2)
    assert shown.text == TEXT
    assert shown.verified_signatures == ()
    assert names(shown.unverified) == ["PeterNeumann", "EnochRoot", "EnochRoot"]


def test_signature_lines_of_others_are_added_under_the_same_text() -> None:
    signed = note.parse_note(TEXT + b"\n" + PETER_LINE)
    more = note.format_note(signed.text, signed.unverified + note.parse_signatures(ENOCH_LINE))
    assert more == TEXT + b"\n" + PETER_LINE + ENOCH_LINE


@pytest.mark.parametrize("lines", [b"", b"\n", PETER_LINE + b"\n", PETER_LINE[:-1], b"ok\n"])
def test_signature_lines_that_are_none_are_refused(lines: bytes) -> None:
    with pytest.raises(errors.ProofError) as caught:
        note.parse_signatures(lines)
    assert caught.value.code == "NOTE_INVALID"


def test_no_byte_of_a_signed_note_can_be_changed_removed_or_doubled() -> None:
    for at in range(len(EXAMPLE)):
        before, byte, after = EXAMPLE[:at], EXAMPLE[at : at + 1], EXAMPLE[at + 1 :]
        changes = [before + bytes([byte[0] ^ 1 << bit]) + after for bit in range(8)]
        for changed in [*changes, before + after, before + byte * 2 + after]:
            with pytest.raises(errors.ProofError):
                note.open_note(changed, [note.parse_vkey(EXAMPLE_VKEY)])


PLAIN = st.text(st.characters(exclude_categories=["Cs"]).filter(lambda c: c >= " "), max_size=20)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"]).filter(
        lambda c: c > " " and c != "+" and not c.isspace()
    ),
    min_size=1,
    max_size=10,
)
SIGNATURES = st.builds(
    note.Signature, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


@settings(deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=5), st.lists(SIGNATURES, min_size=1, max_size=5))
def test_every_note_reads_back(lines: list[str], signatures: list[note.Signature]) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    assert note.parse_note(note.format_note(text, signatures)) == note.Note(
        text, (), tuple(signatures)
    )


TEXTS = [b"a\n", b"a\n\nb\n", b"\n", b"", b"a", b"a\r\n", b"\xff\n", "a\u2028b\n".encode()]
LINES = [
    "— a AAAAAAA=\n",
    "— b AAAAAAAA\n",
    "— a AAAAAAB=\n",
    "— a AAAAAAA=",
    "-a AAAAAAA=\n",
    "\n",
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(TEXTS), st.lists(st.sampled_from(LINES), max_size=4))
def test_bytes_that_are_taken_for_a_note_are_the_one_way_to_write_it(
    text: bytes, lines: list[str]
) -> None:
    data = text + b"\n" + "".join(lines).encode()
    try:
        parsed = note.parse_note(data)
    except errors.ProofError:
        return
    assert note.format_note(parsed.text, parsed.unverified) == data


@given(st.binary(max_size=60))
def test_decode_base64_takes_the_canonical_spelling_only(data: bytes) -> None:
    spelled = b64encode(data)
    assert note.decode_base64(spelled, "here") == data
    assert note.decode_base64(spelled.decode(), "here") == data
    for bad in (spelled + b"\n", spelled + b"=", b" " + spelled, spelled + b"A"):
        with pytest.raises(errors.ProofError, match="here: not"):
            note.decode_base64(bad, "here")


@pytest.mark.parametrize(
    "text", ["aGl=", "aGk", "aGk$=", "aGk=\n", "a", "=", "AA=A", "٠٠٠٠", "_-__"]
)
def test_decode_base64_of_another_spelling_is_refused(text: str) -> None:
    for spelled in (text, text.encode()):
        with pytest.raises(errors.ProofError):
            note.decode_base64(spelled, "here")


def test_key_id_is_the_hash_over_name_newline_type_and_key() -> None:
    assert PETER.key_id == sha256(b"PeterNeumann\n\x01" + PETER.public_key).digest()[:4]
