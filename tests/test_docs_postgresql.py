"""The commands of docs/postgresql.md run as printed, on servers of their own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests import cluster as clusters
from tests import documents
from tests.test_docs import Tour

PAGE = "docs/postgresql.md"
pytestmark = clusters.POSTGRESQL_ONLY


@pytest.mark.slow
def test_the_commands_for_postgresql_run_as_printed(tmp_path: Path) -> None:
    made = Tour(tmp_path)
    (made.checkout / "scripts").symlink_to(documents.ROOT / "scripts")
    try:
        printed = "\n".join(made.run(PAGE, "postgresql", made.checkout))
    except AssertionError as error:
        for home in re.findall(r"standbys run in (/[^;]+);", str(error)):
            subprocess.run([documents.ROOT / "scripts" / "standby", home, "stop"])
        raise
    for _, excerpt in documents.blocks(PAGE, "text postgresql"):
        assert not documents.unprinted(excerpt, printed)
    assert "never start" in printed
    assert printed.count('{"ok":true') == 2
