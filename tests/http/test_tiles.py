"""The log read by other people's tools: tiles, bundles, the published checkpoint."""

from __future__ import annotations

import gzip
import hashlib

import httpx
import pytest

from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import checkpoint, tiles, tree
from tests.http.conftest import Road
from tests.http.door import ORIGIN, Door, refused
from tests.operations.test_logs import wait_for

PREFIX = "/" + ORIGIN.partition("/")[2]


@pytest.fixture
def size(door: Door, road: Road) -> int:
    """The size of the published log, once all of it is published."""
    wait_for(lambda: published(door).size == door.size())
    return door.size()


def published(door: Door) -> checkpoint.Checkpoint:
    answer = door.get("/checkpoint")
    assert answer.status_code == 200
    return checkpoint.open_checkpoint(answer.content, [door.ledger.verifier], ORIGIN)[0]


def auditor(door: Door, path: str, **headers: str) -> httpx.Response:
    return door.client("AUDITOR").get(path, headers=headers)


# What there is.


def test_the_published_checkpoint_is_kept_for_a_second(door: Door, size: int) -> None:
    for path in ("/checkpoint", f"{PREFIX}/checkpoint"):
        answer = door.get(path)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=1"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.content == door.get("/v1/log/checkpoint").content, "no witness, so the same"


def test_a_reader_of_tiles_finds_the_root_and_every_entry(door: Door, size: int) -> None:
    seen = published(door)

    def read(level: int, index: int) -> bytes:
        width = tiles.tile_width(level, index, seen.size)
        answer = door.get(f"{PREFIX}/{tiles.tile_path(level, index, width)}")
        assert answer.status_code == 200
        assert len(answer.content) == width * tree.HASH_SIZE
        return answer.content

    assert tiles.root_at(seen.size, read) == seen.root
    subtree = tiles.hash_reader(seen.size, read)
    path = tiles.tile_path(tiles.ENTRIES, 0, seen.size)
    found = tiles.decode_bundle(auditor(door, f"/{path}").content)
    assert len(found) == seen.size < tiles.WIDTH
    for n, leaf in enumerate(found):
        assert hashlib.sha256(b"\x00" + leaf).digest() == subtree(0, n)


def test_what_is_read_may_be_kept_for_ever(door: Door, size: int) -> None:
    path = f"/tile/0/000.p/{size}"
    answer = door.get(path)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    tag = answer.headers["etag"]
    again = door.client().get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["access-control-allow-origin"] == "*"
    head = door.client().head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(32 * size)


def test_every_width_of_a_stored_checkpoint_is_a_prefix_and_no_other_is(
    door: Door, size: int
) -> None:
    whole = door.get(f"/tile/0/000.p/{size}").content
    with engines.reading(door.ledger.engine) as connection:
        sizes = {
            n for n in range(1, size + 1)
            if entries.has_checkpoint(connection, door.ledger.log_id, n, n)
        }  # fmt: skip
    for width in range(1, size + 1):
        hashes = door.get(f"/tile/0/000.p/{width}")
        bundle = auditor(door, f"/tile/entries/000.p/{width}")
        if width in sizes:
            assert hashes.content == whole[: 32 * width]
            assert len(tiles.decode_bundle(bundle.content)) == width
        else:
            refused(hashes, "NOT_FOUND", "path")
            refused(bundle, "NOT_FOUND", "path")
    for width in (size + 1, 255):
        refused(door.get(f"/tile/0/000.p/{width}"), "NOT_FOUND", "path")
        refused(auditor(door, f"/tile/entries/000.p/{width}"), "NOT_FOUND", "path")
    refused(door.get("/tile/0/000"), "NOT_FOUND", "path")
    refused(door.get("/tile/1/000.p/1"), "NOT_FOUND", "path")


# Who may read entries.


def test_entries_are_private_unless_the_operator_says_otherwise(door: Door, size: int) -> None:
    path = f"/tile/entries/000.p/{size}"
    answer = refused(door.get(path), "AUTH_REQUIRED")
    assert answer["status"] == 401
    refused(door.get(path, "HEFEI"), "SCOPE_REQUIRED")
    refused(door.client().get(path, headers={"Authorization": "Bearer rmk_no"}), "AUTH_REQUIRED")
    read = auditor(door, path)
    assert read.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert read.headers["vary"] == "Authorization, Cookie, Accept-Encoding"
    assert "access-control-allow-origin" not in read.headers


@pytest.mark.parametrize(
    ("accept", "zipped"),
    [
        ("gzip", True), ("gzip;q=0.5", True), ("x-gzip", True), ("br, gzip;q=1.0", True),
        ("*", True), ("GZIP", True), ("gzip; q=0.001", True), ("identity", False), ("", False),
        ("gzip;q=0", False), ("gzip;q=0.000, *", False), ("*;q=0", False), ("br", False),
        ("gzip;q=0.5, identity;q=0.8", False), ("gzip;q=2", False), ("gzip;q=", False),
        (";;,,=", False), ("gzip;q=0.5;x", False), ("deflate, gzip;q=\u0661", False),
    ],
)  # fmt: skip
def test_bundles_come_compressed_to_who_takes_that(
    door: Door, size: int, accept: str, zipped: bool
) -> None:
    path = f"/tile/entries/000.p/{size}"
    plain = auditor(door, path, **{"Accept-Encoding": "identity"})
    key = f"Bearer {door.api_keys['AUDITOR']}".encode()
    headers = {b"Authorization": key, b"Accept-Encoding": accept.encode()}
    with httpx.stream("GET", f"{door.address}{path}", headers=headers) as answer:
        data = b"".join(answer.iter_raw())
    assert answer.status_code == 200
    assert (answer.headers.get("content-encoding") == "gzip") == zipped
    assert (gzip.decompress(data) if zipped else data) == plain.content
    assert (answer.headers["etag"] != plain.headers["etag"]) == zipped


# Addresses that are none.


ODD = (
    "/tile", "/tile/", "/tile/0", "/tile/0/", "/tile/0/000/", "/tile/0/000.p", "/tile/0/000.p/",
    "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/0/000.p/257", "/tile/0/000.p/01",
    "/tile/0/000.p/-1", "/tile/0/000.p/+1", "/tile/0/000.p/1/", "/tile/0/000.p/%31",
    "/tile/0/000.p/1 ", "/tile/0/0", "/tile/0/00", "/tile/0/0000", "/tile/0/x000/000.p/1",
    "/tile/00/000.p/1", "/tile/64/000.p/1", "/tile/63/000.p/1", "/tile/255/000", "/tile/-1/000.p/1",
    "/tile/%30/000.p/1", "/tile/0/%78001/000", "/tile/0//000.p/1", "/tile//0/000.p/1",
    "//tile/0/000.p/1", "/tile/0/000.p//1", "/TILE/0/000.p/1", "/tile/0/X001/000",
    "/tile/0/x001/x000", "/tile/0/x999/x999/x999/x999/x999/x999/999", "/tile/entries/000.p/0",
    "/tile/0/x009/x223/x372/x036/x854/x775/807", "/tile/0/x009/x223/x372/x036/x854/x775/808.p/1",
    "/tile/8/x009/x223/x372/x036/x854/x775/807.p/255", "/tile/63/000", "/tile/62/x001/000.p/5",
    "/tile/entries/x999/999", "/tile/entries/x009/x223/x372/x036/x854/x775/807.p/255",
    "/tile/entries", "/tile/entries/", "/tile/entries/000/", "/tile/entries/%3000.p/1",
    "/tile/0/..%2f..%2fcheckpoint", "/tile/0/%00", "/tile/0/\u0660\u0660\u0660.p/1", "/tile/é/000",
    "/tile/0/%ff", "/tile/0/" + "x000/" * 2_000 + "000", "/checkpoint/", "//checkpoint",
    "/checkpoint/x", "/tile/data/000", "/tile/8/0/000", "/tile/0/000.p/1.p/1", "/tile/0/000.p/1%00",
)  # fmt: skip


@pytest.mark.parametrize("path", ODD, ids=range(len(ODD)))
def test_an_address_that_is_none_is_a_problem(door: Door, size: int, path: str) -> None:
    for whole in (path, PREFIX + path):
        refused(door.client("AUDITOR").get(httpx.URL(door.address + whole)), "NOT_FOUND")


def test_what_is_asked_besides_is_refused(door: Door, size: int) -> None:
    for path in ("/checkpoint", f"/tile/0/000.p/{size}", f"/tile/entries/000.p/{size}"):
        for whole in (path, PREFIX + path):
            refused(auditor(door, f"{whole}?width=3"), "PARAMETER_INVALID", "width")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/checkpoint", f"{PREFIX}/checkpoint", f"{PREFIX}/tile/0/000"):
            answer = door.client().request(method, path)
            refused(answer, "METHOD_NOT_ALLOWED")
            assert answer.headers["allow"] == "GET, HEAD"


def test_a_refusal_can_be_read_from_anywhere(door: Door, size: int) -> None:
    answer = door.get("/tile/0/000")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*")
