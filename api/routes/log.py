"""The log itself: checkpoints and proofs are public."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import PlainTextResponse
from sqlalchemy import Connection

from api import deps
from api.deps import LedgerDep
from ledger import dossiers, entry
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import proof, tiles, tree

router = APIRouter(prefix="/v1/log", tags=["log"], dependencies=[Depends(deps.known_parameters)])

Index = Annotated[int, Query(ge=0, le=tree.MAX_SIZE)]
Size = Annotated[int | None, Query(ge=1, le=tree.MAX_SIZE)]


@router.get("/checkpoint", response_class=PlainTextResponse)
def checkpoint(ledger: LedgerDep) -> PlainTextResponse:
    """The latest signed checkpoint."""
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        note = entries.read_checkpoint(connection, ledger.log_id, head.size if head else 0)
    return PlainTextResponse(note, headers={"Cache-Control": "public, max-age=1"})


@router.get("/proof/{n}.tlog-proof", response_class=PlainTextResponse)
def proof_file(
    ledger: LedgerDep, n: Annotated[int, Path(ge=0, le=tree.MAX_SIZE)]
) -> PlainTextResponse:
    """The proof file of entry n: its place under the published checkpoint (C2SP tlog-proof)."""
    name = {"Content-Disposition": f'attachment; filename="{n}.tlog-proof"'}
    fresh = {"Cache-Control": "public, no-cache"}
    return PlainTextResponse(dossiers.prove(ledger, n), headers=fresh | name)


@router.get("/proof/inclusion")
def inclusion(ledger: LedgerDep, n: Index, size: Size = None) -> dict[str, Any]:
    """That entry n is in the tree of `size` entries (default: the latest)."""
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        latest = head.size if head else 0
        size = _within(size, latest, "size")
        if n >= size:
            raise _beyond("n", n, size - 1)
        subtree = tiles.hash_reader(
            size, lambda level, i: entries.read_tile(connection, ledger.log_id, level, i)
        )
        leaf_hash = entry.leaf_hash(entries.read_leaf(connection, ledger.log_id, n))
        return {
            "n": n,
            "size": size,
            "leaf_hash": leaf_hash.hex(),
            "proof": [node.hex() for node in proof.inclusion(n, size, subtree)],
            "root": _root(connection, ledger, size),
        }


@router.get("/proof/consistency")
def consistency(
    ledger: LedgerDep,
    old: Annotated[int, Query(alias="from", ge=1, le=tree.MAX_SIZE)],
    new: Annotated[int | None, Query(alias="to", ge=1, le=tree.MAX_SIZE)] = None,
) -> dict[str, Any]:
    """That the tree of `from` entries is a prefix of that of `to` entries."""
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        new = _within(new, head.size if head else 0, "to")
        if old > new:
            raise _beyond("from", old, new)
        subtree = tiles.hash_reader(
            new, lambda level, i: entries.read_tile(connection, ledger.log_id, level, i)
        )
        return {
            "from": old,
            "to": new,
            "proof": [node.hex() for node in proof.consistency(old, new, subtree)],
            "from_root": _root(connection, ledger, old),
            "to_root": _root(connection, ledger, new),
        }


def _root(connection: Connection, ledger: Ledger, size: int) -> str:
    return tiles.root_at(
        size, lambda level, i: entries.read_tile(connection, ledger.log_id, level, i)
    ).hex()


def _within(size: int | None, latest: int, name: str) -> int:
    if size is None:
        return latest
    if size > latest:
        raise _beyond(name, size, latest)
    return size


def _beyond(name: str, value: int, most: int) -> RuleError:
    return RuleError(
        "PARAMETER_INVALID",
        f"{name}: {value} lies beyond {most}",
        field=name,
        value=value,
        hint="see /v1/log/checkpoint for the size of the log",
    )
