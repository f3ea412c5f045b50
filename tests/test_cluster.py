"""The databases that the tests run on are real, durable, and fresh for each ledger."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests import cluster as clusters
from tests.cluster import Cluster, Database


def test_a_new_database_is_empty_and_its_own(database: Database, tmp_path: Path) -> None:
    urls = [database.new(tmp_path / name) for name in "ab"]
    for name, url in zip("ab", urls, strict=True):
        (tmp_path / name).mkdir()
        engine = create_engine(url)
        assert engine.dialect.name == database.name
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mine (n INTEGER)"))
        engine.dispose()
        database.drop(url)


@pytest.mark.postgres
def test_the_cluster_keeps_what_it_commits_and_listens_on_no_network(cluster: Cluster) -> None:
    found = dict(cluster.query("SELECT name, setting FROM pg_settings"))
    on = ("fsync", "synchronous_commit", "full_page_writes")
    assert [found[name] for name in on] == ["on"] * 3
    assert found["listen_addresses"] == ""
    assert os.stat(cluster.data).st_uid != 0


def use_and_fail(found: list[Cluster], pids: list[int]) -> None:
    """Make a cluster, crash it, bring it back, and stumble."""
    with clusters.running() as own:
        found.append(own)
        name = own.new_database()
        own.query("CREATE TABLE kept (n INTEGER)", name)
        own.stop(signal.SIGKILL)
        own.start()
        assert own.query("SELECT count(*) FROM kept", name) == [(0,)]
        assert own.process is not None
        pids.append(own.process.pid)
        raise ZeroDivisionError


@pytest.mark.postgres
@pytest.mark.usefixtures("cluster")  # which skips where there is no PostgreSQL
def test_a_cluster_is_gone_afterwards_even_after_a_failure_and_a_crash() -> None:
    found: list[Cluster] = []
    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        use_and_fail(found, pids)
    assert not found[0].home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
