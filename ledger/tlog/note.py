"""Signed notes: a text, a blank line, and the signatures under it. Bytes throughout.

    <text, one or more lines>\\n
    \\n
    — <name> <base64(key id, 4 bytes ‖ signature)>\\n        one to a hundred such lines

What is signed is the text with its last newline and without the blank line. The name and the
key id together say which key signed; the id is SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4].
Keys are written `name+<id in hex>+base64(type ‖ public key)`, private ones as Go writes them:
`PRIVATE+KEY+name+<id in hex>+base64(0x01 ‖ seed)`.

Every parser here accepts one spelling only: it formats what it read and compares.
Source: C2SP signed-note v1.0.0; golang/mod sumdb/note for private keys and for the limits.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger import errors

ED25519: Final = 0x01
MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 100

_DASH: Final = "— ".encode()
_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed (name, 4-byte key id) and the bytes after the key id."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text (with its final newline) and its signatures, in the order of their lines.

    The text means nothing unless `verified_signatures` holds one of a key that is trusted.
    """

    text: bytes
    verified_signatures: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name. check(text, signature value) -> whether the key signed it."""

    name: str
    key_id: bytes
    algorithm: int
    public_key: bytes
    check: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)

    @property
    def vkey(self) -> str:
        """The key as text, the way `parse_vkey` reads it."""
        return format_vkey(self.name, self.algorithm, self.public_key)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key: its public half, and sign(text) -> signature value."""

    verifier: Verifier
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name the key signs under."""
        return self.verifier.name

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that tell the keys of one name apart."""
        return self.verifier.key_id


def decode_base64(text: str | bytes, where: str) -> bytes:
    """Decode standard base64 in its one canonical spelling; raises ProofError NOTE_INVALID."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise malformed(where, "not base64", "RFC 4648 section 4", text) from None
    canonical = base64.b64encode(data)
    if canonical != (text.encode() if isinstance(text, str) else text):
        raise malformed(where, "not canonical base64", canonical.decode(), text)
    return data


def malformed(where: str, wrong: str, want: str, value: object = None) -> errors.ProofError:
    """Return the ProofError NOTE_INVALID of text that is not in the form it must have."""
    shown = value.decode(errors="replace") if isinstance(value, bytes) else value
    message = f"{where}: {wrong}" + (f": {str(shown)[:100]!r}" if shown is not None else "")
    return errors.ProofError("NOTE_INVALID", f"{message}, want {want}", field=where, value=shown)


def check_name(name: str) -> None:
    """Check that `name` can name a key: not empty, no space of Unicode, no plus, no control.

    Raises ProofError NOTE_INVALID.
    """
    if not name or any(c == "+" or c < " " or c.isspace() or _is_surrogate(c) for c in name):
        raise malformed("key name", "not a name", "no space, plus or control character", name)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def check_text(text: bytes, where: str) -> None:
    """Check that `text` is UTF-8 without control characters other than newline (NOTE_INVALID)."""
    control = _CONTROL.search(text)
    if control:
        raise malformed(where, f"a control character at byte {control.start()}", "newlines only")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise malformed(where, f"not UTF-8 at byte {error.start}", "UTF-8") from None


# Keys.


def derive_key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """Return SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


def format_vkey(name: str, algorithm: int, public_key: bytes) -> str:
    """Return `name+<key id in hex>+base64(type ‖ public key)`."""
    key_id = derive_key_id(name, algorithm, public_key)
    return f"{name}+{key_id.hex()}+{base64.b64encode(bytes([algorithm]) + public_key).decode()}"


def split_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Return (name, type, public key) of a key of any type whose id is derived from these.

    Raises ProofError NOTE_INVALID, also if the id is that of another name or key.
    """
    parts = vkey.split("+", 2)  # base64 may hold a plus of its own
    if len(parts) != 3:
        raise malformed("vkey", "not a public key", "name+id+base64", vkey)
    name, _, encoded = parts
    check_name(name)
    key = decode_base64(encoded, "vkey")
    if len(key) < 2:
        raise malformed("vkey", f"a key of {len(key)} bytes", "a type and a key", vkey)
    want = format_vkey(name, key[0], key[1:])
    if want != vkey:
        raise malformed("vkey", "the id is not that of this name and key", want, vkey)
    return name, key[0], key[1:]


def parse_vkey(vkey: str) -> Verifier:
    """Return the verifier of an Ed25519 log key; raises ProofError NOTE_INVALID."""
    name, algorithm, public_key = split_vkey(vkey)
    if algorithm != ED25519 or len(public_key) != 32:
        wrong = f"type {algorithm:#04x} with {len(public_key)} bytes"
        raise malformed("vkey", wrong, "Ed25519 (0x01) with 32", vkey)
    return ed25519_verifier(name, public_key)


def ed25519_verifier(name: str, public_key: bytes) -> Verifier:
    """Return the verifier of plain Ed25519 signatures (type 01) by a 32-byte public key."""
    key = Ed25519PublicKey.from_public_bytes(public_key)

    def check(text: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return Verifier(name, derive_key_id(name, ED25519, public_key), ED25519, public_key, check)


def generate_skey(name: str, seed: bytes) -> str:
    """Return the private key under `name` made of `seed`, 32 secret and random bytes.

    Raises ProofError NOTE_INVALID if `name` cannot name a key.
    """
    check_name(name)
    if len(seed) != 32:
        raise malformed("skey", f"a seed of {len(seed)} bytes", "32")
    public_key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    key_id = derive_key_id(name, ED25519, public_key)
    encoded = base64.b64encode(bytes([ED25519]) + seed).decode()
    return f"PRIVATE+KEY+{name}+{key_id.hex()}+{encoded}"


def parse_skey(skey: str) -> Signer:
    """Return the signer of a private key; raises ProofError NOTE_INVALID, never showing it."""
    parts = skey.split("+", 4)
    try:
        name, encoded = parts[2], parts[4]
        seed = decode_base64(encoded, "skey")[1:]
        canonical = generate_skey(name, seed) == skey  # the type, the id and every byte of it
    except (IndexError, errors.ProofError):
        canonical = False
    if not canonical:  # raised out here, so that no other error carries the key along
        raise malformed("skey", "not a private key", "PRIVATE+KEY+name+id+base64")
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return Signer(ed25519_verifier(name, key.public_key().public_bytes_raw()), key.sign)


# Notes.


def format_signature(signature: Signature) -> bytes:
    """Return the line of one signature, with its newline."""
    encoded = base64.b64encode(signature.key_id + signature.value)
    return _DASH + signature.name.encode() + b" " + encoded + b"\n"


def parse_signatures(lines: bytes) -> tuple[Signature, ...]:
    """Return the 1 to 100 signatures of as many lines; raises ProofError NOTE_INVALID."""
    if not lines.endswith(b"\n"):
        raise malformed("note", "no newline at the end", "one after each signature", lines[-80:])
    split = lines[:-1].split(b"\n")
    if len(split) > MAX_SIGNATURES:
        raise malformed("note", f"{len(split)} signatures", f"at most {MAX_SIGNATURES}")
    return tuple(_parse_signature(line) for line in split)


def _parse_signature(line: bytes) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(b" ")
    payload = decode_base64(encoded, "signature")
    try:
        signature = Signature(name.decode(), payload[:4], payload[4:])
    except UnicodeDecodeError:
        raise malformed("signature", "not UTF-8", "a name in UTF-8", line) from None
    check_name(signature.name)
    if not signature.value or format_signature(signature) != line + b"\n":
        raise malformed("signature", "not a signature line", "— name base64", line)
    return signature


def parse_note(note: bytes) -> Note:
    """Return the text and the signatures of `note`, none of them verified: for showing it.

    Takes UTF-8 of at most 64 KiB without control characters, split at the last blank line.
    Raises ProofError NOTE_INVALID.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise malformed("note", f"{len(note)} bytes", f"at most {MAX_NOTE_BYTES}")
    check_text(note, "note")
    text, blank, lines = note.rpartition(b"\n\n")
    if not blank:
        raise malformed("note", "no blank line", "a text, a blank line, signatures", note)
    return Note(text + b"\n", (), parse_signatures(lines))


def format_note(text: bytes, signatures: Iterable[Signature]) -> bytes:
    """Return the note of `text` and `signatures`; raises NOTE_INVALID if none would read it."""
    signatures = tuple(signatures)
    note = text + b"\n" + b"".join(map(format_signature, signatures))
    if parse_note(note) != Note(text, (), signatures):
        raise malformed("note", "reads back as another note", "a text that ends in newline", text)
    return note


def sign(text: bytes, signers: Iterable[Signer]) -> bytes:
    """Return the note of `text` signed by each of `signers`, in their order.

    Raises ProofError NOTE_INVALID if `text` cannot be that of a note, or nobody signs.
    """
    return format_note(text, [Signature(s.name, s.key_id, s.sign(text)) for s in signers])


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> Note:
    """Verify `note` and return it with its signatures sorted into known and unknown.

    1. It must be well formed (NOTE_INVALID).
    2. A signature by a key that is not among `verifiers` is kept as unverified, no more.
    3. Each signature by a known key must hold, else the whole note is refused
       (SIGNATURE_INVALID); of several by one key the first is kept.
    4. At least one known key must have signed (CHECKPOINT_UNSIGNED).

    Raises ProofError with these codes. Source: C2SP signed-note v1.0.0, "Signatures".
    """
    parsed = parse_note(note)  # 1
    known = _by_identity(verifiers)
    verified: dict[tuple[str, bytes], Signature] = {}
    unverified: dict[Signature, None] = {}  # a set that keeps the order
    for signature in parsed.unverified:
        who = (signature.name, signature.key_id)
        if who not in known:
            unverified[signature] = None  # 2
            continue
        if not known[who].check(parsed.text, signature.value):
            raise _bad_signature(signature)  # 3
        verified.setdefault(who, signature)
    if not verified:
        raise _unsigned(parsed.unverified)  # 4
    return Note(parsed.text, tuple(verified.values()), tuple(unverified))


def _by_identity(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise malformed("keys", "two keys of one name and id", "one", verifier.vkey)
    return known


def _bad_signature(signature: Signature) -> errors.ProofError:
    who = f"{signature.name}+{signature.key_id.hex()}"
    return errors.ProofError(
        "SIGNATURE_INVALID", f"note: the signature of {who} does not verify", field=who
    )


def _unsigned(signatures: Iterable[Signature]) -> errors.ProofError:
    seen = ", ".join(f"{s.name}+{s.key_id.hex()}" for s in signatures)
    return errors.ProofError(
        "CHECKPOINT_UNSIGNED",
        f"note: no known key has signed: {seen[:200]}, want one of the keys given",
        field="signatures",
        value=seen,
        hint="name the log's public key in the policy, or ask its operator which key is right",
    )
