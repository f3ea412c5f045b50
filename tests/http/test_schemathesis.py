"""Requests made up from the whole of /openapi.json, good ones and bad ones, against a real server.

No 5xx, no answer that its schema does not allow, no status, media type or header that is not
described; what breaks a request's schema is refused; the log audits clean afterwards. `make fuzz`
asks more (FUZZ_EXAMPLES requests for each operation).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.openapi import examples as documented
from tests.cluster import Database
from tests.http import examples
from tests.http.door import ROOT, open_door

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
# What schemathesis would ask besides is not so here: figures that break a rule of metal are refused
# although their schema is kept, and a GTIN that ended can still be read.
SETTINGS = """
[checks]
positive_data_acceptance.enabled = false
use_after_free.enabled = false
ensure_resource_availability.enabled = false
object_level_authorization.enabled = false
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
# A batch is any text: what is wrong with a row is said of the row.
[[operations]]
include-path = "/v1/events/batch"
[operations.checks.negative_data_rejection]
enabled = false
"""
EVERYTHING = "examples,coverage,fuzzing"
SOME = "examples,fuzzing"
# Who asks, in which phases, requests for each operation at least.
ASKERS = {"every scope": (EVERYTHING, 6), "read": (SOME, 4), "no key": (SOME, 4)}
NO_LIMITS = {f"REMELT_RATE_{what}": "0" for what in ("READS", "EVENTS", "VISITS")}


def ask(address: str, key: str, phases: str, number: int, where: Path) -> str:
    """What schemathesis says of a server."""
    (where / "schemathesis.toml").write_text(SETTINGS)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    # One worker: Python 3.11 may fail when two threads of the fuzzer read source code at a time.
    command += ["--phases", phases, "--max-examples", str(number), "--workers", "1"]
    command += ["--seed", "20261121", "--continue-on-failure", "--no-color", "--no-shrink"]
    command += ["--suppress-health-check", "all", "--generation-database", "none"]
    command += ["--header", f"Authorization: Bearer {key}"] if key else []
    hooks = {"SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, **hooks},
        capture_output=True,
        text=True,
        timeout=3_000,
        check=False,
    )
    said = "\n".join(line[:400] for line in done.stdout.splitlines())
    assert done.returncode == 0, said[-20_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.mark.slow
def test_whatever_the_document_allows_and_forbids_is_answered_as_it_says(
    database: Database, tmp_path: Path
) -> None:
    cases = 0
    with open_door(tmp_path / "data", documented.ORIGIN, database, NO_LIMITS) as door:
        for step in documented.story():
            assert examples.send(door, step).status_code == step["status"], step["name"]
        keys = {
            "every scope": door.api_key("YARD", ["record", "read", "audit"], "EVERYTHING"),
            "read": door.api_key("YARD", ["read"], "READER"),
            "no key": "",
        }
        for asker, (phases, number) in ASKERS.items():
            # Boundaries of every parameter take half a minute: once, unless more is asked for.
            if database.cluster is not None and not EXAMPLES:
                phases, number = SOME, number // 2
            said = ask(door.address, keys[asker], phases, int(EXAMPLES or number), tmp_path)
            tested = re.search(r"Tested: (\d+)", said)
            selected = re.search(r"Selected: (\d+)/(\d+)", said)
            made = re.search(r"(\d+) generated", said)
            assert tested, said[-2_000:]
            assert selected, said[-2_000:]
            assert made, said[-2_000:]
            assert tested[1] == selected[1] == selected[2], "every operation was asked"
            cases += int(made[1])
    print(f"{cases} cases on {database.name}")
    assert cases > (3_000 if database.cluster is None else 300)
