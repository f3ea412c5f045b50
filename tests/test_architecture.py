"""The shape of the code: floors, purity, cycles, and sizes that a reader can hold in mind."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("ledger", "labels", "api")

# A file imports its own floor or a lower one. A new room is a name here; a new floor is a decision.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("ledger.errors",),
    ("ledger.tlog", "ledger.book"),
    ("ledger.entry", "ledger.logkeys", "ledger.alone"),
    ("ledger.certificate",),
    ("ledger.exchange", "labels"),
    (
        *("ledger.settings", "ledger.keys", "ledger.store", "ledger.clock", "ledger.statements"),
        *("ledger.fonts", "ledger.revisions", "ledger.tail", "ledger.archive", "ledger.lastrun"),
        *("ledger.highwater", "ledger.fetching", "ledger.tilesource", "ledger.mirror"),
        "ledger.evidence",
    ),
    (
        *("ledger.edges", "ledger.sequencer", "ledger.service", "ledger.audit", "ledger.witness"),
        *("ledger.reports", "ledger.apikeys", "ledger.trial", "ledger.people", "ledger.sessions"),
        *("ledger.gtins", "ledger.backup", "ledger.doctor", "ledger.lists", "ledger.recent"),
        *("ledger.readiness", "ledger.rotation", "ledger.closed_walks", "ledger.monitor"),
        *("ledger.concerns", "ledger.sightings"),
        *("ledger.replay", "ledger.remote_audit", "ledger.auditor", "ledger.auditor_evidence"),
        *("ledger.witnesses", "ledger.publish", "ledger.publisher", "ledger.disputes"),
        *("ledger.dossiers", "ledger.forget"),
    ),
    ("api",),
)
BLIND = ({"ledger.tlog", "ledger.book"}, {"ledger.exchange", "labels"})  # same floor, closed door
PURE_FLOORS = 5

# No I/O, clock, randomness or environment is reachable from these without one of the calls below.
# reportlab draws into memory: fonts come to it as bytes, and `invariant` keeps the clock out.
PURE_IMPORTS = frozenset(
    """__future__ abc base64 binascii bisect collections contextlib copy csv dataclasses datetime
    decimal enum fractions functools graphlib hashlib heapq hmac html io itertools json math
    operator re string struct textwrap tomllib types typing unicodedata urllib.parse zlib
    cryptography orjson PIL qrcode reportlab ledger labels""".split()
)
IMPURE_CALLS = frozenset(
    """open print input exec eval __import__ now utcnow today
    generate generate_private_key read_text read_bytes write_text write_bytes""".split()
)

LONGEST_FUNCTION = 70
LONGEST_FILE = 400
LONG_BY_DECISION: dict[str, str] = {}  # "module.function": why it may be longer


def test_every_source_file_keeps_to_the_architecture() -> None:
    sources = _read_sources()
    assert len(sources) > len(PACKAGES), "no source files found"
    offences = [o for m, text in sources.items() for o in check_module(m, text, sources)]
    offences += check_cycles(sources)
    assert not offences, "\n" + "\n".join(offences)


def check_module(module: str, text: str, known: Iterable[str]) -> Iterator[str]:
    tree = ast.parse(text, module)
    room, floor = _locate(module)
    for line, target in _imports(tree, known):
        yield from (f"{module}:{line}: {o}" for o in _check_import(room, floor, target))
    if room is None and module != "ledger":
        yield f"{module}: stands on no floor; see FLOORS in {Path(__file__).name}"
    if floor < PURE_FLOORS:
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
            if name in IMPURE_CALLS:
                yield f"{module}:{call.lineno}: a pure module calls {name}()"
    if (lines := text.count("\n")) > LONGEST_FILE:
        yield f"{module}: {lines} lines, want at most {LONGEST_FILE}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION and f"{module}.{node.name}" not in LONG_BY_DECISION:
                where = f"{module}:{node.lineno}: {node.name}"
                yield f"{where} has {length} lines, want at most {LONGEST_FUNCTION}"


def check_cycles(sources: dict[str, str]) -> list[str]:
    graph = {m: {t for _, t in _imports(ast.parse(s), sources)} for m, s in sources.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["import cycle: " + " imports ".join(reversed(error.args[1]))]
    return []


def _check_import(room: str | None, floor: int, target: str) -> Iterator[str]:
    if target.startswith("."):
        yield f"relative import {target}, want an absolute one"
    elif target.split(".")[0] in PACKAGES:
        other, other_floor = _locate(target)
        if other_floor > floor:
            yield f"{room or 'ledger'} imports {target} from a higher floor"
        if room != other and {room, other} in BLIND:
            yield f"{room} and {other} must not know each other: {target}"
    elif target.split(".")[0] in {"tests", "migrations", "examples", "bench"}:
        yield f"imports {target}, which is not installed"
    if floor < PURE_FLOORS and not any(f"{target}.".startswith(f"{p}.") for p in PURE_IMPORTS):
        yield f"a pure module imports {target}"


def _imports(tree: ast.AST, known: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Line and full name of each imported module: `from a import b` is a.b if that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                is_module = inner in known or origin in {"ledger", "urllib"}
                yield node.lineno, inner if is_module else origin


def _locate(module: str) -> tuple[str | None, int]:
    """The room of a module and its floor; `ledger/__init__.py` lies below all rooms."""
    for number, rooms in enumerate(FLOORS):
        for room in rooms:
            if f"{module}.".startswith(f"{room}."):
                return room, number
    return None, -1 if module == "ledger" else len(FLOORS)


def _read_sources() -> dict[str, str]:
    sources = {}
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[module] = path.read_text(encoding="utf-8")
    return sources


def _offences(module: str, text: str) -> str:
    known = ("ledger.tlog.proof", "ledger.book.mass", "ledger.store.tables", "ledger.sequencer")
    return "\n".join(check_module(module, text, known))


def test_an_import_from_a_higher_floor_is_found() -> None:
    assert "higher floor" in _offences("ledger.store.views", "from ledger import sequencer")
    assert "higher floor" in _offences("ledger.errors", "def f():\n    import ledger.book.mass")
    assert not _offences("ledger.sequencer", "from ledger.store import tables\nimport time")
    assert not _offences("ledger.entry", "from ledger.errors import RuleError")


def test_tlog_and_book_may_not_know_each_other() -> None:
    assert "know each other" in _offences("ledger.tlog.note", "from ledger.book import mass")
    assert "know each other" in _offences("ledger.book.rules", "import ledger.tlog.proof")


def test_an_impure_import_or_call_in_a_pure_module_is_found() -> None:
    assert "imports os" in _offences("ledger.book.mass", "from os import environ")
    assert "imports urllib.request" in _offences("labels.qr", "from urllib import request")
    assert "imports sqlalchemy.orm" in _offences("ledger.entry", "import sqlalchemy.orm")
    assert "calls now()" in _offences("labels.pdf", "import datetime\ndatetime.datetime.now()")
    assert "calls open()" in _offences("ledger.certificate", "open('x')")
    assert not _offences("ledger.tlog.tree", "import hashlib\nfrom urllib.parse import quote")


def test_unknown_rooms_relative_imports_and_uninstalled_code_are_found() -> None:
    assert "no floor" in _offences("ledger.blockchain", "")
    assert "relative" in _offences("ledger.book.mass", "from . import assay")
    assert "not installed" in _offences("api.app", "from tests import harness")


def test_long_functions_and_files_are_found() -> None:
    assert "f has 71 lines" in _offences("api.cli", "def f():\n" + "    pass\n" * 70)
    assert not _offences("api.cli", "def f():\n" + "    pass\n" * 69)
    assert "401 lines" in _offences("api.cli", "pass\n" * 401)


def test_an_import_cycle_is_found() -> None:
    around = {"api.a": "from api import b", "api.b": "def f():\n    import api.a", "api": ""}
    assert "import cycle" in check_cycles(around)[0]
    assert not check_cycles(around | {"api.b": ""})
