"""Cosignatures: a witness states that it saw a checkpoint, at a time, consistent with the past.

A cosignature is a line under the checkpoint like any signature. After the key id it holds

    timestamp, 8 bytes big-endian, seconds since 1970 ‖ signature

    type                   public key   signature     what is signed
    0x04 Ed25519             32 bytes     64 bytes    "cosignature/v1\\ntime <decimal>\\n" ‖ text
    0x06 ML-DSA-44         1312 bytes   2420 bytes    "subtree/v1\\n\\0" ‖ u8 length ‖ cosigner name
                                                      ‖ u64 time ‖ u8 length ‖ origin ‖ u64 0
                                                      ‖ u64 size ‖ root

Type 04 signs the text with its extension lines but not the cosigner's name: one key, one
cosigner. Type 06 signs the name but no extension lines. A `Cosigner` is not a `note.Verifier`,
so that no witness's key can stand among the keys of a log. Nothing here reads a clock.
Source: C2SP tlog-cosignature v1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger import errors
from ledger.tlog import checkpoint, note

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # cryptography before 48
    mldsa = None  # type: ignore[assignment]

Key = TypeVar("Key")

ED25519: Final = 0x04
ML_DSA_44: Final = 0x06
MAX_TIME: Final = 2**63 - 1

_KEY_SIZES: Final = {ED25519: 32, ML_DSA_44: 1312}
_SIGNATURE_SIZES: Final = {ED25519: 64, ML_DSA_44: 2420}
_SEED_SIZE: Final = 32
_LONGEST_NAME: Final = 255  # bytes of a cosigner's name and of an origin, under ML-DSA-44


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature line taken apart. time: seconds since 1970, 0 where none is stated."""

    name: str
    key_id: bytes
    time: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Cosigner:
    """The public key of a witness under its name. holds(message, signature) -> bool."""

    name: str
    algorithm: int
    public_key: bytes
    holds: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that tell the keys of one name apart."""
        return note.derive_key_id(self.name, self.algorithm, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text, the way `parse_vkey` reads it."""
        return note.format_vkey(self.name, self.algorithm, self.public_key)


@dataclass(frozen=True, slots=True)
class CosigningKey:
    """The private key of a witness: its public half, and sign(message) -> signature."""

    cosigner: Cosigner
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)


class _PublicKey(Protocol):
    def verify(self, signature: bytes, data: bytes, /) -> None: ...


# Keys.


def parse_vkey(vkey: str) -> Cosigner:
    """Return the cosigner of a vkey of type 04 or 06; raises ProofError NOTE_INVALID.

    A log's key (type 01) is refused, and so is ML-DSA-44 where `cryptography` lacks it.
    """
    return _cosigner(*note.split_vkey(vkey))


def key_from_seed(name: str, algorithm: int, seed: bytes) -> CosigningKey:
    """Return the private key under `name` made of `seed`, 32 secret and random bytes.

    Raises ProofError NOTE_INVALID, never showing the seed.
    """
    note.check_name(name)
    if len(seed) != _SEED_SIZE:
        raise note.malformed("cosigning key", f"a seed of {len(seed)} bytes", str(_SEED_SIZE))
    if algorithm == ML_DSA_44:
        private = _ml_dsa(lambda: mldsa.MLDSA44PrivateKey.from_seed_bytes(seed))
        public_key = private.public_key().public_bytes_raw()
        return CosigningKey(_cosigner(name, algorithm, public_key), private.sign)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public_key = key.public_key().public_bytes_raw()
    return CosigningKey(_cosigner(name, algorithm, public_key), key.sign)


def _cosigner(name: str, algorithm: int, public_key: bytes) -> Cosigner:
    if _KEY_SIZES.get(algorithm) != len(public_key):
        wrong = f"type {algorithm:#04x} with {len(public_key)} bytes does not cosign"
        raise note.malformed("cosigner", wrong, "Ed25519 (0x04) or ML-DSA-44 (0x06)", name)
    key: _PublicKey
    if algorithm == ML_DSA_44:
        _short(name, "cosigner name")
        key = _ml_dsa(lambda: mldsa.MLDSA44PublicKey.from_public_bytes(public_key))
    else:
        key = Ed25519PublicKey.from_public_bytes(public_key)

    def holds(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return Cosigner(name, algorithm, public_key, holds)


def _ml_dsa(load: Callable[[], Key]) -> Key:
    try:
        if mldsa is not None:
            return load()
    except UnsupportedAlgorithm:  # the library is new enough, what it is linked with is not
        pass
    wrong = "ML-DSA-44 (0x06), which this installation cannot compute"
    raise note.malformed("cosigner", wrong, "cryptography 48 or later, or a key of type 0x04")


# Messages and lines.


def message(cosigner: Cosigner, text: bytes, time: int) -> bytes:
    """Return the bytes that `cosigner` signs for the checkpoint `text` at `time`.

    text: of the note, with its last newline. time: seconds since 1970, 0 to 2^63-1.
    Raises ProofError NOTE_INVALID if `text` is no checkpoint, or one too long for ML-DSA-44.
    """
    seen = checkpoint.parse_checkpoint(text)
    if not 0 <= time <= MAX_TIME:
        raise note.malformed("cosignature time", "not a time", "0 to 2^63-1 seconds", time)
    if cosigner.algorithm == ED25519:
        return b"cosignature/v1\ntime %d\n" % time + text
    name, origin = _short(cosigner.name, "cosigner name"), _short(seen.origin, "checkpoint origin")
    head = b"subtree/v1\n\0" + bytes([len(name)]) + name + struct.pack(">Q", time)
    return head + bytes([len(origin)]) + origin + struct.pack(">QQ", 0, seen.size) + seen.root


def _short(text: str, where: str) -> bytes:
    data = text.encode()
    if len(data) > _LONGEST_NAME:
        raise note.malformed(where, f"{len(data)} bytes", f"at most {_LONGEST_NAME}", text)
    return data


def parse_cosignature(line: note.Signature) -> Cosignature:
    """Return the cosignature that `line` holds, verified by nothing.

    Whether a line is one at all, only the key can tell: other kinds may be as long.
    Raises ProofError NOTE_INVALID for any other length, and for a time above 2^63-1.
    """
    sizes = sorted(8 + size for size in _SIGNATURE_SIZES.values())
    if len(line.value) not in sizes:
        wrong = f"{len(line.value)} bytes after the key id"
        raise note.malformed("cosignature", wrong, " or ".join(map(str, sizes)), line.name)
    time = int.from_bytes(line.value[:8], "big")
    if time > MAX_TIME:
        raise note.malformed("cosignature time", "not a time", "0 to 2^63-1 seconds", time)
    return Cosignature(line.name, line.key_id, time, line.value[8:])


def format_cosignature(cosignature: Cosignature) -> note.Signature:
    """Return the signature line of `cosignature`; raises NOTE_INVALID if it would not read back."""
    time = cosignature.time
    if not 0 <= time <= MAX_TIME:
        raise note.malformed("cosignature time", "not a time", "0 to 2^63-1 seconds", time)
    value = struct.pack(">Q", time) + cosignature.signature
    line = note.Signature(cosignature.name, cosignature.key_id, value)
    parse_cosignature(line)
    return line


# Making and checking.


def cosign(text: bytes, key: CosigningKey, time: int) -> note.Signature:
    """Return the line by which `key` cosigns the checkpoint `text` at `time`.

    time: seconds since 1970, from 1 on: a witness always states it. Whoever calls this has
    checked, and stored, that the checkpoint is consistent with all it cosigned before.
    Raises ProofError NOTE_INVALID.
    """
    if time < 1:
        raise note.malformed("cosignature time", "not a time", "1 to 2^63-1 seconds", time)
    who = key.cosigner
    signature = key.sign(message(who, text, time))
    return format_cosignature(Cosignature(who.name, who.key_id, time, signature))


def open_cosignatures(
    opened: note.Note, witnesses: Mapping[str, Cosigner]
) -> dict[str, Cosignature]:
    """Verify the cosignatures under `opened` and return those of `witnesses`, by their names.

    witnesses: the keys to look for, under the names that the caller has for them.
    1. A line by a key that is not among them is ignored.
    2. Each line by one of them must hold, else the whole note is refused (SIGNATURE_INVALID).
    3. Of several lines by one key the first is kept: a key counts once.

    Raises ProofError: SIGNATURE_INVALID; NOTE_INVALID if the text is no checkpoint, or two of
    `witnesses` have one key. Source: C2SP tlog-cosignature; signed-note, "Signatures".
    """
    checkpoint.parse_checkpoint(opened.text)
    known = _by_identity(witnesses)
    found: dict[str, Cosignature] = {}
    for line in (*opened.verified_signatures, *opened.unverified):
        name = known.get((line.name, line.key_id))
        if name is not None:  # 1
            found.setdefault(name, _verified(opened.text, line, witnesses[name]))  # 2, 3
    return found


def verify_cosignatures(opened: note.Note, witnesses: Mapping[str, Cosigner]) -> dict[str, int]:
    """Return when each of `witnesses` cosigned `opened`, in seconds since 1970, by their names.

    Who did not cosign is absent; 0 is an ML-DSA-44 cosigner that states no time.
    Raises what `open_cosignatures` raises.
    """
    return {name: found.time for name, found in open_cosignatures(opened, witnesses).items()}


def _by_identity(witnesses: Mapping[str, Cosigner]) -> dict[tuple[str, bytes], str]:
    known: dict[tuple[str, bytes], str] = {}
    keys: set[bytes] = set()
    for name, cosigner in witnesses.items():
        identity = (cosigner.name, cosigner.key_id)
        # Ed25519 does not sign the name: under two names one signature would count twice.
        if identity in known or cosigner.public_key in keys:
            raise note.malformed("witnesses", "two of one key", "each key once", cosigner.vkey)
        known[identity] = name
        keys.add(cosigner.public_key)
    return known


def _verified(text: bytes, line: note.Signature, cosigner: Cosigner) -> Cosignature:
    try:
        read = parse_cosignature(line)
        good = cosigner.holds(message(cosigner, text, read.time), read.signature)
    except errors.ProofError:
        good = False
    if not good:
        who = f"{line.name}+{line.key_id.hex()}"
        raise errors.ProofError(
            "SIGNATURE_INVALID", f"note: the cosignature of {who} does not verify", field=who
        )
    return read
