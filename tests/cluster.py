"""A throw-away PostgreSQL cluster: made for one run of the tests, gone afterwards.

It listens on a Unix socket in its own directory only, and writes as a real one does (fsync on). As
root it runs under another user, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy.engine import make_url

# For tests that are about SQLite's files, pragmas or locks.
SQLITE_ONLY: Final = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
# For modules that are about PostgreSQL: their pytestmark.
POSTGRESQL_ONLY: Final = [
    pytest.mark.postgres,
    pytest.mark.usefixtures("database"),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
REQUIRED: Final = "REQUIRE_POSTGRES"  # set: a missing server fails the tests that need it
SUPERUSER: Final = "postgres"
_USERS: Final = ("postgres", "nobody")
_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/usr/pgsql-*/bin")
_START_S: Final = 60
_SETTINGS: Final = {
    "listen_addresses": "''",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",  # needs shared memory that a container may lack
    "jit": "off",
    "log_min_messages": "warning",
    "timezone": "'UTC'",
}


def binaries() -> Path | None:
    """The directory of initdb and postgres, the newest first; None where there is none."""

    def version(path: Path) -> int:
        found = re.search(r"\d+", path.parent.name)
        return int(found.group()) if found else 0

    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _PLACES:
        found = Path("/").glob(pattern.lstrip("/"))
        places += sorted(found, key=version, reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    return None


def _as_user() -> dict[str, Any]:
    """Arguments of subprocess that make a program run as somebody who is not root."""
    if os.geteuid() != 0:
        return {}
    for name in _USERS:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise RuntimeError(f"PostgreSQL does not run as root, and there is no user {_USERS}")


@dataclass
class Cluster:
    """A running server, or one that was stopped and can be started again."""

    programs: Path
    home: Path
    as_user: dict[str, Any] = field(default_factory=_as_user)
    process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def data(self) -> Path:
        return self.home / "data"

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run one of PostgreSQL's programs against this cluster; its output."""
        command = [str(self.programs / program), *map(str, arguments)]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PGHOST": str(self.home)}
        done = subprocess.run(
            command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **self.as_user,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stdout}")
        return str(done.stdout)

    def create(self, **settings: str) -> None:
        """initdb, and settings beside those that every test cluster has."""
        self.run(
            "initdb", "--pgdata", self.data, "--username", SUPERUSER, "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        self.configure(**_SETTINGS, unix_socket_directories=f"'{self.home}'", **settings)

    def configure(self, **settings: str) -> None:
        """Add settings; they count from the next start (or reload) on."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def start(self) -> None:
        """Start the server and wait until it answers; recovery after a crash included."""
        # Should this process be killed, the kernel stops the server.
        bound = [found, "--pdeathsig", "INT"] if (found := shutil.which("setpriv")) else []
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*bound, self.programs / "postgres", "-D", self.data], cwd=self.home, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, process_group=0, **self.as_user,
            )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        """Until the server answers."""
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                break
            with contextlib.suppress(psycopg.OperationalError):
                self.query("SELECT 1")
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL does not start: {(self.home / 'log').read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash."""
        if self.process is None:
            return
        children = self._children() if how == signal.SIGKILL else []
        self.process.send_signal(how)
        for child in children:  # a machine that dies takes them all
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process.wait(60)
        self.process = None

    def _children(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """The URL of a database, as `--database` takes it."""
        return f"postgresql://{user}@/{database}?host={self.home}"

    def query(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction; its rows."""
        with psycopg.connect(
            host=str(self.home), user=SUPERUSER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0") -> str:
        """Make a database, empty or a copy of one that nobody is connected to; its name."""
        name = f"ledger_{next(self._names)}"
        self.query(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.query(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class Database:
    """A kind of database, and where to make new ones of it."""

    name: str
    cluster: Cluster | None = None

    def new(self, data: Path) -> str:
        """The URL of an empty database for a new ledger with this directory."""
        if self.cluster is None:
            return f"sqlite:///{data}/ledger.sqlite"
        return self.cluster.url(self.cluster.new_database())

    def copy(self, url: str, data: Path) -> str:
        """The URL of a copy of a database that nobody has open, for a ledger with this directory.

        A SQLite file has to be copied with the directory.
        """
        if self.cluster is None:
            return self.new(data)
        return self.cluster.url(self.cluster.new_database(_name_in(url)))

    def drop(self, url: str) -> None:
        """Remove a database that is no longer needed; SQLite's goes with the directory."""
        if self.cluster is not None:
            self.cluster.drop_database(_name_in(url))


SQLITE: Final = Database("sqlite")


def _name_in(url: str) -> str:
    return make_url(url).database or ""


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    """A directory for clusters: short, because the path of a socket may have 107 bytes only."""
    home = Path(tempfile.mkdtemp(prefix="remelt-pg-"))
    try:
        user = _as_user()
        if user:
            os.chown(home, user["user"], user["group"])
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Cluster]:
    """A new cluster that is stopped and removed at the end, whatever happens."""
    programs = binaries()
    if programs is None:
        raise FileNotFoundError("initdb and postgres are not on this machine")
    with new_home() as home:
        cluster = Cluster(programs, home)
        try:
            cluster.create(**settings)
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
