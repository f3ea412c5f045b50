"""The demonstration on PostgreSQL; tests/test_docs.py runs it on SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo
from tests import cluster as clusters
from tests.client.road import ROOT


@pytest.mark.slow
@pytest.mark.postgres
def test_the_demo_runs_on_postgresql(cluster: clusters.Cluster, tmp_path: Path) -> None:
    url = cluster.url(cluster.new_database())
    command = [sys.executable, "examples/demo.py", "--out", str(tmp_path), "--database", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = demo.read_stories()
    assert [story.name for story in told] == list(demo.STORIES)
    certified = sum(e["kind"] == "certificate_issued" for s in told for e in s.events.events)
    assert f"4. {certified} certificates" in done.stdout
    assert (
        done.stdout.count("meets the policy") == certified + 1
    )  # one is revoked, one is shown whole, one was spent twice
    assert not list(tmp_path.glob("ledger/*.sqlite")), "nothing was written beside the database"
