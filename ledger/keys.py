"""Private keys at rest: the log's, the operator's, and those of custodial parties.

Files are created with mode 0600 in a directory of mode 0700; the environment may hold the log's,
the operator's and the master key in their place (ledger/settings.py). Keys of custodial parties lie
in the database, sealed with AES-256-GCM under the master key; the kid is bound in as associated
data.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.book import jose
from ledger.errors import CorruptError, RuleError
from ledger.tlog import note

if TYPE_CHECKING:  # a client that signs has no database, and settings know of one
    from ledger.settings import Settings

_NONCE_BYTES: Final = 12


def write_secret(path: Path, data: bytes) -> None:
    """Create a file that only its owner reads. Raises FileExistsError rather than overwrite."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)  # what is signed or sealed with a key must not outlive its name


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


_NO_LEDGER: Final = "create a ledger with `remelt init`, or name its directory with --data"
_NO_KEY: Final = "make one with `remelt key new --out FILE`, or name the file that has it"


def _read(path: Path, what: str, hint: str = _NO_LEDGER) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{what}: cannot read {path}: {error.strerror}"
        raise CorruptError("SETTING_INVALID", message, hint=hint) from error


def _read_text(path: Path, what: str) -> str:
    # Bytes that are no text are refused by who parses it; a UnicodeError would carry them along.
    return _read(path, what).decode("ascii", errors="replace").strip()


def refuse_leftovers(settings: Settings) -> None:
    """RuleError SETTING_INVALID if there are key files where a new log is about to make its own."""
    held = {"log.key": settings.log_key, "operator.pem": settings.operator_key}
    held["master.key"] = settings.master_key
    found = [name for name in held if not held[name] and (settings.keys / name).exists()]
    if found:
        raise RuleError(
            "SETTING_INVALID",
            f"{settings.keys}: there are keys already: {', '.join(sorted(found))}",
            hint="a log is never opened twice: choose another data directory; if these keys belong "
            "to no log, or to one that was never finished, move them away first",
        )


def create_log_key(settings: Settings, origin: str) -> note.Signer:
    """Make the log's Ed25519 key, named like its origin, unless the environment holds one."""
    if settings.log_key:
        signer, *others = load_log_keys(settings)
        if signer.name != origin or others:
            raise RuleError(
                "SETTING_INVALID",
                f"REMELT_LOG_KEY: a key named {signer.name}, want one key, named {origin}",
                hint="unset it, and `remelt init` makes one",
            )
        return signer
    skey = note.generate_skey(origin, secrets.token_bytes(32))
    write_secret(settings.keys / "log.key", skey.encode() + b"\n")
    return note.parse_skey(skey)


def load_log_keys(settings: Settings) -> tuple[note.Signer, ...]:
    """The log's signing keys, one a line, the oldest first; each of them signs every checkpoint."""
    text = settings.log_key or _read_text(settings.keys / "log.key", "log key")
    return tuple(note.parse_skey(line) for line in text.split() or [""])


def create_operator_key(settings: Settings) -> ec.EllipticCurvePrivateKey:
    """Make the operator's key, unless the environment holds one."""
    held = load_operator_key(settings) if settings.operator_key else None
    if held is None:
        held = new_party_key()
        save_party_key(settings.keys / "operator.pem", held)
    return held


def load_operator_key(settings: Settings) -> ec.EllipticCurvePrivateKey | None:
    """The operator's key; None where it is kept elsewhere."""
    path = settings.keys / "operator.pem"
    if settings.operator_key:
        return _from_pem(settings.operator_key.encode(), "REMELT_OPERATOR_KEY")
    return load_party_key(path) if path.exists() else None


def new_party_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def save_party_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a party's own key as PKCS 8 PEM, unencrypted, for its owner only."""
    write_secret(path, _pem(key))


def load_party_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A party's key from PEM."""
    return _from_pem(_read(path, "key", _NO_KEY), str(path))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _from_pem(pem: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise CorruptError("SETTING_INVALID", f"{where}: no private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise CorruptError("SETTING_INVALID", f"{where}: not a P-256 key")
    return key


def kid_of(key: ec.EllipticCurvePrivateKey) -> str:
    """The thumbprint statements name."""
    return jose.thumbprint(jose.public_jwk(key.public_key()))


def create_master_key(settings: Settings) -> None:
    """Make the key that seals custodial keys, unless the environment holds one."""
    if not settings.master_key:
        write_secret(settings.keys / "master.key", secrets.token_hex(32).encode() + b"\n")


def load_master_key(settings: Settings) -> bytes:
    """The 32 bytes that seal custodial keys."""
    text = settings.master_key or _read_text(settings.keys / "master.key", "master key")
    if re.fullmatch("[0-9a-fA-F]{64}", text) is None:
        raise CorruptError(
            "SETTING_INVALID",
            f"master key: {len(text)} characters, want 64 hex digits",
            hint="make one: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return bytes.fromhex(text)


def seal(master: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A custodial party's key, encrypted for the database."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(master).encrypt(nonce, _pem(key), kid_of(key).encode())


def unseal(master: bytes, sealed: bytes, kid: str) -> ec.EllipticCurvePrivateKey:
    """The key again. CorruptError if master key or bytes are wrong."""
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        pem = AESGCM(master).decrypt(nonce, body, kid.encode())
    except (InvalidTag, ValueError) as error:
        raise CorruptError(
            "STORE_CORRUPT", f"key {kid}: cannot be unsealed", hint="is this the right master key?"
        ) from error
    return _from_pem(pem, kid)
