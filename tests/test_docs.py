"""The documents are true: commands run, excerpts were printed, tables are current."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from api import cli
from api.commands import table
from api.pages import resolver, views
from api.routes import events as event_routes
from api.routes import gtins, health, lists, log, logkeys, lots, tiles, vocabulary
from api.routes import labels as label_routes
from ledger import entry, errors, reports, sequencer, settings
from ledger import lists as ledger_lists
from ledger.book import encoding, events, mass, rules, shapes
from ledger.book.rules import certificates
from ledger.certificate import dossier
from ledger.store import lists as stored_lists
from tests import documents

PORT = "8731"
GROUPS = "|".join(f"{name.split()[0]} " for name in table.COMMANDS if " " in name)


# Commands of the documents, run as printed.


class Tour:
    """A directory in which the blocks of the pages are run, on a free port."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "checkout"
        self.checkout.mkdir()
        (self.checkout / ".venv").symlink_to(sys.prefix)
        self.home = directory / "remelt-tour"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])

    def run(self, page: str, name: str, where: Path) -> list[str]:
        """What each `sh` block printed: all in one shell, which ends at the first failure."""
        commands = [text for _, text in documents.blocks(page, f"sh {name}")]
        script = "".join(f"printf '\\n=== {i}\\n'\n{text}" for i, text in enumerate(commands))
        # A server left over by a failure keeps the output open: it ends with the shell.
        trap = "trap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT\nset -eu\n"
        script = trap + script.replace(PORT, self.port)
        path = f"{self.checkout}/.venv/bin:/usr/local/bin:/usr/bin:/bin"
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-c", script],
            cwd=where,
            env={
                "PATH": path,
                "HOME": str(where),
                "LC_ALL": "C.UTF-8",
                "REMELT_LOG_FORMAT": "text",  # as on a terminal
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{page}: exit {done.returncode}\n{done.stdout}"
        return re.split(r"\n=== \d+\n", done.stdout)[1:]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tour, list[str]]:
    """The README's five minutes, done once; the other pages go on in its directory."""
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"the five minutes by hand need {program}")
    made = Tour(tmp_path_factory.mktemp("tour"))
    return made, made.run("README.md", "tour", made.checkout)


@pytest.mark.slow
def test_the_five_minutes_by_hand_run_as_printed(tour: tuple[Tour, list[str]]) -> None:
    made, printed = tour
    for _, excerpt in documents.blocks("README.md", "text tour"):
        assert not documents.unprinted(excerpt, "\n".join(printed))
    assert printed[1].count('"leaf_hash"') == 2, "party and site are recorded"
    assert '"percent":"90.00"' in printed[2]
    assert "HTTPS://YARD.EXAMPLE/L/YARD1/CANS-1/" in printed[4]
    assert (made.home / "cans.pdf").read_bytes().startswith(b"%PDF-")
    assert "Mrs Chen" not in (made.home / "cans.remelt.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_example_of_the_api_answers_in_the_shape_shown(tour: tuple[Tour, list[str]]) -> None:
    made, _ = tour
    printed = iter(made.run("docs/api.md", "api", made.home))
    asked = 0
    for info, text in documents.blocks("docs/api.md", "sh api", "json api", "text api"):
        if info == "sh api":
            said = next(printed)
        elif info == "text api":
            assert not documents.unprinted(text, said)
        else:
            asked += 1
            differences = list(
                documents.other_shape(json.loads(text), documents.json_in(said), "answer")
            )
            assert not differences, (text, said)
    assert asked > 10
    assert next(printed, None) is None


@pytest.mark.slow
def test_the_commands_for_labels_run_as_printed(tour: tuple[Tour, list[str]]) -> None:
    made, _ = tour
    printed = "\n".join(made.run("docs/labels.md", "labels", made.home))
    for _, excerpt in documents.blocks("docs/labels.md", "text labels"):
        assert not documents.unprinted(excerpt, printed)
    assert (made.home / "cans.pdf").read_bytes().startswith(b"%PDF")
    assert "REPRINT" not in (made.home / "cans.zpl").read_text(encoding="ascii")
    assert "HTTPS://YARD.EXAMPLE/L/YARD1/CANS-1/" in (made.home / "cans.csv").read_text("utf-8")


@pytest.mark.slow
def test_the_commands_for_people_run_as_printed(tour: tuple[Tour, list[str]]) -> None:
    made, _ = tour
    printed = "\n".join(made.run("docs/people.md", "people", made.home))
    for _, excerpt in documents.blocks("docs/people.md", "text people"):
        assert not documents.unprinted(excerpt, printed)
    assert "new password for lin; every session ended" in printed
    assert "disabled auditor; every session ended" in printed


@pytest.mark.slow
def test_the_operators_commands_run_as_printed(
    tour: tuple[Tour, list[str]], tmp_path: Path
) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("erasing private fields needs the sqlite3 program")
    made, _ = tour
    shutil.copytree(made.home / "remelt-data", tmp_path / "remelt-data")
    printed = iter(made.run("docs/operations.md", "operations", tmp_path))
    said = ""
    for info, text in documents.blocks("docs/operations.md", "sh operations", "text operations"):
        if info == "sh operations":
            said = next(printed)
        else:
            shown, got = (re.sub(r"\b\d+\b", "N", words) for words in (text, said))
            assert not documents.unprinted(shown, got)
    assert len(list((tmp_path / "backup").glob("*.zip"))) == 2
    # The tail of a disclosure as it is stored: what comes before it fills whole base64 groups.
    erased = base64.b64encode(b'seller","Mrs Chen"]').rstrip(b"=")
    with zipfile.ZipFile(tmp_path / "backup" / "with-keys.zip") as kept:
        assert erased in kept.read("ledger.sqlite")
    for path in (tmp_path / "remelt-data").glob("ledger.sqlite*"):
        assert erased not in path.read_bytes(), "erased is erased"


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py", "--out", str(tmp_path / "out")],
        cwd=documents.ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ((_, excerpt),) = documents.blocks("README.md", "text demo")
    assert not documents.unprinted(excerpt, done.stdout)


def test_percentages_of_the_readme_stand_in_the_story() -> None:
    ((_, excerpt),) = documents.blocks("README.md", "text demo")
    told = documents.read("examples/aluminium/README.md")
    intro = documents.read("README.md").partition("```")[0]
    figures = re.findall(r"\d+\.\d\d %", excerpt + intro)
    assert len(figures) > 3
    assert [figure for figure in figures if figure not in told] == []


# Tables of the documents.


@pytest.mark.parametrize(
    ("heading", "codes"),
    [
        ("Events", errors.EVENT_CODES),
        ("HTTP and the command line", errors.DOOR_CODES),
        ("Proofs, files and stores", errors.PROOF_CODES),
    ],
)
def test_every_error_is_explained(heading: str, codes: dict[str, errors.Code]) -> None:
    shown = documents.rows("docs/errors.md", heading)
    assert [row[:3] for row in shown] == [
        [f"`{name}`", str(code.status), code.meaning] for name, code in codes.items()
    ]
    for name, _, _, fix in shown:
        assert len(fix.split()) in range(3, 26), (name, fix)


def test_every_kind_of_event_is_documented_with_its_fields() -> None:
    shown = {}
    for kind, who, fields in documents.rows("docs/api.md", "Kinds"):
        assert who
        shown[kind] = re.findall(r"`(\w+\??)`", fields)
    assert shown == {
        f"`{kind}`" + " S" * (kind in events.SITE_KINDS): [
            field.name + "?" * (not field.required) for field in shape.fields
        ]
        for kind, shape in shapes.SHAPES.items()
    }


def test_every_address_is_documented_and_every_documented_address_exists() -> None:
    routers = (
        *(event_routes.router, lots.router, log.router, logkeys.router, health.router),
        *(label_routes.router, gtins.router, lists.router, vocabulary.router),
        tiles.router,
    )
    served = {
        f"{method} {route.path_format}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert served == set(
        re.findall(r"^### `(\w+ /\S+)`$", documents.read("docs/api.md"), re.MULTILINE)
    )
    for route in (*views.router.routes, *resolver.router.routes):
        assert isinstance(route, APIRoute)
        begin = route.path.partition("{")[0]
        begin = begin if begin.startswith(("/static", "/.well-known")) else begin.upper()
        assert f"`GET {begin}" in documents.read("docs/api.md"), route.path


def test_every_command_is_documented_with_its_options_and_no_other_is_named() -> None:
    everywhere = {"--data", "--database"}
    shown = {
        row[0].strip("`").removeprefix("remelt "): row
        for row in documents.rows("docs/operations.md", "The command line")
    }
    assert list(shown) == list(table.COMMANDS)
    for name, command in table.COMMANDS.items():
        options = {n for names, _ in command.arguments for n in names if n.startswith("--")}
        assert set(re.findall(r"--[a-z-]+", shown[name][2])) == options - everywhere, name
    for page in documents.PAGES:
        for said in re.findall(
            rf"\bremelt ((?:{GROUPS})?[a-z]+)\b(?! is| keeps| makes)",
            "\n".join(code_in(page)),
        ):
            assert said in table.COMMANDS, f"{page}: remelt {said}"


def code_in(page: str) -> list[str]:
    """Commands in a page: blocks for a shell, and what stands in backquotes."""
    text = documents.read(page)
    shells = re.findall(r"^```sh[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [*shells, *re.findall(r"`(remelt [^`\n]+)`", text)]


def test_every_setting_is_documented() -> None:
    shown = documents.rows("docs/operations.md", "Settings")
    assert [row[:3] for row in shown if row[0].startswith("`REMELT_")] == [
        [f"`{s.name}`" + ", `…_FILE`" * s.secret, s.meaning, s.default] for s in settings.SETTINGS
    ]


def test_limits_are_those_of_the_code() -> None:
    page = documents.read("docs/operations.md")
    limits = [
        (encoding.EVENT_MAX_BYTES // 1024, "event | {} KiB"),
        (entry.ENTRY_MAX_BYTES, "entry | {} bytes"),
        (event_routes.ROWS_MAX, "batch | {} rows"),
        (event_routes.BATCH_MAX_BYTES >> 20, "rows, {} MiB"),
        (sequencer.POOL_MAX, "written | {} |"),
        (sequencer.BATCH_MAX, "in one commit | {} |"),
        (events.PRIVATE_NAMES_MAX, "private names of an event | {} each"),
        (events.PRIVATE_BYTES_MAX, "private {} bytes"),
        (encoding.DEPTH_MAX, "depth of JSON | {} |"),
        (mass.MASS_MAX_MG, "a mass | {} mg"),
        (certificates.OPEN_SERIALS_MAX, "on a lot | {} |"),
        (rules.FUTURE_MAX_MS // 60_000, "ahead of the server | {} minutes"),
        (reports.LINEAGE_MAX, "one answer | {} lots"),
        (ledger_lists.LIMIT_MAX, "of a list | {} items"),
        (stored_lists.SCAN_MAX, "looks at | {} |"),
        (dossier.BUDGET_BYTES, "the server | {} bytes"),
        (dossier.MAX_ENTRIES, "MiB, {} entries"),
    ]
    assert [w for n, words in limits if (w := words.format(f"{n:,}")) not in page] == []


def test_links_lead_somewhere() -> None:
    for page in documents.PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", documents.read(page)):
            if target.startswith("https://"):
                continue
            path, _, anchor = target.partition("#")
            found = (documents.ROOT / page).parent / path if path else documents.ROOT / page
            assert found.exists(), f"{page}: {target}"
            if anchor:
                heads = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in map(anchor_of, heads), f"{page}: {target}"


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_two_commands_are_there() -> None:
    first = documents.read("README.md").splitlines()[:40]
    makefile = documents.read("Makefile")
    for name in ("demo", "test"):
        assert any(line.startswith(f"make {name} ") for line in first)
        assert any(f"`sh scripts/{name}`" in line for line in first)
        assert f"\n{name}:\n" in makefile
        assert (documents.ROOT / "scripts" / name).stat().st_mode & 0o111


# What a newcomer gets wrong is named, never a traceback.


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["audit", "--data", "nowhere"], 1, "create a ledger with `remelt init`"),
        (["audit", "--database", "nonsense"], 1, "not a database URL"),
        (["certify", "HB01/A", "--party", "P1", "--site", "HB01", "--substance", "Al"], 1, "init"),
        (["record", "nothing.ndjson"], 2, "nothing.ndjson: No such file or directory"),
        (["verify", "nothing.json", "--policy", "nothing.txt"], 2, "nothing.json: No such file"),
        (["try", "nothing.ndjson"], 2, "nothing.ndjson"),
        (["key", "show", "nothing.pem"], 1, "nothing.pem"),
        (["verify", ".", "--policy", "nothing.txt"], 2, "remelt: hint: a directory is there"),
        (["proof", "--check", "p", "--entry", "e", "--policy", "x"], 2, "hint: is it spelt right?"),
    ],
)
def test_a_newcomers_mistake_is_named(
    arguments: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == status
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("remelt: error: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--port", "99999"], "--port: '99999', want a whole number from 0 to 65535"),
        (["serve", "--processes", "0"], "--processes: '0', want a whole number from 1 to 32"),
        (["init", "--origin", "https://a.example/b"], "want it without the scheme: 'a.example/b'"),
        (["witness", "--name", "https://a.example"], "want it without the scheme: 'a.example'"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = ["--data", str(tmp_path / "data")]
        assert cli.main(["init", "--origin", "port.example/taken", *where]) == 0
        assert cli.main(["serve", "--port", str(port), *where]) == 1
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: another program listens there" in said
    assert "give another --port" in said


def test_help_of_a_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["key", "--help"])
    shown = capsys.readouterr().out
    assert "remelt key new" in shown
    assert "remelt apikey" not in shown
