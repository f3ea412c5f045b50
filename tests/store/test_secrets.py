"""No private key, no text of an API key and no private field where it does not belong."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text

from ledger import apikeys, keys, statements
from ledger.book import encoding, jose
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.store import damage, plant

NAMES = ("Hefei Metal Co.", "Li Wei", "皖A·12345", "yard 3")  # private in plant.story()


@pytest.fixture
def used(ledger: Ledger) -> Ledger:
    """A ledger in which something of everything was done."""
    ledger.sequencer.start()
    plant.accept(ledger, *plant.story())
    return ledger


def spellings(secret: bytes) -> set[bytes]:
    """Bytes as somebody might store or print them."""
    encoded = {base64.b64encode(secret), base64.urlsafe_b64encode(secret)}
    return {secret, secret.hex().encode(), *(text.rstrip(b"=") for text in encoded)}


def secrets_of_key(key: ec.EllipticCurvePrivateKey) -> set[bytes]:
    """The scalar in every spelling, and the middle lines of its PEM and DER."""
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    pkcs8 = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    der = key.private_bytes(serialization.Encoding.DER, pkcs8, plain)
    return {*spellings(scalar), *pem.split(b"\n")[1:3], der[30:70]}


def secrets_of(ledger: Ledger) -> set[bytes]:
    """Every private key of a ledger's directory and database."""
    settings, c = ledger.settings, tables.party_keys.c
    skey = (settings.keys / "log.key").read_bytes().strip()
    seed = base64.b64decode(skey.split(b"+", 4)[4])[1:]  # base64 may hold a plus of its own
    master = keys.load_master_key(settings)
    found = {skey, *spellings(seed), *spellings(master)}
    found |= secrets_of_key(keys.load_party_key(settings.keys / "operator.pem"))
    with engines.reading(ledger.engine) as connection:
        for kid, sealed in connection.execute(select(c.kid, c.sealed)):
            found |= secrets_of_key(keys.unseal(master, sealed, kid))
    assert min(map(len, found)) >= 32
    return found


_FILES = (
    "SELECT current_setting('data_directory'), oid FROM pg_database "
    "WHERE datname = current_database()"
)


def database_bytes(ledger: Ledger) -> bytes:
    """The files in which the database keeps what is in it."""
    if ledger.engine.dialect.name == "postgresql":
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            place = connection.execute(text(_FILES)).one()
        files = [f for f in (Path(place[0]) / "base" / str(place[1])).iterdir() if f.is_file()]
    else:
        files = sorted(ledger.settings.data.glob("ledger.sqlite*"))
        assert len(files) >= 3  # with the write-ahead log and its index
    return b"\n".join(file.read_bytes() for file in files)


def test_no_private_key_is_in_the_database(used: Ledger) -> None:
    secrets = secrets_of(used)
    assert len(secrets) > 4 * 5  # log, master, operator, two parties
    there = database_bytes(used)
    assert [secret for secret in secrets if secret in there] == []
    assert b"sealed" in there  # the search would find what is there


def test_no_text_of_an_api_key_is_in_the_database(used: Ledger) -> None:
    key = apikeys.create(used, "HEFEI", ["record", "read"], "door")
    prefix, key_id, secret = key.split("_")
    there = database_bytes(used)
    assert key_id.encode() in there
    assert secret.encode() not in there
    assert base64.b32decode(secret.upper()) not in there
    found = apikeys.check(used, key)
    assert found is not None
    assert (found.party, found.key_id) == ("HEFEI", key_id)
    assert apikeys.check(used, f"{prefix}_{key_id}_{secret[::-1]}") is None
    assert all(secret not in str(row) for row in apikeys.listing(used))
    apikeys.revoke(used, key_id)
    assert apikeys.check(used, key) is None


def test_private_fields_are_in_no_entry(used: Ledger) -> None:
    with engines.reading(used.engine) as connection:
        leaves = b"".join(connection.execute(select(tables.entries.c.leaf)).scalars())
        texts = connection.execute(select(tables.disclosures.c.text)).scalars().all()
    payloads = b"".join(
        jose.parse(plant.leaf(used, n).statement).payload for n in range(used.head().size)
    )
    values = [encoding.decode(jose.b64url_decode(text, ""))[2] for text in texts]
    assert set(NAMES) <= set(values)
    for value in values:
        for written in (
            value.encode(),
            encoding.canonical(value),
            base64.b64encode(value.encode()),
        ):
            assert written not in leaves + payloads


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_no_secret_is_logged_whatever_happens(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    for name in ("", "remelt", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool"):
        caplog.set_level(level, name)
    ledger.sequencer.start()
    own = keys.new_party_key()
    body = {
        "party": "HEFEI", "custody": "self", "key": jose.public_jwk(own.public_key()),
        "proof": statements.proof_of_possession(plant.ORIGIN, "HEFEI", own),
    }  # fmt: skip
    plant.accept(ledger, *plant.story(), plant.registration("TONGLING"))
    plant.accept(ledger, statements.envelope(plant.ORIGIN, "HEFEI", "key_added", body))
    api_key = apikeys.create(ledger, "HEFEI", ["record"], "door")
    apikeys.check(ledger, api_key)
    with engines.writing(ledger.engine) as connection:
        damage.refuse_inserts(connection, "party_keys")
    private = {"name": "Tongling Copper Ltd."}
    told = []
    for envelope in (
        plant.registration("XUZHOU") | {"private": private},
        plant.receipt("HF01/A", private={"note": "not twice"}),
        plant.receipt("HF01/Z", origin="x"),
    ):
        try:
            plant.accept(ledger, envelope)
        except (LedgerError, AssertionError) as error:
            told.append(f"{error!r} {error}")
    assert len(told) == 3
    logged = (caplog.text + "\n".join(told)).encode()
    assert b"commit failed" in logged
    secrets = secrets_of(ledger) | secrets_of_key(own) | {api_key.encode()}
    secrets |= {api_key.rpartition("_")[2].encode()}
    secrets |= {value.encode() for value in (*NAMES, *private.values(), "not twice")}
    assert [secret for secret in secrets if secret in logged] == []


def test_a_ledger_and_its_parts_can_be_printed(used: Ledger) -> None:
    shown = f"{used!r} {used.sequencer!r} {used.settings!r} {used.sequencer.signers!r}".encode()
    assert [secret for secret in secrets_of(used) if secret in shown] == []
