"""A disk that forgets what nobody asked it to keep: built from the system calls of a process.

Until a file is synced, each write to it may or may not have reached the disk, in pieces of 512
bytes. Until its directory is synced, a new file may not be there, and a removed one may still be.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SECTOR: Final = 512
OPTIONS: Final = (
    "-y", "-xx", "-s", "70000",
    "-e", "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,unlink",
)  # fmt: skip
_CALL: Final = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)", re.MULTILINE)
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_ACKNOWLEDGED: Final = re.compile(rb"(\S+) acknowledged (\d+) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that matters. at: offset of a write, length of a truncation."""

    name: str
    path: str
    data: bytes = b""
    at: int = 0


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    return _unhex(text).decode() if text.startswith("\\x") else text


def calls_of(trace: str, data: Path) -> list[Call]:
    """The calls about the database of this directory, and the acknowledgements between them."""
    return [call for call in _all(trace) if _matters(call, data)]


def _matters(call: Call, data: Path) -> bool:
    if call.name == "told":
        return True
    if call.name == "open":
        return call.path.startswith(f"{data}/ledger.sqlite")
    return call.path == str(data) or call.path.startswith(f"{data}/ledger.sqlite")


def _all(trace: str) -> Iterator[Call]:
    for name, arguments, result in _CALL.findall(trace):
        if int(result) < 0:
            continue
        found, texts = _FILE.match(arguments), _TEXT.findall(arguments)
        path = _path(found.group(1)) if found else ""
        if name == "write":
            if b"acknowledged" in (data := _unhex(texts[0])):
                yield Call("told", "", data)
        elif name == "pwrite64":
            yield Call("write", path, _unhex(texts[0]), int(arguments.rsplit(", ", 1)[1]))
        elif name == "ftruncate":
            yield Call("truncate", path, at=int(arguments.rsplit(", ", 1)[1]))
        elif name in ("fsync", "fdatasync"):
            yield Call("sync", path)
        elif name == "unlink":
            yield Call("unlink", _unhex(texts[0]).decode())
        elif name == "openat" and "O_CREAT" in arguments:
            yield Call("open", _unhex(texts[0]).decode())


@dataclass
class _File:
    safe: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)
    named: bool = True  # its name is on the disk
    removed: bool = False  # its name was taken away, and may be back


def _write(content: bytearray, call: Call) -> None:
    if call.name == "truncate":
        del content[call.at :]
        content.extend(bytes(call.at - len(content)))
        return
    content.extend(bytes(max(0, call.at - len(content))))
    content[call.at : call.at + len(call.data)] = call.data


def _torn(call: Call, rng: random.Random) -> Iterator[Call]:
    """Those sectors of a write that reached the disk."""
    if call.name == "truncate":
        if rng.random() < 0.5:
            yield call
        return
    start, end = call.at, call.at + len(call.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        if rng.random() < 0.5:
            yield Call("write", call.path, call.data[start - call.at : stop - call.at], start)
        start = stop


@dataclass
class Disk:
    files: dict[str, _File]
    told: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path) -> Disk:
        """What lies in this directory is safe."""
        found = {str(p): p.read_bytes() for p in data.iterdir() if p.name.startswith("ledger.sql")}
        return cls({path: _File(bytearray(content)) for path, content in found.items()})

    def take(self, call: Call) -> None:
        """Let a call happen."""
        if call.name == "told":
            for lot, n, leaf in _ACKNOWLEDGED.findall(call.data):
                self.told[lot.decode()] = (int(n), leaf.decode())
        elif call.name == "open":
            self.files.setdefault(call.path, _File(named=False))
        elif call.name == "unlink":
            self.files[call.path].removed = True
        elif call.name == "sync" and call.path not in self.files:  # the directory
            for path, file in list(self.files.items()):
                file.named = True
                if file.removed:
                    del self.files[path]
        elif call.name == "sync":
            file = self.files[call.path]
            for write in file.pending:
                _write(file.safe, write)
            file.pending.clear()
        else:
            self.files[call.path].pending.append(call)

    def after_power_loss(self, kept: str, rng: random.Random) -> dict[str, bytes]:
        """path -> content. kept: "nothing" that was not synced, "all" of it, or by "chance"."""
        images: dict[str, bytes] = {}
        for path, file in self.files.items():
            if path.endswith("-shm"):
                continue  # SQLite makes it anew
            there = {"nothing": file.named, "all": not file.removed}.get(kept)
            if there is None:
                there = (file.named and not file.removed) or rng.random() < 0.5
            if there:
                images[path] = self._content(file, kept, rng)
        return images

    def _content(self, file: _File, kept: str, rng: random.Random) -> bytes:
        content = bytearray(file.safe)
        for call in file.pending if kept != "nothing" else ():
            for piece in _torn(call, rng) if kept == "chance" else (call,):
                _write(content, piece)
        return bytes(content)
