"""The keys of a witness, in files of its directory that only their owner reads.

    witness.key           PRIVATE+KEY+<name>+<key id>+base64(0x04 ‖ seed)      always
    witness-ml-dsa.key    the same with 0x06: ML-DSA-44                        if it was asked for

Ed25519 does not sign the cosigner's name, so this seed serves for nothing else. A key stands for
what its store remembers: it is not loaded where the store is gone.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Final

from ledger import errors, keys
from ledger.tlog import cosignature, note

KEY_FILES: Final = {
    cosignature.ED25519: "witness.key",
    cosignature.ML_DSA_44: "witness-ml-dsa.key",
}
STORE_FILE: Final = "witness.sqlite"

_SEED_BYTES: Final = 32


def exists(directory: Path) -> bool:
    """Whether a witness lives in `directory`."""
    return (directory / KEY_FILES[cosignature.ED25519]).exists()


def make(directory: Path, name: str, algorithm: int) -> cosignature.CosigningKey:
    """Make a key under `name`; ProofError NOTE_INVALID if that cannot name one."""
    seed = secrets.token_bytes(_SEED_BYTES)
    made = cosignature.key_from_seed(name, algorithm, seed)
    text = _format(made.cosigner, seed)
    keys.write_secret(directory / KEY_FILES[algorithm], text.encode() + b"\n")
    return made


def load(directory: Path, name: str = "") -> tuple[cosignature.CosigningKey, ...]:
    """The keys in `directory`, Ed25519 first, all of one name.

    RuleError SETTING_INVALID if they have another name than `name`, or the store is gone.
    """
    files = [(a, directory / f) for a, f in KEY_FILES.items() if (directory / f).exists()]
    loaded = tuple(_load(path, algorithm) for algorithm, path in files)
    found = {key.cosigner.name for key in loaded}
    if name and found != {name}:
        raise errors.RuleError(
            "SETTING_INVALID",
            f"{directory}: the witness here is {', '.join(sorted(found))}, not {name}",
            hint="leave --name out, or make another witness in another directory",
        )
    if not (directory / STORE_FILE).exists():
        raise errors.RuleError(
            "SETTING_INVALID",
            f"{directory / STORE_FILE}: gone, but its key is there",
            hint="a witness that forgot what it cosigned could cosign a fork: retire this key, "
            "make a new witness, and give out its vkey",
        )
    return loaded


def _format(cosigner: cosignature.Cosigner, seed: bytes) -> str:
    encoded = base64.b64encode(bytes([cosigner.algorithm]) + seed).decode()
    return f"PRIVATE+KEY+{cosigner.name}+{cosigner.key_id.hex()}+{encoded}"


def _load(path: Path, algorithm: int) -> cosignature.CosigningKey:
    try:
        text = path.read_bytes().decode("utf-8", "replace").strip()
    except OSError as error:
        raise errors.CorruptError(
            "SETTING_INVALID", f"witness key: cannot read {path}: {error.strerror}"
        ) from error
    name, seed = _split(text)
    if len(seed) == _SEED_BYTES:
        key = cosignature.key_from_seed(name, algorithm, seed)
        if _format(key.cosigner, seed) == text:
            return key
    raise errors.CorruptError("SETTING_INVALID", f"{path}: not the key of a witness")


def _split(text: str) -> tuple[str, bytes]:
    """The name and the seed; nothing where there are none, and no error that carries them along."""
    parts = text.split("+", 4)
    try:
        note.check_name(parts[2])
        return parts[2], note.decode_base64(parts[4], "witness key")[1:]
    except (IndexError, errors.ProofError):
        return "", b""
