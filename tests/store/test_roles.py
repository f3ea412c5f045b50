"""The role of a server can do all that a server does, and cannot change the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from api import cli
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables
from tests import cluster as clusters
from tests.cluster import Cluster
from tests.store import plant
from tests.store.load import api_key, serving

pytestmark = clusters.POSTGRESQL_ONLY
APP = "remelt app"  # a name that has to be quoted


@pytest.fixture
def app(data: Path, cluster: Cluster) -> Iterator[str]:
    """A role without any right, and the URL under which it connects to the ledger."""
    cluster.query(f'CREATE ROLE "{APP}" LOGIN')
    database = plant.url_of(data).rpartition("/remelt-pg")[0].partition("@/")[2].partition("?")[0]
    yield cluster.url(database, APP.replace(" ", "%20"))
    cluster.query(f'DROP OWNED BY "{APP}"', database)
    cluster.query(f'DROP ROLE "{APP}"')


def remelt(*arguments: str) -> int:
    return cli.main(arguments)


def grant(data: Path, role: str = APP, *more: str, url: str = "") -> int:
    address = url or plant.url_of(data)
    return remelt("db", "grant", role, "--data", str(data), "--database", address, *more)


FORBIDDEN = (
    "UPDATE {0} SET log_id = log_id",
    "DELETE FROM {0}",
    "TRUNCATE {0}",
    "TRUNCATE {0} CASCADE",
    "DROP TABLE {0}",
    "ALTER TABLE {0} DISABLE TRIGGER USER",
    "CREATE TRIGGER mine BEFORE INSERT ON {0} EXECUTE FUNCTION refuse_change()",
    "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT ON CONSTRAINT pk_{0} DO UPDATE SET log_id = ''",
    "MERGE INTO {0} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "ALTER FUNCTION refuse_change() RENAME TO nothing",
    "UPDATE alembic_version SET version_num = '0001'",
)


@pytest.mark.parametrize("table", [table.name for table in tables.APPEND_ONLY])
def test_the_role_of_a_server_records_and_cannot_change_the_log(
    data: Path, app: str, table: str
) -> None:
    assert grant(data) == 0
    assert grant(data) == 0  # again is the same
    (data / "database.url").write_text(app)
    ledger = Ledger.open(plant.settings_of(data))
    ledger.sequencer.start()
    plant.accept(ledger, *plant.story())
    for statement in FORBIDDEN:
        with (
            pytest.raises(Exception, match="the role may not do this"),
            engines.writing(ledger.engine) as connection,
        ):
            connection.execute(text(statement.format(table)))
    assert plant.audited(ledger).size == plant.SIZE + len(plant.story())
    plant.close(ledger)


def test_without_its_rights_the_role_is_told_what_to_do(
    data: Path, app: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remelt("audit", "--data", str(data), "--database", app) == 1
    said = capsys.readouterr().err
    assert "permission denied" in said
    assert "remelt db grant" in said


def test_a_server_runs_with_that_role(data: Path, app: str) -> None:
    headers = {"Authorization": f"Bearer {api_key(data)}"}
    assert grant(data) == 0
    with serving(data, app) as address:
        client = httpx.Client(base_url=address, headers=headers, timeout=30)
        answer = client.post("/v1/events", json=plant.receipt("HF01/A"))
        assert answer.status_code == 201, answer.text
        assert client.get("/v1/lots/HF01/A").status_code == 200
        client.close()
        assert remelt("audit", "--data", str(data), "--database", app) == 0
        rebuild = ("audit", "--rebuild-views", "--data", str(data), "--database", app)
        assert remelt(*rebuild) == 0
    assert "Traceback" not in (data / "server.log").read_text()


def test_printing_the_statements_changes_nothing(
    data: Path, app: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grant(data, APP, "--print") == 0
    shown = capsys.readouterr().out
    assert f'GRANT SELECT, INSERT ON entries TO "{APP}";\n' in shown
    assert all(f'REVOKE ALL ON {name} FROM "{APP}"' in shown for name in tables.metadata.tables)
    assert remelt("audit", "--data", str(data), "--database", app) == 1
    with engines.opened(plant.url_of(data)) as engine, engines.writing(engine) as connection:
        for statement in shown.splitlines():
            connection.execute(text(statement))
    assert remelt("audit", "--data", str(data), "--database", app) == 0


@pytest.mark.parametrize(
    ("role", "said"),
    [("nobody here", "no such role"), ("postgres", "no right binds it")],
)
def test_a_role_that_rights_cannot_bind_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str], role: str, said: str
) -> None:
    assert grant(data, role) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "hint" in shown


def test_only_the_owner_gives_rights(
    data: Path, app: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grant(data, APP, url=app) == 1
    assert "only the owner" in capsys.readouterr().err


def test_a_ledger_in_a_file_has_no_roles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grant(tmp_path, url=f"sqlite:///{tmp_path}/x.sqlite") == 1
    assert "SQLite has no roles" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "said", "hint"),
    [
        ("postgres:{secret}@/x?host=/nowhere", "does not answer", "is it running"),
        ("postgres:{secret}@127.0.0.1:1/x", "does not answer", "is it running"),
        ("postgres:{secret}@/missing?host={home}", "no such database", "CREATE DATABASE"),
        ("somebody:{secret}@/postgres?host={home}", "does not let this role in", "CREATE ROLE"),
        ("postgres:{secret}@/x?host={home}&nonsense=1", "a parameter", "libpq"),
        ("postgres:{secret}@/postgres?host={home}", "tables", "remelt init"),
        ("postgres:{secret}@host:77777777/x", "", ""),
        ("postgres:{secret}@[::1/x", "database URL", "postgresql"),
    ],
)
@pytest.mark.parametrize("command", [("audit",), ("apikey", "list")])
def test_a_database_that_cannot_be_used_is_named_without_the_password(
    data: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...], url: str, said: str, hint: str,
) -> None:  # fmt: skip
    address = "postgresql://" + url.format(secret="gehe%2Fim", home=cluster.home)
    assert remelt(*command, "--data", str(data), "--database", address) == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert hint in shown.err
    assert "remelt: hint:" in shown.err
    assert "gehe" not in shown.err + shown.out
