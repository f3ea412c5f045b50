"""Keys of parties, and API keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from api.commands import output
from api.commands.ledgers import where
from ledger import apikeys, keys, statements
from ledger.book import jose
from ledger.service import Ledger


def key_new(arguments: argparse.Namespace) -> int:
    key = keys.new_party_key()
    keys.save_party_key(Path(arguments.out), key)
    shown: dict[str, Any] = {
        "kid": keys.kid_of(key),
        "key": jose.public_jwk(key.public_key()),
    }
    if arguments.log and arguments.party:
        shown["proof"] = statements.proof_of_possession(arguments.log, arguments.party, key)
    output.json(shown)
    return 0


def key_show(arguments: argparse.Namespace) -> int:
    key = keys.load_party_key(Path(arguments.file))
    output.json({"kid": keys.kid_of(key), "key": jose.public_jwk(key.public_key())})
    return 0


def apikey_new(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    text = apikeys.create(ledger, arguments.party, arguments.scope, arguments.label)
    if arguments.json:
        output.json({"party": arguments.party, "scopes": arguments.scope, "api_key": text})
        return 0
    print(text)
    # Beside the key, not with it: KEY=$(remelt apikey new …) takes the key alone.
    scopes = " ".join(arguments.scope)
    print(f"for {arguments.party}: {scopes}; it is not shown again", file=sys.stderr)
    return 0


def apikey_list(arguments: argparse.Namespace) -> int:
    rows = apikeys.listing(Ledger.open(where(arguments)))
    if arguments.json:
        output.json(rows)
        return 0
    for row in rows:
        state = "revoked" if row["revoked_ms"] else "valid"
        print(f"{row['key_id']}  {row['party']:<24} {row['scopes']:<18} {state:<8} {row['label']}")
    return 0


def apikey_revoke(arguments: argparse.Namespace) -> int:
    apikeys.revoke(Ledger.open(where(arguments)), arguments.key_id)
    print(f"revoked {arguments.key_id}")
    return 0
