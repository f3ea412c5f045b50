"""Settings: from the environment or files, refused when misspelt, never shown when secret."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from api import cli
from ledger import keys, service, settings
from ledger.errors import LedgerError
from tests.store import plant

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in an empty directory: status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("REMELT_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, text in environment.items():
                patch.setenv(name, text)
            status = cli.main(arguments)
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("REMELT_DATABSE", "REMELT_DATABASE"), ("REMELT_MASTER_KEY_FIEL", "REMELT_MASTER_KEY_FILE"),
     ("REMELT_HOST_FILE", "REMELT_HOST"), ("REMELT_", "REMELT_"), ("REMELT_QQQ", "REMELT_")],
)  # fmt: skip
@pytest.mark.parametrize("command", [["config", "show"], ["audit"], ["init", "--origin", "a.b/c"]])
def test_an_unknown_setting_is_refused_naming_the_nearest(
    run: Run, command: list[str], misspelt: str, meant: str
) -> None:
    status, out, err = run(*command, **{misspelt: "secret"})
    assert (status, out) == (1, "")
    assert f"{misspelt}: no such setting" in err
    assert f"is {meant}" in err
    assert "secret" not in err


def test_a_secret_comes_from_a_file_without_the_space_around_it(run: Run, tmp_path: Path) -> None:
    for name in ("log", "operator", "master"):
        assert not (tmp_path / name).exists()
    seed, key = keys.create_log_key(of(tmp_path / "a"), plant.ORIGIN), keys.new_party_key()
    log_key = (tmp_path / "a/keys/log.key").read_text()
    keys.save_party_key(tmp_path / "operator", key)
    (tmp_path / "log").write_text(f"\n {log_key}\n\n")
    (tmp_path / "master").write_text("ab" * 32 + "\n")
    environment = {
        "REMELT_LOG_KEY_FILE": str(tmp_path / "log"),
        "REMELT_OPERATOR_KEY_FILE": str(tmp_path / "operator"),
        "REMELT_MASTER_KEY_FILE": str(tmp_path / "master"),
    }
    status, _, err = run("init", "--origin", plant.ORIGIN, "--data", "new", **environment)
    assert (status, err) == (0, "")
    assert not (tmp_path / "new/keys").exists(), "the keys are kept elsewhere"
    status, out, _ = run("audit", "--data", "new", **environment)
    assert status == 0
    assert out.startswith("clean: 1 entries")
    # The keys of the environment are the ones that are used.
    found = settings.Settings(
        tmp_path / "new", f"sqlite:///{tmp_path}/new/ledger.sqlite", "", "ab" * 32, log_key.strip(),
        (tmp_path / "operator").read_text(),
    )  # fmt: skip
    ledger = service.Ledger.open(found)
    assert ledger.verifier == seed.verifier
    ledger.sequencer.start()
    plant.accept(ledger, plant.registration("HEFEI"))
    plant.close(ledger)
    # Without them nothing opens.
    assert run("audit", "--data", "new")[0] == 1


def of(data: Path) -> settings.Settings:
    return plant.settings_of(data)


def test_another_logs_key_in_the_environment_makes_no_log(run: Run, tmp_path: Path) -> None:
    keys.create_log_key(of(tmp_path / "other"), "another.example/log")
    text = (tmp_path / "other/keys/log.key").read_text().strip()
    status, _, err = run("init", "--origin", plant.ORIGIN, REMELT_LOG_KEY=text)
    assert status == 1
    assert "a key named another.example/log" in err
    assert text not in err


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"REMELT_MASTER_KEY": "a", "REMELT_MASTER_KEY_FILE": "b"}, "are both set"),
        ({"REMELT_MASTER_KEY_FILE": "nowhere"}, "nowhere cannot be read: No such file"),
        ({"REMELT_MASTER_KEY_FILE": "."}, "cannot be read: Is a directory"),
        ({"REMELT_MASTER_KEY_FILE": "empty"}, "empty is empty"),
        ({"REMELT_MASTER_KEY_FILE": "large"}, "large is larger than 64 KiB"),
        ({"REMELT_MASTER_KEY_FILE": "binary"}, "binary is not UTF-8 text"),
        ({"REMELT_LOG_LEVEL": "loud"}, "'loud', want one of debug, info, warning, error"),
        ({"REMELT_ACCESS_LOG": "yes"}, "'yes', want one of on, off"),
    ],
)
def test_a_wrong_setting_is_named(
    run: Run, tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    (tmp_path / "empty").write_bytes(b" \n")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe" * 20)
    status, out, err = run("config", "show", **environment)
    assert (status, out) == (1, "")
    assert said in err
    assert "xxxx" not in err


SECRETS = {
    "REMELT_DATABASE": "postgresql+psycopg://remelt:hunter2@db.example/remelt?password=hunter2",
    "REMELT_LOG_KEY": "hunter2",
    "REMELT_OPERATOR_KEY": "hunter2",
    "REMELT_MASTER_KEY": "hunter2",
    "REMELT_API_KEY": "hunter2",
    "REMELT_METRICS_TOKEN": "hunter2",
}


def test_config_show_names_every_setting_and_no_secret(run: Run) -> None:
    assert set(SECRETS) == {s.name for s in settings.SETTINGS if s.secret}
    status, out, _ = run("config", "show", "--data", "here", "--json", **SECRETS)
    rows = {row["name"]: row for row in json.loads(out)}
    assert status == 0
    assert "hunter2" not in out
    assert list(rows) == [s.name for s in settings.SETTINGS]
    assert rows["REMELT_DATA"]["source"] == "option"
    assert rows["REMELT_DATABASE"]["source"] == "environment"
    assert "remelt:***@db.example" in rows["REMELT_DATABASE"]["value"]
    assert rows["REMELT_HOST"]["source"] == "default"


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://remelt:hunter2@127.0.0.1:1/remelt",
     "postgresql+psycopg://remelt:hunter2@127.0.0.1:port/remelt",
     "postgresql+nodriver://remelt:hunter2@127.0.0.1/remelt",
     "remelt:hunter2@127.0.0.1", "hunter2://127.0.0.1/remelt@"],
)  # fmt: skip
@pytest.mark.parametrize("command", [["audit"], ["config", "show"], ["db", "upgrade"]])
def test_a_password_in_a_database_url_is_never_printed(
    run: Run, command: list[str], url: str
) -> None:
    status, out, err = run(*command, "--database", url)
    assert status in (0, 1, 2)
    assert "remelt:hunter2" not in out + err
    assert "hunter2@" not in out + err
    assert "Traceback" not in err


def test_a_log_is_not_made_over_leftover_keys(run: Run, tmp_path: Path) -> None:
    assert run("init", "--origin", plant.ORIGIN)[0] == 0
    (tmp_path / "remelt-data/ledger.sqlite").unlink()
    before = {p.name: p.read_bytes() for p in (tmp_path / "remelt-data/keys").iterdir()}
    status, _, err = run("init", "--origin", plant.ORIGIN)
    assert status == 1
    assert "SETTING_INVALID" in err
    assert "there are keys already: log.key, master.key, operator.pem" in err
    assert "move them away" in err
    assert {p.name: p.read_bytes() for p in (tmp_path / "remelt-data/keys").iterdir()} == before
    assert not (tmp_path / "remelt-data/ledger.sqlite").exists(), "nothing half is left"
    (tmp_path / "remelt-data/keys").rename(tmp_path / "away")
    assert run("init", "--origin", plant.ORIGIN)[0] == 0
    assert stat.S_IMODE((tmp_path / "remelt-data/keys/log.key").stat().st_mode) == 0o600


def test_the_error_of_a_wrong_setting_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMELT_NONSENSE", "1")
    with pytest.raises(LedgerError) as raised:
        settings.load()
    assert raised.value.code == "SETTING_INVALID"
    monkeypatch.delenv("REMELT_NONSENSE")
    assert "hunter2" not in repr(settings.load(database="postgresql://a:hunter2@b/c"))
