"""Somebody's log, read from a web address or a directory in the layout of tiles.

    <prefix>/checkpoint    <prefix>/tile/<L>/<N>[.p/<W>]    <prefix>/tile/entries/<N>[.p/<W>]

A source only fetches, and nothing that it gives is believed: `Tree` takes a size and a root from
a checkpoint whose signature somebody checked, and lets through what hashes up to that root.
Source: C2SP tlog-tiles v0.1; for the checking, RFC 6962 §2.1.
"""

from __future__ import annotations

import ipaddress
import re
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from ledger.errors import FormatError, LedgerError, ProofError
from ledger.tlog import note, tiles, tree

CHECKPOINT: Final = "checkpoint"
BUNDLE_MAX_BYTES: Final = tiles.WIDTH * (2 + tiles.MAX_ENTRY_BYTES)
GZIP_EXTRA_BYTES: Final = 1024
"""What gzip may add to something that it cannot make smaller."""
TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
WHOLE_ANSWER_S: Final = 120
PAUSES_S: Final = (0.1, 0.4, 1.6)
BUSY_MAX: Final = 10
BUSY_MAX_S: Final = 10
CACHE_TILES: Final = 2048

Fetch = Callable[[str, int], bytes | None]
"""(path, most bytes) -> what stands there, None if nothing does; raises LedgerError."""

_API_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")
_HINTS: Final = {
    "checkpoint": "give the prefix of the log: the address before /checkpoint",
    "hashes": "the source lacks a part of the tree that its checkpoint promises: ask whoever "
    "runs it, or read another mirror",
    "entries": "the source holds no entries here, or not for everybody: read another mirror, or "
    "give an API key with scope audit",
}
_CLOSED: Final = "entries are for whom the operator lets: give an API key with scope audit"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log is read. Every method raises LedgerError, and nothing else.

    SOURCE_UNREADABLE: no answer, a refusal, or something that is not of the layout.
    """

    where: str
    fetch: Fetch = field(repr=False)
    close: Callable[[], None] = field(repr=False, default=lambda: None)
    """Ends its connections; `contextlib.closing(source)` does it in time."""

    def checkpoint(self) -> bytes:
        """Return the signed note of the latest checkpoint as it is; verifies nothing."""
        found = self.fetch(CHECKPOINT, note.MAX_NOTE_BYTES)
        if found is None:
            raise self.wrong(CHECKPOINT, "nothing there", _HINTS["checkpoint"])
        return found

    def tile(self, level: int, index: int, width: int = tiles.WIDTH) -> bytes:
        """Return the first `width` hashes of a tile; a full tile stands in for a partial one."""
        want = width * tree.HASH_SIZE
        found, path = self._either(level, index, width, tiles.TILE_BYTES, "hashes")
        if len(found) < want or len(found) % tree.HASH_SIZE:
            raise self.wrong(path, f"{len(found)} bytes, want {want}", _HINTS["hashes"])
        return found[:want]

    def bundle(self, index: int, width: int = tiles.WIDTH) -> list[bytes]:
        """Return the first `width` entries of a bundle; a full one stands in for a partial one."""
        found, path = self._either(tiles.ENTRIES, index, width, BUNDLE_MAX_BYTES, "entries")
        try:
            entries = tiles.decode_bundle(found)
        except FormatError as error:
            raise self.wrong(path, error.message, "the source is damaged: read another") from error
        if len(entries) < width:
            raise self.wrong(path, f"{len(entries)} entries, want {width}", _HINTS["entries"])
        return entries[:width]

    def _either(
        self, level: int, index: int, width: int, most: int, what: str
    ) -> tuple[bytes, str]:
        path = tiles.tile_path(level, index, width)
        for tried in dict.fromkeys((path, tiles.tile_path(level, index))):
            found = self.fetch(tried, most)
            if found is not None:
                return found, tried
        raise self.wrong(path, "nothing there", _HINTS[what])

    def wrong(self, path: str, what: str, hint: str) -> LedgerError:
        """The error that names the address, what was wrong and what to do."""
        return unreadable(f"{self.where}/{path}", what, hint)


def unreadable(where: str, what: str, hint: str) -> LedgerError:
    """SOURCE_UNREADABLE."""
    return LedgerError(
        "SOURCE_UNREADABLE", f"{where}: {what}", field="source", value=where, hint=hint
    )


def open_source(where: str, api_key: str = "") -> Source:
    """Return the source at an http(s) prefix or in a directory.

    api_key: goes to that host alone, and over plain http only if the host is this machine.
    Raises LedgerError: PARAMETER_INVALID for an address or a key that cannot be right,
    SOURCE_UNREADABLE if there is no such directory. Nothing is fetched yet.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", where) is None:
        return _directory(Path(where))
    return _web(where, api_key)


# A directory.


def _directory(root: Path) -> Source:
    if not root.is_dir():
        raise unreadable(str(root), "no directory", "give a directory, or an https:// address")

    def fetch(path: str, most: int) -> bytes | None:
        try:
            with (root / path).open("rb") as file:
                found = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            wrong = error.strerror or str(error)
            raise unreadable(
                f"{root}/{path}", wrong, "check its permissions and its disk"
            ) from error
        return _limited(found, most, f"{root}/{path}")

    return Source(str(root), fetch)


def _limited(found: bytes, most: int, where: str) -> bytes:
    if len(found) > most:
        raise unreadable(where, f"more than {most} bytes", "this is not the layout of a log")
    return found


# The web.


def _web(where: str, api_key: str) -> Source:
    base, host = _check_address(where, api_key)
    headers = {"User-Agent": "remelt", "Accept-Encoding": "gzip"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    client = httpx.Client(
        headers=headers,
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=not is_loopback(host),  # what goes to this machine goes to no proxy
    )
    return Source(base, lambda path, most: _patiently(client, f"{base}/{path}", most), client.close)


def _check_address(where: str, api_key: str) -> tuple[str, str]:
    """Return the prefix without its last slash, and the host. Raises PARAMETER_INVALID."""
    try:
        parts = urlsplit(where)
        host, _ = parts.hostname or "", parts.port
        httpx.URL(where)
    except (ValueError, httpx.InvalidURL):
        raise _parameter("url", where, "no web address", "https://host[:port]/prefix") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise _parameter("url", where, "no web address", "https://host[:port]/prefix")
    if parts.username is not None or parts.query or parts.fragment:
        raise _parameter("url", parts._replace(netloc=host).geturl(), "more than a prefix", "none")
    if api_key and _API_KEY.fullmatch(api_key) is None:
        raise _parameter("api_key", "", "no API key", "printable ASCII such as rmk_…")
    if api_key and parts.scheme == "http" and not is_loopback(host):
        raise _parameter("url", where, "an API key goes over https only", "https://…")
    return where.rstrip("/"), host


def _parameter(name: str, value: str, wrong: str, want: str) -> FormatError:
    shown = f": {value[:200]!r}" if value else ""
    return FormatError(
        "PARAMETER_INVALID", f"{name}: {wrong}{shown}, want {want}", field=name, value=value
    )


def is_loopback(host: str) -> bool:
    """Whether what is sent to the host does not leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes
    location: str
    retry_s: float


def _patiently(client: httpx.Client, url: str, most: int) -> bytes | None:
    """Ask again after a lost connection or a 5xx, a few times, and as often as a 429 asks us to."""
    pauses, busy = iter(PAUSES_S), iter(range(BUSY_MAX))
    while True:
        pause: float | None
        try:
            answer = _ask(client, url, most)
        except httpx.HTTPError as error:
            wrong, pause = f"{type(error).__name__} {error}".strip(), next(pauses, None)
        else:
            wrong = f"status {answer.status}"
            if answer.status == 429:
                pause = None if next(busy, None) is None else answer.retry_s
            elif answer.status >= 500:
                pause = next(pauses, None)
            else:
                return _judge(answer, url)
        if pause is None:
            hint = "is the address right, and does its server run? try again later"
            raise unreadable(url, wrong, hint)
        time.sleep(pause)


def _ask(client: httpx.Client, url: str, most: int) -> _Answer:
    with client.stream("GET", url) as response:
        content = _content(response, most, url) if response.status_code == 200 else b""
        location, retry = (response.headers.get(name, "") for name in ("location", "retry-after"))
        retry_s = min(int(retry), BUSY_MAX_S) if re.fullmatch("[0-9]{1,4}", retry, re.A) else 1
        return _Answer(response.status_code, content, location, retry_s)


def _judge(answer: _Answer, url: str) -> bytes | None:
    if answer.status == 200:
        return answer.content
    if answer.status in {404, 410}:
        return None
    hint = "is this the prefix of a log?"
    if answer.status in {401, 403} and "/tile/entries/" in url:
        hint = _CLOSED
    elif answer.status in {401, 403}:
        hint = "the server knows no such API key, or does not let it read here"
    elif answer.location:
        hint = f"it points to {answer.location[:200]!r}: if you trust that, give it as the address"
    raise unreadable(url, f"status {answer.status}", hint)


def _content(response: httpx.Response, most: int, url: str) -> bytes:
    """Return the body, unzipped here so that the limits hold before and after."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise unreadable(url, f"content encoding {encoding[:40]!r}", "want gzip or none")
    unzip = zlib.decompressobj(31) if encoding == "gzip" else None
    found, raw, end = bytearray(), 0, time.monotonic() + WHOLE_ANSWER_S
    for piece in response.iter_raw():
        raw += len(piece)
        try:
            found += unzip.decompress(piece, most + 1 - len(found)) if unzip else piece
        except zlib.error as error:
            raise unreadable(url, f"not gzip: {error}", "read another mirror") from error
        _limited(b"" if raw <= most + GZIP_EXTRA_BYTES else bytes(most + 1), most, url)
        _limited(bytes(found), most, url)
        if time.monotonic() > end:
            raise unreadable(url, f"not whole after {WHOLE_ANSWER_S} s", "read another mirror")
    if unzip is not None and not unzip.eof:
        raise unreadable(url, "gzip that breaks off", "try again, or read another mirror")
    return bytes(found)


# What is read, held against a root.


class Tree:
    """The tree of one checkpoint, read from a source, every tile checked before it is used.

    The right edge is read first and must give `root`; any other tile is full, and is held
    against its hash in the tile above it. Keep one Tree for many reads: it caches what it
    checked. Raises, here and in every method: ProofError PROOF_INVALID for what does not hash up
    to `root`, and whatever the source raises.

    subtree: reads the hash of a perfect subtree, for `ledger.tlog.proof`.
    """

    def __init__(self, source: Source, size: int, root: bytes) -> None:
        self.source, self.size, self.root = source, size, root
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.subtree: tree.SubtreeReader = tiles.hash_reader(size, self.tile)
        self._edge = self._read_edge()
        if self.root_at(size) != root:
            raise self._beside("checkpoint", f"the tiles at size {size} do not give its root")

    def _read_edge(self) -> dict[tuple[int, int], bytes]:
        edge = {}
        for level in range(-(-self.size.bit_length() // tiles.HEIGHT)):
            index, width = divmod(self.size >> tiles.HEIGHT * level, tiles.WIDTH)
            if width:
                edge[level, index] = self.source.tile(level, index, width)
        return edge

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as many as the tree has there (1 to 256)."""
        at = (level, index)
        found = self._edge.get(at) or self._tiles.get(at)
        if found is None:
            found = self._checked(level, index)
            self._tiles[at] = found
            if len(self._tiles) > CACHE_TILES:
                self._tiles.popitem(last=False)
        return found

    def _checked(self, level: int, index: int) -> bytes:
        if tiles.tile_width(level, index, self.size) != tiles.WIDTH:
            where = f"tile {level}/{index}"
            raise self._beside(where, f"a tree of {self.size} has no such tile")
        found = self.source.tile(level, index)
        above, place = divmod(index, tiles.WIDTH)
        want = self.tile(level + 1, above)[place * tree.HASH_SIZE : (place + 1) * tree.HASH_SIZE]
        if _top(found) != want:
            wrong = "its hash is not the one in the tile above it"
            raise self._beside(tiles.tile_path(level, index), wrong)
        return found

    def root_at(self, size: int) -> bytes:
        """Return the root that this log had when it had `size` entries (0 to its size)."""
        where = tree.perfect_subtrees(0, size)
        return tree.edge_root(tree.Edge(size, tuple(self.subtree(*at) for at in where)))

    def check_prefix(self, size: int, root: bytes, what: str) -> None:
        """Check that the tree of `size` leaves and `root` is the beginning of this one.

        what: names that tree in the error, ProofError LOG_FORKED. size: at most this tree's.
        """
        found = self.root_at(size)
        if found != root:
            raise ProofError(
                "LOG_FORKED",
                f"{what} says root {root.hex()} at size {size}, {self.source.where} gives "
                f"{found.hex()}",
                field="root",
                value=root.hex(),
                hint="one log cannot have both: keep the two signed checkpoints, they are evidence",
            )

    def leaf_hashes(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the leaf hashes of entries start..end (end is not among them)."""
        for index, first, last in _tiles_of(start, end):
            hashes = self.tile(0, index)
            for at in range(first, last):
                yield hashes[at * tree.HASH_SIZE : (at + 1) * tree.HASH_SIZE]

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of entries start..end, each with the leaf hash that the tree has."""
        for index, first, last in _tiles_of(start, end):
            yield from self.bundle(index)[first:last]

    def bundle(self, index: int) -> list[bytes]:
        """Return the entries under the level 0 tile `index`, as many as the tree has there."""
        width = tiles.tile_width(0, index, self.size)
        return self.check_bundle(index, self.source.bundle(index, width))

    def check_bundle(self, index: int, entries: list[bytes]) -> list[bytes]:
        """Return these entries, wherever they come from, if they are those under the tile."""
        hashes = self.tile(0, index)
        for at, entry in enumerate(entries):
            if tree.leaf_hash(entry) != hashes[at * tree.HASH_SIZE : (at + 1) * tree.HASH_SIZE]:
                n = index * tiles.WIDTH + at
                raise self._beside(tiles.tile_path(tiles.ENTRIES, index), f"entry {n} is another")
        return entries

    def _beside(self, path: str, wrong: str) -> ProofError:
        where = f"{self.source.where}/{path}"
        return ProofError(
            "PROOF_INVALID",
            f"{where}: {wrong}",
            field="source",
            value=where,
            hint="the source is damaged or lies: read another mirror, and tell whoever runs it",
        )


def _tiles_of(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (index of a tile at level 0, first, last) of the tiles over leaves start..end."""
    for at in range(start - start % tiles.WIDTH, end, tiles.WIDTH):
        yield at // tiles.WIDTH, max(start - at, 0), min(end - at, tiles.WIDTH)


def _top(hashes: bytes) -> bytes:
    """Return the root over the hashes of a full tile."""
    while len(hashes) > tree.HASH_SIZE:
        pairs = (hashes[at : at + 64] for at in range(0, len(hashes), 64))
        hashes = b"".join([sha256(b"\x01" + pair).digest() for pair in pairs])
    return hashes
