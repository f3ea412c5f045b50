"""A witness in a directory of its own, with a key and a clock that the test chooses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger import witness as witnesses
from ledger.tlog import cosignature, witness
from ledger.witness import identity, logs
from tests.unit.ledger.tlog import vectors

KNOWN = (logs.of_vkey(vectors.LOG.vkey),)


@dataclass
class Clock:
    now: int = vectors.W1_TIME

    def __call__(self) -> int:
        return self.now


def plant_key(directory: Path, algorithm: int = cosignature.ED25519) -> None:
    """The key of the worked example, made of the seed 00..1f."""
    key_id = cosignature.key_from_seed(vectors.W1_NAME, algorithm, vectors.SEED).cosigner.key_id
    encoded = base64.b64encode(bytes([algorithm]) + vectors.SEED).decode()
    path = directory / identity.KEY_FILES[algorithm]
    path.write_text(f"PRIVATE+KEY+{vectors.W1_NAME}+{key_id.hex()}+{encoded}\n", encoding="ascii")


def new(directory: Path) -> Path:
    """The directory of the worked example's witness, which has seen nothing."""
    made = directory / "witness"
    config = witnesses.Config(made, vectors.W1_NAME)
    witnesses.ensure(config)
    plant_key(made)
    return made


def open_at(
    directory: Path,
    judges: Mapping[str, witnesses.Judge] | None = None,
    now_s: Clock | None = None,
    known: tuple[logs.Log, ...] = KNOWN,
) -> witnesses.Witness:
    config = witnesses.Config(directory, known=known)
    return witnesses.open_witness(config, judges, now_s or Clock())


def asked(old_size: int, size: int) -> bytes:
    """The request to cosign the Tessera log at `size`."""
    request = witness.make_request(old_size, vectors.signed(size), vectors.SUBTREE)
    return witness.format_request(request)
