"""The dossier: one file with a certificate, the entries it rests on, and the proofs of both.

    {"checkpoint": "<signed note>",
     "disclosures": {"<n>": ["<SD-JWT disclosure>", ...]},
     "entries": [{"entry": {<leaf>}, "proof": ["<64 hex>", ...]}, ...],      ascending n
     "remelt": "dossier-1",
     "serial": "<certificate>"}

The whole file is canonical JSON (RFC 8785), so an entry's leaf bytes are the canonical bytes of
its object. Entry 0 always stands in it. What is left out is not lost, only not proven: a verifier
counts it as primary (docs/format.md, Verification).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger import entry
from ledger.book import encoding
from ledger.certificate import choice, provenance
from ledger.errors import FormatError

FORMAT: Final = "dossier-1"
MAX_BYTES: Final = 16 << 20
MAX_ENTRIES: Final = choice.MAX_ENTRIES
BUDGET_BYTES: Final = 1_500_000
REGISTERS: Final = choice.REGISTERS
_NAMES: Final = ["checkpoint", "disclosures", "entries", "remelt", "serial"]
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_PROOF_MAX: Final = 63


@dataclass(frozen=True, slots=True)
class Item:
    """An entry with the hash of its leaf and its inclusion proof, leaf to root."""

    entry: entry.Entry
    leaf_hash: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A decoded dossier. Form is all that was checked; see `verify`."""

    serial: str
    checkpoint: bytes
    items: dict[int, Item]
    disclosures: dict[int, list[str]]


def parse(data: bytes) -> Dossier:
    """A dossier from its bytes; FormatError DOSSIER_INVALID, or what an entry's decoding raises.

    At most 16 MiB and 10,000 entries. Entries stand in ascending order, each once, 0 first.
    """
    if len(data) > MAX_BYTES:
        raise _invalid("file", f"{len(data)} bytes", f"at most {MAX_BYTES}")
    value = encoding.decode_canonical(data)
    if sorted(value) != _NAMES or value["remelt"] != FORMAT:
        raise _invalid("file", f"fields {', '.join(sorted(value))[:200]}", f"a {FORMAT}")
    if not isinstance(value["serial"], str) or not isinstance(value["checkpoint"], str):
        raise _invalid("file", "serial or checkpoint is no text", "two strings")
    items: dict[int, Item] = {}
    last = -1
    for i, member in enumerate(_list(value["entries"], "entries", MAX_ENTRIES)):
        item = _item(member, f"entries[{i}]")
        if item.entry.n <= last:
            raise _invalid(f"entries[{i}]", f"entry {item.entry.n} after {last}", "ascending n")
        last = item.entry.n
        items[last] = item
    if 0 not in items:
        raise _invalid("entries", "entry 0 is not there", "the entry that opened the log, always")
    disclosed = _disclosures(value["disclosures"], items)
    return Dossier(value["serial"], value["checkpoint"].encode(), items, disclosed)


def _invalid(where: str, wrong: str, want: str) -> FormatError:
    return FormatError(
        "DOSSIER_INVALID",
        f"{where}: {wrong}, want {want}",
        field=where,
        hint="ask for the file again; it was cut off, altered, or is of another format",
    )


def _list(value: Any, where: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _invalid(where, "not such a list", f"a list of at most {most}")
    return value


def _item(member: Any, where: str) -> Item:
    if not isinstance(member, dict) or sorted(member) != ["entry", "proof"]:
        raise _invalid(where, "not an entry with its proof", '{"entry", "proof"}')
    if not isinstance(member["entry"], dict):
        raise _invalid(f"{where}.entry", "not an object", "a leaf as JSON")
    proof = _list(member["proof"], f"{where}.proof", _PROOF_MAX)
    if not all(isinstance(text, str) and _HASH.fullmatch(text) for text in proof):
        raise _invalid(f"{where}.proof", "not hashes", "64 lower-case hex digits each")
    leaf = encoding.canonical(member["entry"])
    hashes = tuple(bytes.fromhex(text) for text in proof)
    try:
        return Item(entry.parse(leaf), entry.leaf_hash(leaf), hashes)
    except FormatError as error:
        raise FormatError(error.code, f"{where}: {error.message}", field=where) from error


def _disclosures(value: Any, items: Mapping[int, Item]) -> dict[int, list[str]]:
    if not isinstance(value, dict):
        raise _invalid("disclosures", "not an object", "entry index -> disclosures")
    made = {}
    for name, texts in value.items():
        if not _INDEX.fullmatch(name) or int(name) not in items:
            raise _invalid("disclosures", f"{name[:20]!r} is no entry here", "an index of entries")
        listed = _list(texts, f"disclosures.{name}", 16)
        if not all(isinstance(text, str) and text.isascii() for text in listed):
            raise _invalid(f"disclosures.{name}", "not text", "SD-JWT disclosures")
        made[int(name)] = listed
    return made


# Making one.


def assemble(
    serial: str,
    certificate_n: int,
    read: Callable[[int], bytes],
    proof: Callable[[int], Sequence[bytes]],
    checkpoint: bytes,
    may_share: Callable[[entry.Entry], bool],
    disclosures: Mapping[int, Sequence[str]],
    *,
    budget_bytes: int = BUDGET_BYTES,
    later_entries: Sequence[int] = (),
    ahead: Callable[[Collection[int]], None] = lambda ns: None,
) -> bytes:
    """The dossier of a certificate.

    read: leaf bytes by index. proof: inclusion proof by index, in the tree of `checkpoint` (a
    signed note). may_share: whether the party of an entry that moves metal lets it be shown;
    never asked of registrations, nor of what the certificate itself reads. disclosures: by
    index, for entries that turn out to be in it. later_entries: entries after the certificate
    that a reader must know of (a revocation).

    In any case: entry 0, the certificate and what it reads, the later entries (with what they
    read, if that may be shared), and all the registrations these need. Then the lineage, most
    proven grams for its bytes first, while `budget_bytes` last, as far as it was looked at: at
    most choice.READ_MAX_ENTRIES entries. ahead: is told of entries that `read` will be asked for.
    Raises FormatError of a leaf that cannot be parsed, and whatever read and proof raise.
    """
    found = choice.Found(read, ahead, may_share)
    found.left_entries = max(choice.READ_MAX_ENTRIES, budget_bytes // 1_500)
    found.left_bytes = max(choice.READ_MAX_BYTES, 4 * budget_bytes)
    wanted = {0, certificate_n, *later_entries} | choice.needed(found, certificate_n)
    for n in later_entries:
        needed = choice.needed(found, n)
        wanted |= needed if found.share(needed) else set()
    found.chosen = choice.with_registers(found, wanted)
    size_of = _sizes(found, checkpoint, disclosures)
    left = budget_bytes - sum(map(size_of, found.chosen))
    claim = provenance.claim_of(found.get(certificate_n), serial)
    choice.grow(found, claim, left, size_of)
    chosen = sorted(found.chosen)
    return encoding.canonical(
        {
            "checkpoint": checkpoint.decode(),
            "disclosures": {str(n): list(disclosures[n]) for n in chosen if disclosures.get(n)},
            "entries": [
                {
                    "entry": encoding.decode(found.leaves[n]),
                    "proof": [hash_.hex() for hash_ in proof(n)],
                }
                for n in chosen
            ],
            "remelt": FORMAT,
            "serial": serial,
        }
    )


def _sizes(
    found: choice.Found, checkpoint: bytes, disclosures: Mapping[int, Sequence[str]]
) -> Callable[[int], int]:
    """How many bytes an entry takes, at most."""
    size = checkpoint.split(b"\n")[1]
    hashes = int(size).bit_length() if size.isdigit() else _PROOF_MAX

    def size_of(n: int) -> int:
        disclosed = sum(len(text) + 3 for text in disclosures.get(n, ()))
        return len(found.leaves[n]) + hashes * 67 + disclosed + 48

    return size_of
