"""GTINs beside the log: whose goods they name, so that a lot can carry a GS1 Digital Link.

A party registers a GTIN of its own for one of its sites, for all goods or for one material. A lot
`<site>/<name>` is then the batch <name> of that GTIN. A GTIN that is ended prints no more labels;
lots recorded before are still found by it, until somebody else registers it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from labels import gs1
from ledger import entry, reports
from ledger.book import shape, state, vocabulary
from ledger.book.shape import Field, Shape, word
from ledger.book.shapes import fields
from ledger.errors import ConflictError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables

PER_PARTY_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Gtin:
    """A registration. metal, form, scheme and code (of the grade): of the goods; "" for any."""

    gtin: str
    party: str
    site: str
    metal: str
    form: str
    scheme: str
    code: str
    registered_ms: int
    ended_ms: int | None

    @property
    def goods(self) -> tuple[str, str, str, str]:
        """Of what goods it speaks, as `goods` of a material gives it."""
        return (self.metal, self.form, self.scheme, self.code)

    def covers(self, material: Mapping[str, Any] | None) -> bool:
        """Whether goods of this material carry the GTIN."""
        return all(
            not wanted or wanted == has
            for wanted, has in zip(self.goods, goods(material), strict=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """The registration as plain data; material as in events, None for any goods."""
        material: dict[str, Any] = {"metal": self.metal}
        if self.form:
            material["form"] = self.form
        if self.code:
            material["grade"] = {"scheme": self.scheme, "code": self.code}
        return {
            "gtin": self.gtin,
            "party": self.party,
            "site": self.site,
            "material": material if self.metal else None,
            "demo": gs1.is_demo(self.gtin),
            "registered_ms": self.registered_ms,
            "ended_ms": self.ended_ms,
        }


def _needs(members: shape.Members) -> list[str]:
    return ["form"] if "grade" in members and "form" not in members else []


_GOODS: Final = Shape(
    dict,
    (
        Field("metal", word(vocabulary.METALS)),
        Field("form", word(vocabulary.FORMS), required=False),
        Field("grade", shape.nested(fields.GRADE), required=False),
    ),
    needs=_needs,
)


def parse_material(value: Any, path: str = "material") -> dict[str, Any]:
    """A parser of the goods that a GTIN is for: a metal, then its form, then its grade."""
    found: dict[str, Any] = shape.decode(value, path, _GOODS)
    return found


_C: Final = tables.gtins.c
_COLUMNS: Final = [_C[name] for name in Gtin.__dataclass_fields__]


def _rows(column: str, *, ended: bool) -> Select[Any]:
    query = select(*_COLUMNS).where(
        _C.log_id == bindparam("log_id"), _C[column] == bindparam("value")
    )
    query = query if ended else query.where(_C.ended_ms.is_(None))
    return query.order_by(_C.registered_ms, _C.gtin)


_ALL: Final = (
    select(*_COLUMNS).where(_C.log_id == bindparam("log_id")).order_by(_C.registered_ms, _C.gtin)
)
_BY_GTIN: Final = _rows("gtin", ended=True)
_BY_PARTY: Final = _rows("party", ended=True)
_BY_SITE: Final = _rows("site", ended=False)
_COUNT: Final = select(func.count()).where(
    _C.log_id == bindparam("log_id"), _C.party == bindparam("value")
)


def goods(material: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    """Metal, form, scheme and code of a material as events have it; "" for what is not said."""
    said = material or {}
    grade = said.get("grade") or {}
    return (
        said.get("metal") or "",
        said.get("form") or "",
        grade.get("scheme") or "",
        grade.get("code") or "",
    )


def register(
    ledger: Ledger,
    party: str,
    number: str,
    site: str,
    material: Mapping[str, Any] | None = None,
    *,
    demo: bool = False,
) -> tuple[Gtin, bool]:
    """Register a GTIN for a site of the party (the operator may for any); whether it is new.

    The same party may say it anew, with another site or material. Raises FormatError for a number
    that is no genuine GTIN, RuleError SITE_UNKNOWN, PERMISSION_DENIED, PARAMETER_INVALID, and
    ConflictError GTIN_TAKEN.
    """
    whole = gs1.genuine(gs1.gtin(number), demo=demo)
    owner = _owner(ledger, party, site)
    row = Gtin(whole, owner, site, *goods(material), time.time_ns() // 1_000_000, None)
    try:
        with engines.writing(ledger.engine) as connection:
            return row, _write(ledger, connection, row)
    except IntegrityError:
        raise _taken(whole) from None  # somebody was a moment faster


def _owner(ledger: Ledger, party: str, site: str) -> str:
    found = ledger.find(f"site:{site}")
    if not isinstance(found, state.Site):
        raise RuleError(
            "SITE_UNKNOWN", f"site: no site {site} in this log", field="site", value=site,
            hint="register it first (site_registered)",
        )  # fmt: skip
    if party not in (found.party, ledger.operator):
        raise RuleError(
            "PERMISSION_DENIED", f"site: {site} is not a site of {party}", field="site",
            value=site, hint="a GTIN is registered by the party whose site makes the goods",
        )  # fmt: skip
    return found.party


def _write(ledger: Ledger, connection: Connection, row: Gtin) -> bool:
    before = _read(ledger, connection, row.gtin)
    values = {name: getattr(row, name) for name in Gtin.__dataclass_fields__}
    if before is None:
        named = {"log_id": ledger.log_id, "value": row.party}
        if connection.execute(_COUNT, named).scalar_one() >= PER_PARTY_MAX:
            raise RuleError(
                "PARAMETER_INVALID",
                f"gtin: {row.party} has {PER_PARTY_MAX} GTINs already, the most a party may have",
                field="gtin", value=row.gtin, hint="say another site or material of one of them",
            )  # fmt: skip
        connection.execute(insert(tables.gtins), {"log_id": ledger.log_id, **values})
        return True
    if before.ended_ms is None and before.party != row.party:
        raise _taken(row.gtin)
    changed = connection.execute(
        update(tables.gtins)
        .where(
            *(_C.log_id == ledger.log_id, _C.gtin == row.gtin, _C.party == before.party),
            _C.ended_ms.is_not_distinct_from(before.ended_ms),
        )
        .values(**values)
    )
    if changed.rowcount != 1:
        raise _taken(row.gtin)  # somebody was a moment faster
    return before.ended_ms is not None


def _taken(number: str) -> ConflictError:
    return ConflictError(
        "GTIN_TAKEN",
        f"gtin: {number} is registered by another party",
        field="gtin",
        value=number,
        hint="check the digits; if the number is yours, ask the operator of the log",
    )


def end(ledger: Ledger, party: str, number: str) -> Gtin:
    """Print no more labels with a GTIN of the party (the operator may end any).

    Raises FormatError, RuleError GTIN_UNKNOWN and PERMISSION_DENIED.
    """
    whole = gs1.gtin(number)
    with engines.writing(ledger.engine) as connection:
        row = _read(ledger, connection, whole)
        if row is None or row.ended_ms is not None:
            raise unknown(whole)
        if party not in (row.party, ledger.operator):
            raise RuleError(
                "PERMISSION_DENIED", f"gtin: {whole} is not a GTIN of {party}", field="gtin",
                value=whole, hint="a GTIN is ended by the party that registered it",
            )  # fmt: skip
        ended_ms = time.time_ns() // 1_000_000
        connection.execute(
            update(tables.gtins)
            .where(_C.log_id == ledger.log_id, _C.gtin == whole)
            .values(ended_ms=ended_ms)
        )
    return find(ledger, whole)


def find(ledger: Ledger, number: str) -> Gtin:
    """A registration, ended or not. Raises FormatError, RuleError GTIN_UNKNOWN."""
    whole = gs1.gtin(number)
    with engines.reading(ledger.engine) as connection:
        row = _read(ledger, connection, whole)
    if row is None:
        raise unknown(whole)
    return row


def listing(ledger: Ledger, party: str = "") -> list[Gtin]:
    """The registrations of a party, or of all, ended ones too, oldest first."""
    query, named = (_BY_PARTY, {"value": party}) if party else (_ALL, {})
    with engines.reading(ledger.engine) as connection:
        rows = connection.execute(query, {"log_id": ledger.log_id, **named})
        return [Gtin(*row) for row in rows]


def of_lot(ledger: Ledger, lot: str, material: Mapping[str, Any] | None) -> Gtin:
    """The GTIN for the label of a lot: the one that says most about its goods, then the latest.

    Raises RuleError GTIN_UNKNOWN.
    """
    site = lot.partition("/")[0]
    with engines.reading(ledger.engine) as connection:
        found = connection.execute(_BY_SITE, {"log_id": ledger.log_id, "value": site})
        rows = [row for row in (Gtin(*columns) for columns in found) if row.covers(material)]
    if not rows:
        raise RuleError(
            "GTIN_UNKNOWN",
            f"gtin: no GTIN is registered for the goods of {lot}",
            field="gtin",
            value=lot,
            hint="register one (`remelt gtin add`, PUT /v1/gtins/{gtin}), or print without",
        )
    return max(rows, key=lambda row: (4 - row.goods.count(""), row.registered_ms))


def lot_of(ledger: Ledger, link: gs1.DigitalLink) -> str:
    """The lot that a Digital Link names. Raises RuleError GTIN_UNKNOWN, FormatError LOT_UNKNOWN."""
    row = find(ledger, link.gtin)
    lot = f"{row.site}/{link.lot}"
    with engines.reading(ledger.engine) as connection:
        n = entries.first_touch(connection, ledger.log_id, f"lot:{lot}") if link.lot else None
        first = None
        if n is not None:
            first = entry.parse(entries.read_leaf(connection, ledger.log_id, n))
    if first is None or not row.covers(reports.making(first, lot)["material"]):
        raise RuleError(
            "LOT_UNKNOWN",
            f"10: no lot {link.lot or '(none given)'} of the GTIN {link.gtin} in this log",
            field="10",
            value=link.lot,
            hint="scan the label again, or type the lot and digits printed under its code",
        )
    if row.ended_ms is not None and first.at_ms >= row.ended_ms:
        raise unknown(link.gtin)
    return lot


def unknown(number: str) -> RuleError:
    """GTIN_UNKNOWN for a number that is not registered, or no longer."""
    return RuleError(
        "GTIN_UNKNOWN",
        f"gtin: {number} is not registered in this log, or no longer",
        field="gtin",
        value=number,
        hint="type the lot and digits printed under the code, or ask who sold the goods",
    )


def _read(ledger: Ledger, connection: Connection, number: str) -> Gtin | None:
    named = {"log_id": ledger.log_id, "value": number}
    row = connection.execute(_BY_GTIN, named).one_or_none()
    return None if row is None else Gtin(*row)
