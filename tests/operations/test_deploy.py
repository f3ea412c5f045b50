"""The files of examples/deploy fit the program, and an installed wheel is all that is needed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # no stubs among the pinned packages

from api.commands import table
from ledger import settings
from tests import documents

DEPLOY = documents.ROOT / "examples/deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_in_a_file_is_one(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"\bREMELT_[A-Z_]*[A-Z]\b", text)) <= settings.KNOWN


def test_the_environment_file_is_taken_as_it_is(tmp_path: Path) -> None:
    lines = [line.lstrip("#") for line in read("remelt.env").splitlines()]
    rows = [line.split("=", 1) for line in lines if re.match(r"REMELT_\w+=", line)]
    given = {name: text for name, text in rows if not name.endswith("_FILE")}
    assert len(rows) > len(given) > 3
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "config", "show", "--data", str(tmp_path)],
        cwd=documents.ROOT, env={"PATH": os.environ["PATH"], **given}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in given:
        assert re.search(rf"^{name} +environment ", done.stdout, re.MULTILINE)


# The image.


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", read("Containerfile"))
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_the_image_runs_as_nobody_special_with_one_volume_and_no_secret() -> None:
    made = instructions()
    known = "FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"
    assert {name for name, _ in made} == set(known.split())
    last = dict(made)
    assert last["USER"] == "10001:10001"
    assert last["VOLUME"] == "/data"
    assert "REMELT_DATA=/data" in last["ENV"]
    assert not re.search(r"KEY|TOKEN|PASSWORD|SECRET", " ".join(text for _, text in made))
    for name, text in made:
        if name == "FROM":
            assert re.search(r":\d+\.\d+\.\d+", text), "pinned by version"
        if name == "COPY" and "--from" not in text:
            for source in text.split()[:-1]:
                assert (documents.ROOT / source).exists(), source
    assert [name for name, _ in made].index("USER") < [name for name, _ in made].index("CMD")
    command = yaml.safe_load(last["CMD"])
    assert command[0] in table.COMMANDS
    assert yaml.safe_load(last["ENTRYPOINT"]) == ["remelt"]
    assert ":8731/readyz" in last["HEALTHCHECK"]


def test_all_that_the_package_needs_is_copied_into_the_image() -> None:
    copied = {
        source
        for name, text in instructions()
        if name == "COPY" and "--from" not in text
        for source in text.split()[:-1]
    }
    project = (documents.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"only-include = \[(.*?)\]", project)
    assert found is not None
    assert set(re.findall(r'"(\w+)"', found[1])) <= copied
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= copied


def test_the_compose_file_hangs_together() -> None:
    made: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
    services = made["services"]
    for service in services.values():
        assert re.search(r":\d+\.\d+", service["image"])
        assert set(service.get("secrets", ())) <= set(made["secrets"])
        for name in service.get("depends_on", ()):
            assert name in services
    remelt = services["remelt"]
    assert remelt["read_only"] is True
    assert remelt["cap_drop"] == ["ALL"]
    files = {n: v for n, v in remelt["environment"].items() if n.endswith("_FILE")}
    assert {path.removeprefix("/run/secrets/") for path in files.values()} == set(remelt["secrets"])
    assert "ports" not in remelt, "only the proxy is reached from outside"
    proxy = services["caddy"]["networks"]["inner"]["ipv4_address"]
    assert remelt["environment"]["REMELT_PROXIES"] == proxy
    assert f"{remelt['build']['dockerfile']}" == "examples/deploy/Containerfile"
    assert (DEPLOY / remelt["build"]["context"]).resolve() == documents.ROOT.resolve()
    assert "reverse_proxy remelt:8731" in read("Caddyfile")
    for path in made["secrets"].values():
        assert path["file"].startswith("./secrets/")
    assert read(".gitignore") == "/secrets/\n"


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_a_proxy_shows_no_figures_and_takes_whole_batches(name: str) -> None:
    text = read(name)
    assert "/metrics" in text
    assert re.search(r"16\s?[mM]", text)
    assert "8731" in text
    assert text.count("{") == text.count("}")


# systemd.


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    for name in ("remelt.service", "remelt-backup.service", "remelt-backup.timer"):
        text = read(name).replace("/opt/remelt/bin/remelt", "/bin/true")
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "remelt" in line]
    assert said == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["remelt.service", "remelt-backup.service"])
def test_a_unit_runs_a_command_with_credentials_that_it_loads(name: str) -> None:
    text = read(name)
    run = re.search(r"^ExecStart=/opt/remelt/bin/remelt (\w+)", text, re.MULTILINE)
    assert run is not None
    assert run[1] in table.COMMANDS
    assert set(re.findall(r"%d/(\S+)", text)) == set(re.findall(r"LoadCredential=([^:]+):", text))
    assert "User=remelt" in text
    assert "NoNewPrivileges=yes" in text


# The wheel.


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel, and of this checkout nothing."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    for name in ("ledger", "labels", "api", "migrations"):
        shutil.copytree(
            documents.ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(documents.ROOT / name, source / name)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-input",
         "--disable-pip-version-check", "--wheel-dir", str(place), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        pytest.skip(f"the wheel cannot be built without a package index: {built.stderr[-200:]}")
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    python = place / "venv/bin/python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "api.cli", *arguments], cwd=where, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_an_installed_wheel_makes_migrates_and_serves(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [str(installed), "-c", "import api, ledger, labels; print(api.__file__, ledger.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(documents.ROOT) + "/" not in where.stdout
    for command in (
        ["init", "--origin", "wheel.remelt.example/test"], ["db", "upgrade"], ["audit"],
        ["backup", "."], ["doctor"],
    ):  # fmt: skip
        done = run(installed, tmp_path, *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        [str(installed), "-m", "api.cli", "serve", "--port", port], cwd=tmp_path,
        env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        page = httpx.get(f"http://127.0.0.1:{port}/")
        assert "wheel.remelt.example/test" in page.text
        links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert links
        for path in links:
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
    finally:
        process.terminate()
        assert process.wait(30) in (0, -15)


def test_every_file_that_is_no_code_is_in_the_wheel(installed: Path) -> None:
    site = next(installed.parent.parent.glob("lib/python*/site-packages"))
    for package in ("ledger", "labels", "api"):
        for path in (documents.ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in (".pyc", ".py"):
                assert (site / path.relative_to(documents.ROOT)).is_file(), path
    for path in (documents.ROOT / "migrations").rglob("*.py"):
        inside = path.relative_to(documents.ROOT / "migrations")
        assert (site / "ledger/_migrations" / inside).is_file()
