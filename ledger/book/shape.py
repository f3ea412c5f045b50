"""What a JSON object must look like, as a table, and the decoder that walks it.

An object is checked in a fixed order (docs/events.md section 9): unknown names, missing names, each
field in turn, then what joins fields.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ledger.errors import FormatError

Parser = Callable[[Any, str], Any]
Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One member: its name, the parser of its value, whether it must be there."""

    name: str
    parse: Parser
    required: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: its fields in the order of the page, and the class of the decoded value.

    needs: names that are missing given the others. joins: checks over the parsed members.
    """

    make: Callable[..., Any]
    fields: tuple[Field, ...]
    needs: Callable[[Members], Iterable[str]] | None = None
    joins: Callable[[Members, str], None] | None = None
    names: frozenset[str] = field(init=False)
    required: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out once what every object of this shape is asked."""
        object.__setattr__(self, "names", frozenset(f.name for f in self.fields))
        required = tuple(f.name for f in self.fields if f.required)
        object.__setattr__(self, "required", required)


def invalid(field: str, value: object, want: str, hint: str = "") -> FormatError:
    """FIELD_INVALID in the house form."""
    shown = value if isinstance(value, str | int | bool | None) else type(value).__name__
    return FormatError(
        "FIELD_INVALID",
        f"{field}: {str(shown)[:80]!r} is not valid, want {want}",
        field=field,
        value=value,
        hint=hint,
    )


def join(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else name


def _unknown(path: str, name: str, shape: Shape) -> FormatError:
    return FormatError(
        "FIELD_UNKNOWN",
        f"{path}: no such field",
        field=path,
        value=name,
        hint=f"known here: {', '.join(f.name for f in shape.fields)}",
    )


def _missing(path: str, name: str, shape: Shape) -> FormatError:
    return FormatError(
        "FIELD_MISSING",
        f"{path} is missing",
        field=path,
        hint=f"give {name!r}; fields here: {', '.join(f.name for f in shape.fields)}",
    )


def decode(value: Any, path: str, shape: Shape) -> Any:
    """Decode one object by its shape. Raises the first refusal in the public order."""
    if not isinstance(value, dict):
        raise invalid(path, value, "a JSON object")
    if not shape.names.issuperset(value):
        unknown = next(name for name in value if name not in shape.names)
        raise _unknown(join(path, unknown), unknown, shape)
    missing = [name for name in shape.required if name not in value]
    for name in missing or (shape.needs(value) if shape.needs else ()):
        raise _missing(join(path, name), name, shape)
    members = {}
    for known in shape.fields:
        name = known.name
        if name in value:
            members[name] = known.parse(value[name], f"{path}.{name}" if path else name)
    if shape.joins:
        shape.joins(members, path)
    return shape.make(**members)


def nested(shape: Shape) -> Parser:
    """A parser of one object."""
    return lambda value, path: decode(value, path, shape)


def listed(parse: Parser, *, least: int = 0, most: int = 1000) -> Parser:
    """A parser of a list of values."""

    def parse_list(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise invalid(path, value, f"a list of {least} to {most} values")
        return tuple(parse(member, f"{path}[{i}]") for i, member in enumerate(value))

    return parse_list


def pattern(regex: str, want: str) -> Parser:
    """A parser of a string of fixed shape (ASCII)."""
    compiled = re.compile(regex, re.ASCII)

    def parse_pattern(value: Any, path: str) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise invalid(path, value, want)
        return value

    return parse_pattern


def word(words: Iterable[str], code: str = "VOCABULARY_UNKNOWN") -> Parser:
    """A parser of a word of a printed list."""
    allowed = tuple(words)
    known = frozenset(allowed)
    shown = ", ".join(allowed if len(allowed) < 40 else sorted(allowed)[:12])

    def parse_word(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise invalid(path, value, f"one of {shown}")
        if value not in known:
            raise FormatError(
                code,
                f"{path}: unknown word {value[:40]!r}",
                field=path,
                value=value,
                hint=f"one of {shown}" + (" …" if len(allowed) >= 40 else ""),
            )
        return value

    return parse_word


def integer(low: int, high: int) -> Parser:
    """A parser of a bare integer in a range."""

    def parse_integer(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(path, value, f"an integer from {low} to {high}")
        return value

    return parse_integer


def text(value: Any, path: str) -> str:
    """A parser of any string."""
    if not isinstance(value, str):
        raise invalid(path, value, "a string")
    return value


def boolean(value: Any, path: str) -> bool:
    """A parser of true and false."""
    if not isinstance(value, bool):
        raise invalid(path, value, "true or false")
    return value


def constant_true(value: Any, path: str) -> bool:
    """A parser of the literal true."""
    if value is not True:
        raise invalid(path, value, "true")
    return True


_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_TIME_CACHED: Final = 40
_EPOCH: Final = datetime.datetime(1970, 1, 1)


def time_ms(value: Any, path: str) -> int:
    """UTC milliseconds of an RFC 3339 time with offset; TIME_INVALID for any other string.

    Capital T and Z; decimals after the third are cut off; a 60th second is refused.
    """
    if not isinstance(value, str):
        raise invalid(path, value, "an RFC 3339 time")
    try:
        # A time may have thousands of decimals; the cache is for those that people write.
        return _time_ms(value) if len(value) <= _TIME_CACHED else _time_ms.__wrapped__(value)
    except ValueError:
        raise FormatError(
            "TIME_INVALID",
            f"{path}: {value[:40]!r} is not an RFC 3339 time with offset",
            field=path,
            value=value,
            hint='write for example "2026-03-02T09:15:00+08:00"; a time without offset is refused',
        ) from None


@lru_cache(maxsize=4096)
def _time_ms(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    local = datetime.datetime(year, month, day, hour, minute, second)
    offset = 0
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:
            raise ValueError(text)
        offset = (hours * 60 + minutes) * (60_000 if match[8] == "+" else -60_000)
    milliseconds = int((match[7] or "0").ljust(3, "0")[:3])
    elapsed = local - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + milliseconds - offset


def date(value: Any, path: str) -> str:
    """A parser of a calendar date, YYYY-MM-DD; TIME_INVALID for any other string."""
    if not isinstance(value, str):
        raise invalid(path, value, "a date")
    try:
        if datetime.date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise FormatError(
        "TIME_INVALID",
        f"{path}: {value[:40]!r} is not a date",
        field=path,
        value=value,
        hint='write for example "2027-03-31"',
    )
