"""Private keys at rest: who can read them, what opens them, and what never shows them."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sqlalchemy import select

from ledger import keys, service
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests.store import plant

FILES = ("log.key", "master.key", "operator.pem")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def lax_umask() -> Iterator[None]:
    """Everything that does not say otherwise can be read and written by all."""
    before = os.umask(0)
    yield
    os.umask(before)


def refused(call: Callable[[], object]) -> LedgerError:
    """The refusal of a call, which shows no private byte, not even in its causes."""
    with pytest.raises(LedgerError) as raised:
        call()
    shown = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))
    assert "BEGIN" not in shown
    assert "PRIVATE+KEY+x" not in shown
    return raised.value


@pytest.mark.usefixtures("lax_umask")
def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    settings = plant.settings_of(tmp_path / "new")
    service.create(settings, plant.ORIGIN, plant.OPERATOR, {}).engine.dispose()
    assert mode(settings.keys) == 0o700
    assert sorted(path.name for path in settings.keys.iterdir()) == sorted(FILES)
    assert {mode(settings.keys / name) for name in FILES} == {0o600}


def test_a_secret_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    keys.write_secret(path, b"first")
    with pytest.raises(FileExistsError):
        keys.write_secret(path, b"second")
    assert path.read_bytes() == b"first"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")  # not through a link that somebody put there
    with pytest.raises(FileExistsError):
        keys.write_secret(path, b"second")
    assert not (tmp_path / "elsewhere").exists()


def test_a_log_is_opened_once_and_keeps_its_keys(data: Path) -> None:
    settings = plant.settings_of(data)
    before = {name: (settings.keys / name).read_bytes() for name in FILES}
    error = refused(lambda: service.create(settings, plant.ORIGIN, plant.OPERATOR, {}))
    assert error.code == "SETTING_INVALID"
    for create in (
        lambda: keys.create_log_key(settings, plant.ORIGIN),
        lambda: keys.create_master_key(settings),
        lambda: keys.save_party_key(settings.keys / "operator.pem", keys.new_party_key()),
    ):
        with pytest.raises(FileExistsError):
            create()
    assert {name: (settings.keys / name).read_bytes() for name in FILES} == before


def test_keys_read_back_as_they_were_written(tmp_path: Path) -> None:
    settings = plant.settings_of(tmp_path)
    signer = keys.create_log_key(settings, plant.ORIGIN)
    assert [s.verifier for s in keys.load_log_keys(settings)] == [signer.verifier]
    assert signer.name == plant.ORIGIN
    key = keys.new_party_key()
    keys.save_party_key(tmp_path / "own.pem", key)
    assert scalar(keys.load_party_key(tmp_path / "own.pem")) == scalar(key)
    keys.create_master_key(settings)
    assert len(keys.load_master_key(settings)) == 32


def scalar(key: ec.EllipticCurvePrivateKey) -> int:
    return key.private_numbers().private_value


def test_the_master_key_of_the_environment_wins_and_leaves_no_file(tmp_path: Path) -> None:
    settings = replace(plant.settings_of(tmp_path), master_key="ab" * 32)
    keys.create_master_key(settings)
    assert not settings.keys.exists()
    assert keys.load_master_key(settings) == b"\xab" * 32


@pytest.mark.parametrize(
    "text", ["ab" * 31, "ab" * 33, "xy" * 32, "ab" * 31 + "a", "ab " * 32, "٣" * 64]
)
def test_a_master_key_of_another_shape_is_refused_without_showing_it(
    tmp_path: Path, text: str
) -> None:
    settings = replace(plant.settings_of(tmp_path), master_key=text)
    error = refused(lambda: keys.load_master_key(settings))
    assert error.code == "SETTING_INVALID"
    assert text not in str(error)


# Sealed keys.


def test_sealed_and_unsealed_is_the_same_key_and_never_the_same_bytes() -> None:
    master, key = b"m" * 32, keys.new_party_key()
    sealed = [keys.seal(master, key) for _ in range(3)]
    assert len(set(sealed)) == 3
    for one in sealed:
        assert scalar(keys.unseal(master, one, keys.kid_of(key))) == scalar(key)


def test_another_master_key_or_kid_opens_nothing() -> None:
    key, other = keys.new_party_key(), keys.new_party_key()
    sealed = keys.seal(b"m" * 32, key)
    for master, kid in ((b"n" * 32, keys.kid_of(key)), (b"m" * 32, keys.kid_of(other))):
        error = refused(partial(keys.unseal, master, sealed, kid))
        assert error.code == "STORE_CORRUPT"
        assert "master key" in error.hint


def test_a_sealed_key_with_any_byte_changed_or_missing_opens_nothing() -> None:
    master, key = b"m" * 32, keys.new_party_key()
    sealed, kid = keys.seal(master, key), keys.kid_of(key)
    changed = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    shorter = [sealed[:i] for i in range(len(sealed))]
    for wrong in (*changed, *shorter, sealed + b"\0"):
        error = refused(partial(keys.unseal, master, wrong, kid))
        assert error.code == "STORE_CORRUPT"


def test_custodial_keys_in_the_database_open_with_the_master_key_only(ledger: Ledger) -> None:
    c = tables.party_keys.c
    with engines.reading(ledger.engine) as connection:
        rows = connection.execute(select(c.kid, c.sealed, c.party)).all()
    assert [row.party for row in rows] == ["HEFEI", "WUHU"]
    master = keys.load_master_key(ledger.settings)
    for row in rows:
        assert keys.kid_of(keys.unseal(master, row.sealed, row.kid)) == row.kid
        refused(partial(keys.unseal, b"n" * 32, row.sealed, row.kid))


def test_a_ledger_with_another_master_key_does_not_sign_for_its_parties(data: Path) -> None:
    other = replace(plant.settings_of(data), master_key="ab" * 32)
    ledger = Ledger.open(other)
    ledger.sequencer.start()
    error = refused(lambda: plant.record(ledger, plant.receipt("HF01/A")))
    assert error.code == "STORE_CORRUPT"
    assert plant.audited(ledger).size == plant.SIZE
    plant.close(ledger)


# Files that are no keys.


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: str = "") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption(),
    )


WRONG_PEM = {
    "empty": b"",
    "text": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "bytes": bytes(range(256)),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "another kind": pem(ed25519.Ed25519PrivateKey.generate()),
    "encrypted": pem(ec.generate_private_key(ec.SECP256R1()), "secret"),
}


@pytest.mark.parametrize("name", WRONG_PEM)
def test_a_file_that_is_no_key_of_ours_is_named_and_not_shown(tmp_path: Path, name: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(WRONG_PEM[name])
    error = refused(lambda: keys.load_party_key(path))
    assert error.code == "SETTING_INVALID"
    assert str(path) in error.message


@pytest.mark.parametrize("content", [b"", b"PRIVATE+KEY+x+00000000+AAAA", bytes(range(128, 256))])
@pytest.mark.parametrize("name", ["log.key", "master.key"])
def test_a_damaged_key_file_is_refused_without_showing_it(
    data: Path, name: str, content: bytes
) -> None:
    settings = plant.settings_of(data)
    (settings.keys / name).write_bytes(content)
    load = {"log.key": keys.load_log_keys, "master.key": keys.load_master_key}[name]
    error = refused(lambda: load(settings))
    assert error.code in ("SETTING_INVALID", "NOTE_INVALID")


@pytest.mark.parametrize("load", [keys.load_log_keys, keys.load_master_key, Ledger.open])
def test_a_missing_key_file_is_named_with_what_to_do(
    data: Path, load: Callable[[object], object]
) -> None:
    settings = plant.settings_of(data)
    for name in FILES:
        (settings.keys / name).unlink()
    error = refused(lambda: load(settings))
    assert error.code == "SETTING_INVALID"
    assert str(settings.keys) in error.message
    assert "remelt init" in error.hint
