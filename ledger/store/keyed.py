"""Rows by a list of their keys, in few queries, each key through the index that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, Text, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Keyed:
    """A query for the rows of many keys; its statements are made once (see `keyed`)."""

    by_list: Select[Any]
    by_loop: Select[Any]

    def rows(self, connection: Connection, keys: Sequence[str], **fixed: str) -> Iterator[Any]:
        """The rows there are, in no order."""
        query = self.by_loop if connection.dialect.name == "postgresql" else self.by_list
        for i in range(0, len(keys), _CHUNK):
            chunk = {**fixed, "keys": list(keys[i : i + _CHUNK])}
            yield from connection.execute(query, chunk)


def keyed(table: Table, key: str, *names: str, fixed: Sequence[str] = ("log_id",)) -> Keyed:
    """The named columns of rows by `key`, the last column of a unique index after `fixed`."""
    found = select(*(table.c[name] for name in names)).where(
        *(table.c[name] == bindparam(name) for name in fixed)
    )
    by_list = found.where(table.c[key].in_(bindparam("keys", expanding=True)))
    # A new table has no statistics, and PostgreSQL would read all of it for 500 keys. The limit
    # keeps it from joining in any other way than key by key.
    array = func.unnest(bindparam("keys", type_=ARRAY(Text)))
    wanted = array.table_valued("key").render_derived(name="wanted")
    each = found.where(table.c[key] == wanted.c.key).limit(1).lateral("found")
    by_loop = select(*(each.c[name] for name in names)).select_from(wanted.join(each, true()))
    return Keyed(by_list, by_loop)
