"""The file of a backup: a ZIP of parts, and a manifest with the SHA-256 of each.

| part                 | what                                                     |
|----------------------|----------------------------------------------------------|
| manifest.json        | format, origin, head, versions, bytes and SHA-256 of each |
| ledger.sqlite        | the whole database, as a SQLite file                      |
| policy.txt           | for buyers                                                |
| keys/…               | private keys, if they were asked for                      |
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import orjson

from ledger.errors import FormatError, RuleError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "ledger.sqlite"
POLICY: Final = "policy.txt"
KEYS: Final = ("log.key", "operator.pem", "master.key")
KEY_PARTS: Final = tuple(f"keys/{name}" for name in KEYS)
_MANIFEST_MAX_BYTES: Final = 1 << 20
_CHUNK: Final = 1 << 20
_MEMBERS: Final[Mapping[str, type]] = {
    "origin": str, "size": int, "root": str, "checkpoint": str, "revision": str, "at": str,
    "versions": dict, "parts": dict,
}  # fmt: skip


def write(path: Path, manifest: Mapping[str, Any], parts: Mapping[str, Path]) -> dict[str, Any]:
    """Write an archive of `parts`, flushed to disk and read back; the manifest with its sums."""
    sums = {}
    for name, source in parts.items():
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        sums[name] = {"bytes": source.stat().st_size, "sha256": digest}
    whole = {"format": FORMAT, **manifest, "parts": sums}
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w+b") as file:
        with zipfile.ZipFile(
            file, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
        ) as made:
            made.writestr(MANIFEST, orjson.dumps(whole, option=orjson.OPT_INDENT_2))
            for name, source in parts.items():
                made.write(source, name)
        file.flush()
        os.fsync(file.fileno())
    with opened(path) as (again, found):
        for name in found["parts"]:
            extract(again, found, name, None)
    return whole


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """An archive and its manifest. FormatError BACKUP_INVALID where it is none of ours."""
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise invalid(
            path.name, f"it is not a backup of Remelt, or it was cut off: {error}"
        ) from error
    with file:
        yield file, _manifest(file)


def _manifest(file: zipfile.ZipFile) -> dict[str, Any]:
    with _reading(file, MANIFEST) as part:
        data = part.read(_MANIFEST_MAX_BYTES)
    try:
        found = orjson.loads(data)
    except ValueError as error:
        raise invalid(MANIFEST, "it is not JSON") from error
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise invalid(MANIFEST, "it names no format")
    if found["format"] != FORMAT:
        raise invalid(MANIFEST, f"format {found['format']}, this program reads {FORMAT}")
    for name, kind in _MEMBERS.items():
        if not isinstance(found.get(name), kind):
            raise invalid(MANIFEST, f"{name} is missing or wrong")
    for name, sums in found["parts"].items():
        known = isinstance(sums, dict) and isinstance(sums.get("bytes"), int)
        if name not in (DATABASE, POLICY, *KEY_PARTS) or not known:
            raise invalid(MANIFEST, f"parts: {name[:80]!r} is no part of a backup")
    if DATABASE not in found["parts"]:
        raise invalid(MANIFEST, f"parts: {DATABASE} is missing")
    return found


@contextmanager
def _reading(file: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """A part of the archive; whatever is wrong with it is named."""
    try:
        with file.open(name) as part:
            yield part
    except KeyError as error:
        raise invalid(name, "it is missing") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise invalid(name, f"it is damaged: {error}") from error


def extract(
    file: zipfile.ZipFile, manifest: Mapping[str, Any], name: str, target: Path | None
) -> None:
    """Write a part to a new file for its owner only (None: nowhere), and compare its SHA-256."""
    sums, digest, count = manifest["parts"][name], hashlib.sha256(), 0
    out = None
    if target is not None:
        out = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with _reading(file, name) as part:
            while chunk := part.read(_CHUNK):
                digest.update(chunk)
                count += len(chunk)
                if count > sums["bytes"]:
                    break
                if out is not None:
                    out.write(chunk)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    if count != sums["bytes"] or digest.hexdigest() != sums.get("sha256"):
        raise invalid(name, "its bytes are not those of the manifest")


def invalid(part: str, what: str) -> FormatError:
    """The refusal of an archive."""
    return FormatError(
        "BACKUP_INVALID", f"{part}: {what}", field=part,
        hint="take another copy of this backup, or an older one; nothing was written",
    )  # fmt: skip


def publish(source: Path, target: Path) -> None:
    """Give a finished file its name, and never in place of another. RuleError TARGET_EXISTS."""
    try:
        os.link(source, target)
    except FileExistsError as error:
        raise exists(str(target)) from error
    except OSError:  # a file system without hard links
        if target.exists():
            raise exists(str(target)) from None
        source.rename(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def exists(target: str) -> RuleError:
    """The refusal to write where something is."""
    return RuleError(
        "TARGET_EXISTS", f"{target}: there already", field="target", value=target,
        hint="nothing is overwritten: name another place, or move it away",
    )  # fmt: skip
