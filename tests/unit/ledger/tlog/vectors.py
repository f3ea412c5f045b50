"""The log and the witnesses that the tests of this directory share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger import errors
from ledger.tlog import checkpoint, cosignature, note, proof, tree

# transparency-dev/tessera testdata/log
ORIGIN = "example.com/log/testdata"
SKEY = f"PRIVATE+KEY+{ORIGIN}+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
LOG = note.parse_vkey(f"{ORIGIN}+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
LEAVES = [tree.leaf_hash(word.encode()) for word in WORDS.split()]
SUBTREE = proof.subtree_from_leaves(LEAVES)
TEXT_15 = f"{ORIGIN}\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n".encode()
NOTE_15 = (
    TEXT_15
    + (
        f"\n— {ORIGIN} M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQ"
        "zd/fmwlM/dlPWF74ewI=\n"
    ).encode()
)

# The witness of the worked example: seed 00..1f, over checkpoint 15 at 1700000000.
SEED = bytes(range(32))
W1_NAME = "witness.example/w1"
W1_VKEY = f"{W1_NAME}+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
W1_TIME = 1700000000
W1_LINE = (
    f"— {W1_NAME} 519lMgAAAABlU/EA8Ksalh7kTmlIFPRO/50jC8JyWktgWjbjpb8ZCaY7/1Pyo/Js5iv0"
    "m/SL/Pgn8ExkAr34GAbhHPwm6x2I0VpoBA==\n"
).encode()
W1 = cosignature.parse_vkey(W1_VKEY)
W1_KEY = cosignature.key_from_seed(W1_NAME, cosignature.ED25519, SEED)


def _second_key() -> tuple[cosignature.CosigningKey, str]:
    """The witness's ML-DSA-44 key; where that cannot be computed another Ed25519 key, and why."""
    try:
        return cosignature.key_from_seed(W1_NAME, cosignature.ML_DSA_44, SEED), ""
    except errors.ProofError as error:
        other = cosignature.key_from_seed(W1_NAME, cosignature.ED25519, SEED[::-1])
        return other, error.message


PQ_KEY, WHY_NO_ML_DSA = _second_key()
needs_ml_dsa = pytest.mark.skipif(bool(WHY_NO_ML_DSA), reason=WHY_NO_ML_DSA or "it is there")

# FiloSottile/sunlight cmd/skylight/testdata/witness
ROME_TEXT = b"rome2026h1.example.org\n300\nlCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=\n"
ROME_VKEY = "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN"
ROME_LINE = (
    "— witness.example.org uKLPIAAAAABpVGeAhm2bOvKc3LaB9PFN1ruG19Y5yqslmcAAbhftnn1Zznmo0LXFZq4LGvqK"
    "qLX8jWlwLKasxEGTLIqAVusneCBmBw==\n"
).encode()
ROME_TIME = 1767139200


def head(size: int) -> checkpoint.Checkpoint:
    """The checkpoint of the Tessera log at `size`."""
    return checkpoint.Checkpoint(ORIGIN, size, tree.root(LEAVES[:size]))


def signed(size: int) -> bytes:
    """The note of the Tessera log at `size`."""
    return checkpoint.sign_checkpoint(head(size), [note.parse_skey(SKEY)])


def refusal(call: Callable[[], object]) -> str:
    """The code of the ProofError that `call` raises, or nothing; any other error goes through."""
    try:
        call()
    except errors.ProofError as error:
        return error.code
    return ""
