"""What the doctor finds, and what it says to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger import keys, lastrun, readiness
from ledger.store import engine as engines
from tests.cluster import Cluster
from tests.operations.conftest import NewPlace, Place, Run, Said
from tests.store import plant


def findings(said: Said) -> dict[str, str]:
    """Check -> state."""
    return {check["name"]: check["state"] for check in said.json["checks"]}


def the(said: Said, name: str) -> dict[str, str]:
    (found,) = [check for check in said.json["checks"] if check["name"] == name]
    return dict(found)


def change(place: Place, *statements: str) -> None:
    engine = engines.connect(place.url)
    with engines.writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_a_sound_ledger_has_nothing_failed(place: Place, remelt: Run, tmp_path: Path) -> None:
    assert remelt("backup", tmp_path / "b.zip", *place.options).status == 0
    assert remelt("audit", *place.options).status == 0
    said = remelt("doctor", "--json", *place.options)
    assert said.status == 0
    assert said.json["ok"] is True
    states = findings(said)
    assert {n for n, s in states.items() if s != "ok"} <= {"append-only", "fonts", "file system"}
    for name in (
        "settings", "directory", "keys/log.key", "disk", "database", "durability", "tables",
        "append-only", "log key", "other keys", "log", "checkpoint", "clock", "backup", "audit",
    ):  # fmt: skip
        assert name in states
    kind = "SQLite 3." if place.url.startswith("sqlite") else "PostgreSQL "
    assert the(said, "database")["message"].startswith(kind)
    assert "12 entries; the last 12 hang together" in the(said, "log")["message"]
    shown = remelt("doctor", *place.options)
    assert f"ok    log                {plant.ORIGIN}: 12 entries" in shown.out
    assert f"{len(states)} checks: 0 failed" in shown.out


def test_every_finding_says_what_to_do(remelt: Run, tmp_path: Path) -> None:
    said = remelt("doctor", "--json", "--data", tmp_path / "nowhere")
    assert said.status == 1
    assert said.json["ok"] is False
    assert all(check["hint"] for check in said.json["checks"] if check["state"] != "ok")
    assert findings(said)["directory"] == findings(said)["database"] == "fail"
    assert not (tmp_path / "nowhere").exists(), "looking makes nothing"


def test_a_wrong_setting_is_a_finding(remelt: Run) -> None:
    said = remelt("doctor", "--json", REMELT_DATBASE="x")
    assert said.status == 1
    assert "REMELT_DATBASE" in the(said, "settings")["message"]
    assert "REMELT_DATABASE" in the(said, "settings")["hint"]


def spoil_mode(place: Place) -> None:
    (place.data / "keys/master.key").chmod(0o640)


def spoil_directory(place: Place) -> None:
    place.data.chmod(0o755)


def spoil_revision(place: Place) -> None:
    change(place, "UPDATE alembic_version SET version_num = '9999'")


def spoil_old_revision(place: Place) -> None:
    change(place, "UPDATE alembic_version SET version_num = '0001'")


def spoil_clock(place: Place) -> None:
    change(place, "UPDATE head SET at_ms = at_ms + 3600000")


def spoil_log_key(place: Place) -> None:
    (place.data / "keys/log.key").unlink()
    keys.create_log_key(place.settings, "other.example/log")


def spoil_same_name_key(place: Place) -> None:
    (place.data / "keys/log.key").unlink()
    keys.create_log_key(place.settings, plant.ORIGIN)


def spoil_master_key(place: Place) -> None:
    (place.data / "keys/master.key").write_text("short\n")


def spoil_tile(place: Place) -> None:
    change(place, "UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE level = 0")


def spoil_head(place: Place) -> None:
    change(place, "UPDATE head SET size = size - 1")


def spoil_audit(place: Place) -> None:
    lastrun.write(place.settings, lastrun.AUDIT, {"size": 12, "clean": False})


@pytest.mark.parametrize(
    ("spoil", "name", "message", "hint"),
    [
        (spoil_mode, "keys/master.key", "mode 0640", "chmod 600"),
        (spoil_directory, "directory", "mode 0755", "chmod 700"),
        (spoil_revision, "tables", "at revision 9999", "install the newer version"),
        (spoil_old_revision, "tables", "at revision 0001", "remelt db upgrade"),
        (spoil_clock, "clock", "before the last entry", "NTP"),
        (spoil_log_key, "log key", "named other.example/log", "keys of this log"),
        (spoil_same_name_key, "log key", "does not name", "keys of this log"),
        (spoil_master_key, "other keys", "want 64 hex digits", "secrets.token_hex"),
        (spoil_tile, "log", "tile/0/000", "remelt audit"),
        (spoil_head, "log", "", "remelt audit"),
        (spoil_audit, "audit", "NOT CLEAN", "remelt audit"),
    ],
)
def test_what_is_wrong_is_found(
    spoil: Callable[[Place], None], name: str, message: str, hint: str, place: Place, remelt: Run
) -> None:
    spoil(place)
    said = remelt("doctor", "--json", *place.options)
    assert said.status == 1
    found = the(said, name)
    assert found["state"] == "fail"
    assert message in found["message"]
    assert hint in found["hint"]


def test_a_dropped_trigger_is_found(place: Place, remelt: Run) -> None:
    if not place.url.startswith("sqlite"):
        pytest.skip("PostgreSQL's roles are looked at, not its triggers")
    change(place, "DROP TRIGGER entries_no_update")
    assert the(remelt("doctor", "--json", *place.options), "append-only")["state"] == "fail"


def test_an_old_or_missing_backup_is_worth_a_look(place: Place, remelt: Run) -> None:
    assert findings(remelt("doctor", "--json", *place.options))["backup"] == "warn"
    now = {"at_ms": time.time_ns() // 1_000_000 - 5 * 86_400_000, "size": 12}
    (place.data / lastrun.BACKUP).write_text(json.dumps(now))
    said = remelt("doctor", "--json", *place.options)
    assert said.status == 0
    assert the(said, "backup")["message"] == "12 entries, 5 days ago"
    assert the(said, "backup")["state"] == "warn"


def test_keys_in_the_environment_itself_are_worth_a_look(place: Place, remelt: Run) -> None:
    text_ = (place.data / "keys/master.key").read_text().strip()
    said = remelt("doctor", "--json", *place.options, REMELT_MASTER_KEY=text_)
    assert the(said, "REMELT_MASTER_KEY")["state"] == "warn"
    assert text_ not in said.out + said.err
    said = remelt(
        "doctor", "--json", *place.options,
        REMELT_MASTER_KEY_FILE=str(place.data / "keys/master.key"),
    )  # fmt: skip
    assert "REMELT_MASTER_KEY" not in findings(said)


@pytest.mark.postgres
def test_the_rights_of_a_role_are_looked_at(
    new_place: NewPlace, place: Place, remelt: Run, cluster: Cluster
) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("SQLite has no roles")
    assert the(remelt("doctor", "--json", *place.options), "append-only")["state"] == "warn"
    name = place.url.partition("?")[0].rpartition("/")[2]
    role = f"clerk_{name}"
    cluster.query(f"CREATE ROLE {role} LOGIN")
    cluster.query(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}", name)
    clerk = ["--data", str(place.data), "--database", cluster.url(name, role)]
    said = remelt("doctor", "--json", *clerk)
    assert the(said, "append-only")["state"] == "ok"
    assert f"{role} may add to the log" in the(said, "append-only")["message"]
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        cluster.query(f"GRANT {right} ON entries TO {role}", name)
        said = remelt("doctor", "--json", *clerk)
        assert the(said, "append-only")["state"] == "fail"
        assert "REVOKE UPDATE, DELETE, TRUNCATE" in the(said, "append-only")["hint"]
        cluster.query(f"REVOKE {right} ON entries FROM {role}", name)
    cluster.query(f"DROP OWNED BY {role}", name)


def test_an_unreachable_database_is_named_without_its_password(remelt: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    url = "postgresql://remelt:hunter2@127.0.0.1:1/remelt"
    said = remelt("doctor", "--json", "--data", tmp_path, "--database", url)
    assert said.status == 1
    assert "remelt:***@127.0.0.1" in the(said, "database")["message"]
    assert "hunter2" not in said.out + said.err


def test_room_on_the_disk_is_judged(
    place: Place, remelt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A disk cannot be filled here; the limits can be moved beyond what any disk has.
    monkeypatch.setattr(readiness, "DISK_WARN_BYTES", 1 << 80)
    assert findings(remelt("doctor", "--json", *place.options))["disk"] == "warn"
    monkeypatch.setattr(readiness, "DISK_FAIL_BYTES", 1 << 80)
    said = remelt("doctor", "--json", *place.options)
    assert (said.status, the(said, "disk")["state"]) == (1, "fail")
    assert "nearly full" in the(said, "disk")["message"]
