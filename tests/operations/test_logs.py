"""What a running server says of its requests: lines, ids, figures, readiness, and its end."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from ledger import apikeys, lastrun
from ledger.service import Ledger
from ledger.store import engine as engines
from tests import documents
from tests.store import plant

SECRET = "Grossmann7P3"
NAMES = itertools.count()


@dataclass
class Server:
    """A server process over a ledger of its own."""

    data: Path
    key: str
    process: subprocess.Popen[bytes]
    client: httpx.Client
    output: Path

    def post(self, envelope: dict[str, Any], **headers: str) -> httpx.Response:
        return self.client.post("/v1/events", json=envelope, headers=headers)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines so far; whatever else was printed is a failure."""
        written = self.output.read_text().splitlines()
        return [json.loads(line) for line in written if not line.startswith(plant.ORIGIN)]

    def line_of(self, request_id: str) -> dict[str, Any]:
        """The one line of a request; it is written after the answer."""
        wait_for(lambda: f'"{request_id}"' in self.output.read_text())
        (found,) = [line for line in self.lines() if line.get("request_id") == request_id]
        return found

    def receipt(self) -> dict[str, Any]:
        private = {"seller": f"{SECRET} Wang", "plate": SECRET}
        return plant.receipt(f"HF01/R{next(NAMES)}", private=private)

    def figures(self, **headers: str) -> dict[str, float]:
        said = self.client.get("/metrics", headers=headers)
        assert said.status_code == 200
        rows = [line.rsplit(" ", 1) for line in said.text.splitlines() if line[:1] != "#"]
        return {name: float(value) for name, value in rows}


def ready(server: Server) -> bool:
    assert server.process.poll() is None, server.output.read_text()
    with contextlib.suppress(httpx.TransportError):
        return server.client.get("/readyz").status_code == 200
    return False


def wait_for(what: Callable[[], bool]) -> None:
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it does not happen")


@contextlib.contextmanager
def serving(
    data: Path, *options: str, reader_leaves: bool = False, **environment: Any
) -> Iterator[Server]:
    ledger = Ledger.open(plant.settings_of(data))
    key = apikeys.create(ledger, "HEFEI", ["record", "read"], "test")
    ledger.engine.dispose()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("REMELT_")}
    command = [sys.executable, "-m", "api.cli", "serve", "--data", str(data), "--port", str(port)]
    output = data.parent / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, *options], cwd=documents.ROOT, env=clean | environment, stdout=file,
            stderr=subprocess.PIPE if reader_leaves else subprocess.STDOUT,
        )  # fmt: skip
    if process.stderr is not None:
        process.stderr.close()
    headers = {"Authorization": f"Bearer {key}"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)
    server = Server(data, key, process, client, output)
    try:
        with client:
            wait_for(lambda: ready(server))
            yield server
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("server") / "data"
    plant.build(data)
    return data


@pytest.fixture(scope="module")
def server(template: Path) -> Iterator[Server]:
    with serving(template, REMELT_METRICS_TOKEN="a-token-for-figures") as found:
        yield found


# Lines.


def test_every_request_has_one_line_that_names_who_and_what(server: Server) -> None:
    taken = server.post(server.receipt(), **{"X-Request-ID": "truck-17"})
    assert taken.status_code == 201, taken.text
    assert taken.headers["x-request-id"] == "truck-17"
    line = server.line_of("truck-17")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/events", 201)
    assert (line["party"], line["key"]) == ("HEFEI", server.key.split("_")[1])
    assert line["bytes"] == len(taken.content)
    assert 0 < line["ms"] < 60_000
    assert line["level"] == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(\+00:00|Z)", line["time"])


def test_a_refusal_carries_its_request_id_in_body_header_and_line(server: Server) -> None:
    said = server.client.get("/v1/entries/99999")
    request_id = said.json()["request_id"]
    assert said.headers["x-request-id"] == request_id
    line = server.line_of(request_id)
    assert (line["code"], line["status"]) == ("NOT_FOUND", 404)


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>", 'a"b', "a\tb", "ä"])
def test_a_request_id_that_is_not_sane_is_replaced(server: Server, sent: str) -> None:
    said = server.client.get("/healthz", headers=[(b"X-Request-ID", sent.encode())])
    assert re.fullmatch(r"[0-9a-f]{16}", said.headers["x-request-id"])


def test_request_ids_are_not_repeated(server: Server) -> None:
    made = [server.client.get("/healthz").headers["x-request-id"] for _ in range(20)]
    assert len(set(made)) == 20


def test_no_secret_and_nothing_private_is_in_any_line(server: Server) -> None:
    private = server.receipt()
    assert server.post(private).status_code == 201
    assert server.post({**private, "private": {"seller": SECRET}}).status_code == 409
    assert server.post(plant.receipt("HF01/Q", private={SECRET: SECRET})).status_code == 422
    server.client.get("/v1/entries/1", params={"token": SECRET})
    server.client.get("/v1/entries/1", headers={"Authorization": f"Bearer rmk_{SECRET}"})
    server.client.get("/v1/entries/1", headers={"Cookie": f"remelt={SECRET}"})
    server.client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}", "Via": "x"})
    last = server.client.get("/v1/entries/1").headers["x-request-id"]
    assert server.line_of(last)["path"] == "/v1/entries/1"
    written = server.output.read_text()
    assert SECRET not in written
    assert server.key not in written
    assert server.key.rpartition("_")[2] not in written


def test_no_secret_is_in_any_line_at_debug_either(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", REMELT_LOG_LEVEL="debug") as server:
        assert server.post(server.receipt()).status_code == 201
        form = {"name": "wang.li", "password": SECRET}
        assert server.client.post("/login", data=form).status_code >= 400
        last = server.client.get("/v1/entries/1").headers["x-request-id"]
        server.line_of(last)
        assert SECRET not in server.output.read_text()
        assert server.key not in server.output.read_text()


def test_a_path_cannot_forge_a_line(server: Server) -> None:
    forged = '/x%0A{"event":"request","status":200,"request_id":"forged"}'
    assert server.client.get(forged).status_code == 404
    assert not [line for line in server.lines() if line.get("request_id") == "forged"]
    long = server.client.get("/" + "y" * 5_000)
    assert len(server.line_of(long.headers["x-request-id"])["path"]) == 200
    assert max(len(line["path"]) for line in server.lines() if "path" in line) == 200


def test_a_proxy_is_believed_only_where_a_setting_says_so(server: Server, tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "proxied"}
    server.client.get("/v1/entries/1", headers=forwarded)
    assert server.line_of("proxied")["client"] == "127.0.0.1"
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", REMELT_PROXIES="127.0.0.1") as trusting:
        trusting.client.get("/v1/entries/1", headers=forwarded)
        assert trusting.line_of("proxied")["client"] == "203.0.113.9"


def test_requests_go_on_when_nobody_reads_the_lines(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", reader_leaves=True) as server:
        for _ in range(3):
            assert server.client.get("/v1/entries/99999").status_code == 404


def test_probes_that_find_nothing_wrong_have_no_line(server: Server) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert server.client.get(path).status_code == 200
    assert not {"/healthz", "/readyz", "/metrics"} & {line.get("path") for line in server.lines()}


@pytest.mark.parametrize("off", [{"REMELT_ACCESS_LOG": "off"}, {"REMELT_LOG_LEVEL": "warning"}])
def test_lines_of_requests_can_be_switched_off(tmp_path: Path, off: dict[str, Any]) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", **off) as server:
        said = server.client.get("/v1/entries/99999")
        assert said.json()["request_id"]
        assert server.lines() == []


def test_lines_can_be_readable(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", REMELT_LOG_FORMAT="text") as server:
        server.client.get("/v1/entries/9%0A99", headers={"X-Request-ID": "mine"})
        wait_for(lambda: "mine" in server.output.read_text())
        _, line = server.output.read_text().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET /v1/entries/9\\n99 4\d\d .* ms .* B .* mine", line)


def test_a_fault_has_an_answer_a_line_and_a_traceback_under_one_id(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data") as server:
        with engines.writing(engines.connect(plant.settings_of(server.data).database)) as broken:
            broken.execute(text("ALTER TABLE entries RENAME COLUMN leaf TO gone"))
        said = server.client.get("/v1/entries/1")
        assert (said.status_code, said.json()["code"]) == (500, "INTERNAL_ERROR")
        request_id = said.json()["request_id"]
        assert said.headers["x-request-id"] == request_id
        assert said.headers["x-content-type-options"] == "nosniff"
        wait_for(lambda: server.output.read_text().count(request_id) == 2)
        fault, line = [x for x in server.lines() if x.get("request_id") == request_id]
        assert (fault["level"], line["level"]) == ("error", "error")
        assert fault["event"] == "fault at GET /v1/entries/1"
        assert "Traceback" in fault["exception"]
        assert "no such column" in fault["exception"]
        assert server.figures()['remelt_database_errors_total{error="OperationalError"}'] >= 1


# Figures.


def test_figures_count_requests_events_and_commits(server: Server) -> None:
    before = server.figures()
    refused = plant.receipt("HF01/NO", mass="x")
    assert [server.post(e).status_code for e in (server.receipt(), server.receipt())] == [201, 201]
    assert server.post(refused).status_code == 422
    rows = b"\n".join(json.dumps(e).encode() for e in (server.receipt(), refused, refused))
    ndjson = {"Content-Type": "application/x-ndjson"}
    server.client.post("/v1/events/batch", content=rows, headers=ndjson)
    server.client.request("PROPFIND", "/v1/entries/1")
    after = server.figures()

    def grew(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    code = server.post(refused).json()["code"]
    assert grew('remelt_events_total{result="accepted"}') == 3
    assert grew(f'remelt_events_total{{result="{code}"}}') == 3
    events = 'method="POST",route="/v1/events"'
    assert grew(f'remelt_request_seconds_count{{{events},status="201"}}') == 2
    assert grew(f'remelt_request_seconds_count{{{events},status="422"}}') == 1
    assert grew("remelt_commit_events_count") >= 3
    assert grew("remelt_commit_events_sum") >= 3
    assert grew("remelt_head_size") == 3
    assert after["remelt_pool_events"] == 0
    assert after["remelt_ready"] == 1
    assert 0 <= after["remelt_checkpoint_age_seconds"] < 60
    assert any('method="other"' in name for name in after)


def test_every_figure_is_documented(server: Server) -> None:
    lastrun.write(plant.settings_of(server.data), lastrun.AUDIT, {"size": 7, "clean": True})
    lastrun.write(plant.settings_of(server.data), lastrun.BACKUP, {"size": 6, "path": "/x"})
    server.client.get("/v1/entries/1")
    types = re.findall(r"^# TYPE (remelt_\w+)", server.client.get("/metrics").text, re.MULTILINE)
    rows = documents.rows("docs/operations.md", "Metrics")
    assert set(types) == {name for row in rows for name in re.findall(r"`(remelt_\w+)`", row[0])}


def test_no_party_lot_or_path_is_a_label(server: Server) -> None:
    taken = server.receipt()
    server.post(taken)
    server.client.get(f"/v1/lots/{taken['body']['lot']}")
    server.client.get("/never/seen/before")
    for name in server.figures():
        assert not re.search(r"HEFEI|HF01|never|/R\d", name), name


@pytest.mark.parametrize("forwarded", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_figures_are_not_for_everybody(server: Server, forwarded: str) -> None:
    away, audit = {forwarded: "203.0.113.9"}, "Bearer a-token-for-figures"
    assert server.client.get("/metrics", headers=away).status_code == 401
    for wrong in ("Bearer", "Bearer x", "Basic a-token-for-figures", "Bearer a-token-for-figure"):
        headers = {**away, "Authorization": wrong}
        assert server.client.get("/metrics", headers=headers).status_code == 401
    assert server.figures(**away, Authorization=audit)["remelt_ready"] == 1
    ledger = Ledger.open(plant.settings_of(server.data))
    key = apikeys.create(ledger, "WUHU", ["audit"], "scraper")
    ledger.engine.dispose()
    assert server.figures(**away, Authorization=f"Bearer {key}")["remelt_ready"] == 1


def test_figures_tell_the_last_audit_and_backup(server: Server) -> None:
    found = plant.settings_of(server.data)
    lastrun.write(found, lastrun.AUDIT, {"size": 7, "clean": False})
    lastrun.write(found, lastrun.BACKUP, {"size": 6, "path": "/x"})
    shown = server.figures()
    assert shown["remelt_audit_clean"] == 0
    assert (shown["remelt_audit_size"], shown["remelt_backup_size"]) == (7, 6)
    assert 0 <= shown["remelt_backup_age_seconds"] < 60
    (server.data / lastrun.AUDIT).write_text("{half")
    assert "remelt_audit_clean" not in server.figures()


def test_figures_of_several_processes_add_up(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data", "--processes", "2") as server:
        for _ in range(20):  # each over a connection of its own: any of the processes
            headers = {"Authorization": f"Bearer {server.key}"}
            said = httpx.post(
                f"{server.client.base_url}/v1/events", json=server.receipt(), headers=headers
            )
            assert said.status_code == 201
        shown = server.figures()
        assert shown['remelt_events_total{result="accepted"}'] == 20
        assert shown["remelt_head_size"] == plant.SIZE + 20


# Readiness.


def not_ready(server: Server) -> dict[str, Any]:
    said = server.client.get("/readyz")
    shown: dict[str, Any] = said.json()
    assert (said.status_code, shown["code"]) == (503, "NOT_READY")
    assert said.headers["content-type"] == "application/problem+json"
    assert said.headers["retry-after"] == "1"
    assert server.client.get("/healthz").json() == {"ok": True}
    return shown


Break = Callable[[Path], AbstractContextManager[None]]


@contextlib.contextmanager
def other_tables(data: Path) -> Iterator[None]:
    with engines.writing(engines.connect(f"sqlite:///{data}/ledger.sqlite")) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    yield


@contextlib.contextmanager
def head_in_the_future(data: Path) -> Iterator[None]:
    with engines.writing(engines.connect(f"sqlite:///{data}/ledger.sqlite")) as connection:
        connection.execute(text("UPDATE head SET at_ms = at_ms + 3600000"))
    yield


@contextlib.contextmanager
def no_log(data: Path) -> Iterator[None]:
    with engines.writing(engines.connect(f"sqlite:///{data}/ledger.sqlite")) as connection:
        connection.execute(text("UPDATE head SET log_id = 'ZZZZZZZZ'"))
    yield


@contextlib.contextmanager
def no_head(data: Path) -> Iterator[None]:
    with engines.writing(engines.connect(f"sqlite:///{data}/ledger.sqlite")) as connection:
        connection.execute(text("ALTER TABLE head RENAME TO gone"))
    yield


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (other_tables, "tables", "at revision 9999, this program works with"),
        (head_in_the_future, "clock", "s before the last entry"),
        (no_log, "log", "the log is not there"),
        (no_head, "database", "it does not answer"),
    ],
)
def test_readyz_tells_why_not(tmp_path: Path, spoil: Break, name: str, said: str) -> None:
    plant.build(tmp_path / "data")
    with serving(tmp_path / "data") as server:
        whole = server.client.get("/readyz").json()
        assert [c["name"] for c in whole["checks"]] == [
            "writer", "disk", "database", "tables", "clock", "published",
        ]  # fmt: skip
        with spoil(server.data):
            shown = not_ready(server)
            assert f"{name}: " in shown["detail"]
            (check,) = [c for c in shown["checks"] if c["state"] == "fail"]
            assert check["name"] == name
            assert said in check["message"]
            assert check["hint"]
            assert str(server.data) not in json.dumps(shown), "no paths for strangers"
            assert server.figures()["remelt_ready"] == 0


# The end.


@pytest.mark.parametrize("processes", [1, 2])
def test_a_stop_finishes_what_is_queued(tmp_path: Path, processes: int) -> None:
    plant.build(tmp_path / "data")
    answers: list[tuple[int, httpx.Response]] = []
    broken: list[str] = []
    with serving(tmp_path / "data", "--processes", str(processes)) as server:
        address, headers = server.client.base_url, {"Authorization": f"Bearer {server.key}"}

        def send(who: int) -> None:
            with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
                for i in range(10_000):
                    try:
                        said = client.post("/v1/events", json=plant.receipt(f"HF01/W{who}-{i}"))
                    except httpx.TransportError as error:
                        broken.append(type(error).__name__)
                        return
                    answers.append((said.status_code, said))

        senders = [threading.Thread(target=send, args=(who,)) for who in range(8)]
        for sender in senders:
            sender.start()
        wait_for(lambda: len(answers) > 30)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        for sender in senders:
            sender.join(30)
        assert "Traceback" not in server.output.read_text()
        lines = [line for line in server.lines() if line.get("path") == "/v1/events"]
        assert len(lines) >= len(answers), "the last lines are written too"
    taken = [said.json() for status, said in answers if status == 201]
    assert {status for status, _ in answers} <= {201, 503}
    assert all(said.headers["retry-after"] for status, said in answers if status == 503)
    ledger = Ledger.open(plant.settings_of(tmp_path / "data"))
    report = plant.audited(ledger)
    for said in taken:
        assert plant.leaf(ledger, said["n"]) is not None
    assert report.size >= plant.SIZE + len(taken)
    ledger.engine.dispose()


def test_a_server_does_not_begin_on_a_log_whose_end_is_damaged(tmp_path: Path) -> None:
    plant.build(tmp_path / "data")
    url = plant.settings_of(tmp_path / "data").database
    with engines.writing(engines.connect(url)) as connection:
        connection.execute(text("DROP TRIGGER checkpoints_no_update"))
        connection.execute(text("UPDATE checkpoints SET note = replace(note, 'store', 'stare')"))
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", "--data", str(tmp_path / "data"), "--port", "1"],
        cwd=documents.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "STORE_CORRUPT: checkpoint 5" in done.stderr
    assert "do not go on writing" in done.stderr
