"""States and views to bytes and back. They are views: the format may change with a rebuild."""

from __future__ import annotations

from typing import Any, Final

import orjson

from ledger.book import bodies, state, totals
from ledger.errors import CorruptError

_CLASSES: Final[dict[str, Any]] = {
    "log": state.Log,
    "party": state.Party,
    "key": state.Key,
    "site": state.Site,
    "lot": state.Lot,
    "receipt": state.Receipt,
    "run": state.Run,
    "consignment": state.Consignment,
    "certificate": state.Certificate,
}
_TUPLES: Final = frozenset(
    {"sites", "scopes", "equipment", "mentions", "marks", "outputs", "road", "lots"}
)
_PARTNERS: Final = frozenset({"to", "holder"})


def encode(value: Any) -> bytes:
    """A frozen state or view as JSON with sorted names."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _members(data: bytes) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(data)
    for name, value in members.items():
        if name in _TUPLES:
            members[name] = tuple(value)
        elif name in _PARTNERS and value is not None:
            members[name] = bodies.Partner(**value)
        elif name == "parts":
            members[name] = tuple(state.Part(p["other_mg"], tuple(p["mentions"])) for p in value)
    return members


def decode_state(key: str, data: bytes) -> state.State:
    """The state of object `key`. CorruptError if these are not the bytes of one."""
    made: state.State = _decode(_CLASSES[key.partition(":")[0]], key, data)
    return made


def decode_certificate(data: bytes) -> totals.Certificate:
    """A certificate's view. CorruptError if these are not the bytes of one."""
    made: totals.Certificate = _decode(totals.Certificate, "certificate", data)
    return made


def _decode(made_of: Any, key: str, data: bytes) -> Any:
    try:
        return made_of(**_members(data))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptError(
            "STORE_CORRUPT",
            f"view of {key}: cannot be read: {error}",
            hint="run `remelt audit`; views can be rebuilt from the entries",
        ) from error
