"""The buyer's policy file: whose keys count. It never comes out of a dossier.

    log <vkey> [<url>]                      a log whose checkpoints count; key name = origin
    operator <kid>                          RFC 7638 thumbprint of an operator's statement key
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...    k of these witnesses or groups
    quorum <name>|none                      once; what a checkpoint must be cosigned by
    max_age <n>s|m|h|d                      once, or not at all; how old a checkpoint may be

Blank lines and lines that begin with `#` are skipped. Names are opaque, witnesses and groups
share them, they refer backwards only, and each stands in at most one group. Who stands under the
name `auditors`, a group or one witness, is believed to have re-run every rule over the whole log;
every other witness, above all who stands under `witnesses`, to have seen one line of history.
Source: C2SP tlog-policy; the `operator` line is ours, because statements are signed as well as
checkpoints, and so are `max_age` and the two names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ledger.book import jose
from ledger.errors import FormatError, LedgerError
from ledger.tlog import note

T = TypeVar("T")
NONE: Final = "none"
WITNESSES: Final = "witnesses"
AUDITORS: Final = "auditors"
MAX_BYTES: Final = 1 << 20
# Key types of C2SP tlog-cosignature, with the size of their public keys.
_WITNESS_KEYS: Final = {0x04: 32, 0x06: 1312}
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_AGE: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_UNITS_S: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Log:
    """A log the buyer trusts to be one log, and where it may be found."""

    verifier: note.Verifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who cosigns checkpoints, under the name it has in this file."""

    name: str
    vkey: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """At least `threshold` of the members."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file. quorum: the name of a witness or group, or "none"."""

    logs: tuple[Log, ...]
    operators: tuple[str, ...]
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NONE
    max_age_s: int | None = None


@dataclass(slots=True)
class _Draft:
    """A policy while its lines are read."""

    logs: list[Log] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str = ""
    max_age_s: int | None = None
    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)


def parse(data: bytes) -> Policy:
    """The policy in `data`. Raises FormatError POLICY_INVALID naming the line and how to fix it."""
    draft = _read(data, _KEYWORDS)
    missing: Iterable[tuple[bool, str, str]] = (
        (not draft.logs, "no log line", "add: log <vkey>"),
        (not draft.operators, "no operator line", "add: operator <kid of the operator's key>"),
        (not draft.quorum, "no quorum line", "add: quorum none, or name a witness or group"),
    )
    for absent, wrong, hint in missing:
        if absent:
            raise _invalid(0, wrong, hint)
    return _complete(draft)


def parse_witnesses(data: bytes) -> Policy:
    """The witnesses that an operator asks: a policy of `witness`, `group` and `quorum` lines only.

    Every witness has a URL. Without a quorum line all must cosign that stand in no group, and
    every group that stands in none; in a file without witnesses the quorum is "none".
    Raises FormatError POLICY_INVALID naming the line and how to fix it.
    """
    draft = _read(data, {name: _KEYWORDS[name] for name in ("witness", "group", "quorum")})
    for witness in draft.witnesses:
        if not _URL.fullmatch(witness.url):
            wrong = f"witness {witness.name[:60]!r} has no URL to be asked at: {witness.url[:60]!r}"
            raise _invalid(0, wrong, "write: witness <name> <vkey> https://<where it listens>")
    if not draft.quorum:
        _all_must(draft)
    return _complete(draft)


def format_policy(policy: Policy) -> bytes:
    """The policy as a file that `parse` gives back."""
    rows = [["log", known.verifier.vkey, known.url] for known in policy.logs]
    rows += [["operator", kid] for kid in policy.operators]
    rows += [["witness", w.name, w.vkey, w.url] for w in policy.witnesses]
    rows += [["group", g.name, str(g.threshold), *g.members] for g in policy.groups]
    rows.append(["quorum", policy.quorum])
    if policy.max_age_s is not None:
        rows.append(["max_age", age(policy.max_age_s)])
    text = "".join(" ".join(filter(None, row)) + "\n" for row in rows)
    return text.encode("utf-8", "surrogateescape")


def satisfied(policy: Policy, times: Mapping[str, int]) -> bool:
    """Whether the quorum of `policy` is met by the witnesses that cosigned a checkpoint.

    times: when each cosigned, in seconds since 1970, by its name in the policy, as
    `cosignature.verify_cosignatures` gives it; other names count for nothing.
    """
    return policy.quorum in _met(policy, times)


def seen_at_s(policy: Policy, times: Mapping[str, int]) -> int | None:
    """The latest time by which a quorum had seen the checkpoint, in seconds since 1970.

    That is, the latest stated by one of them so that those who cosigned then or later meet the
    quorum: with a quorum of two, one witness that lies makes nothing look fresh. Who states no
    time (0) counts for no age. None if those who state one are no quorum.
    """
    for time in sorted({time for time in times.values() if time}, reverse=True):
        since = {name: at for name, at in times.items() if at >= time}
        if satisfied(policy, since):
            return time
    return None


def lacking(policy: Policy, times: Mapping[str, int]) -> str:
    """Who would have to cosign besides for the quorum to be met, in words; "" if it is met."""
    met = _met(policy, times)
    said = {witness.name: witness.name for witness in policy.witnesses}
    for group in policy.groups:
        absent = [said[name] for name in group.members if name not in met]
        short = group.threshold - (len(group.members) - len(absent))
        some = ", ".join(absent) if short >= len(absent) else f"{short} of {', '.join(absent)}"
        said[group.name] = f"{group.name} ({some})"[:300]
    return "" if policy.quorum in met else said.get(policy.quorum, policy.quorum)


def auditors(policy: Policy) -> frozenset[str]:
    """The names of the witnesses that stand under `auditors`; no other counts as an auditor."""
    under = _under(policy.groups, AUDITORS)
    return frozenset(witness.name for witness in policy.witnesses if witness.name in under)


def age(age_s: int) -> str:
    """A time span as `max_age` has it, in the largest unit that fits without a rest."""
    unit = next(unit for unit, per_s in _UNITS_S.items() if age_s % per_s == 0)
    return f"{age_s // _UNITS_S[unit]}{unit}"


def _met(policy: Policy, times: Mapping[str, int]) -> set[str]:
    """The witnesses that cosigned, the groups these satisfy, and "none"."""
    met = {witness.name for witness in policy.witnesses if witness.name in times} | {NONE}
    for group in policy.groups:  # members stand above their group
        if sum(member in met for member in group.members) >= group.threshold:
            met.add(group.name)
    return met


def _under(groups: Iterable[Group], name: str) -> set[str]:
    """A name and all that stands under it."""
    members = {group.name: group.members for group in groups}
    found, open_ = set(), [name]
    while open_:
        this = open_.pop()
        found.add(this)
        open_ += members.get(this, ())
    return found


def _read(data: bytes, keywords: Mapping[str, _Keyword]) -> _Draft:
    if len(data) > MAX_BYTES:
        raise _invalid(0, f"{len(data)} bytes, want at most {MAX_BYTES}", "is this the right file?")
    draft = _Draft()
    for number, line in enumerate(data.split(b"\n"), start=1):
        if _CONTROL.search(line):
            raise _invalid(
                number,
                "a control character",
                "plain text, lines that end in newline only, no carriage returns",
            )
        words = re.split("[ \t]+", line.decode("utf-8", "surrogateescape").strip(" \t"))
        if not words[0] or words[0].startswith("#"):
            continue
        _read_line(draft, number, words[0], words[1:], keywords)
    return draft


def _invalid(number: int, wrong: str, hint: str) -> FormatError:
    where = f"line {number}" if number else "policy"
    shown = wrong.encode("utf-8", "replace").decode()
    return FormatError("POLICY_INVALID", f"{where}: {shown}", field=where, hint=hint)


def _read_line(
    draft: _Draft,
    number: int,
    keyword: str,
    words: Sequence[str],
    keywords: Mapping[str, _Keyword],
) -> None:
    known = keywords.get(keyword)
    if known is None:
        raise _invalid(
            number,
            f"unknown keyword {keyword[:40]!r}, want one of {', '.join(keywords)}",
            "put # before a comment",
        )
    least, most, form, read = known
    if not least <= len(words) <= most:
        raise _invalid(number, f"{keyword} with {len(words)} words", f"write: {form}")
    read(draft, number, words)


def _log(draft: _Draft, number: int, words: Sequence[str]) -> None:
    verifier = _key(number, words[0], note.parse_vkey)
    _once(draft.keys, verifier.public_key, number, "a key that stands above already")
    draft.logs.append(Log(verifier, *words[1:]))


def _operator(draft: _Draft, number: int, words: Sequence[str]) -> None:
    if not jose.KID.fullmatch(words[0]):
        raise _invalid(
            number,
            f"not a key thumbprint: {words[0][:60]!r}",
            "43 characters of base64url: the RFC 7638 thumbprint of the operator's key",
        )
    draft.operators.append(words[0])


def _witness(draft: _Draft, number: int, words: Sequence[str]) -> None:
    _name(draft, number, words[0])
    _, algorithm, public_key = _key(number, words[1], note.split_vkey)
    if _WITNESS_KEYS.get(algorithm) != len(public_key):
        raise _invalid(
            number,
            f"a key of type {algorithm:#04x} with {len(public_key)} bytes does not cosign",
            "ask the witness for its cosignature vkey: type 04 (Ed25519) or 06 (ML-DSA-44)",
        )
    _once(draft.keys, public_key, number, "a key that stands above already")
    draft.witnesses.append(Witness(*words))


def _group(draft: _Draft, number: int, words: Sequence[str]) -> None:
    name, written, *members = words
    for member in members:
        _defined(draft, number, member)
        _once(draft.members, member, number, f"{member!r} is in a group already")
    _name(draft, number, name)
    threshold = {"all": len(members), "any": 1}.get(written, 0)
    if not threshold and _THRESHOLD.fullmatch(written):
        threshold = int(written)
    if not 1 <= threshold <= len(members):
        wrong = f"a threshold of {written[:20]!r} for {len(members)} members"
        raise _invalid(number, wrong, f"all, any, or a number from 1 to {len(members)}")
    draft.groups.append(Group(name, threshold, tuple(members)))


def _quorum(draft: _Draft, number: int, words: Sequence[str]) -> None:
    if draft.quorum:
        raise _invalid(number, "a second quorum line", "keep one; combine names in a group")
    if words[0] != NONE:
        _defined(draft, number, words[0])
    draft.quorum = words[0]


def _max_age(draft: _Draft, number: int, words: Sequence[str]) -> None:
    if draft.max_age_s is not None:
        raise _invalid(number, "a second max_age line", "keep one")
    found = _AGE.fullmatch(words[0])
    if found is None:
        wrong = f"not a time span: {words[0][:20]!r}"
        raise _invalid(number, wrong, "a number and s, m, h or d without a space: 36h, 7d")
    draft.max_age_s = int(found[1]) * _UNITS_S[found[2]]


_Keyword = tuple[int, int, str, Callable[[_Draft, int, Sequence[str]], None]]
_ANY: Final = 1 << 20
_KEYWORDS: Final[dict[str, _Keyword]] = {
    "log": (1, 2, "log <vkey> [<url>]", _log),
    "operator": (1, 1, "operator <kid>", _operator),
    "witness": (2, 3, "witness <name> <vkey> [<url>]", _witness),
    "group": (3, _ANY, "group <name> all|any|<k> <member>...", _group),
    "quorum": (1, 1, "quorum <name>, or quorum none", _quorum),
    "max_age": (1, 1, "max_age <n>s, <n>m, <n>h or <n>d", _max_age),
}


def _key(number: int, text: str, parse_key: Callable[[str], T]) -> T:
    try:
        return parse_key(text)
    except (LedgerError, UnicodeError) as error:
        message = error.message if isinstance(error, LedgerError) else "vkey: not UTF-8"
        hint = "copy the whole key: <name>+<8 hex digits>+<base64>, without spaces"
        raise _invalid(number, message, hint) from error


def _name(draft: _Draft, number: int, name: str) -> None:
    if name == NONE:
        raise _invalid(number, "the name none is taken", "choose another name")
    _once(draft.names, name, number, f"the name {name[:60]!r} stands above already")


def _defined(draft: _Draft, number: int, name: str) -> None:
    if name not in draft.names:
        raise _invalid(
            number,
            f"no witness or group {name[:60]!r} above this line",
            "define it first: names refer backwards only",
        )


def _once(seen: set[T], value: T, number: int, wrong: str) -> None:
    if value in seen:
        raise _invalid(number, wrong, "write it once")
    seen.add(value)


def _all_must(draft: _Draft) -> None:
    """A quorum of everything that is named and stands in no group."""
    named = [witness.name for witness in draft.witnesses]
    named += [group.name for group in draft.groups]
    top = [name for name in named if name not in draft.members]
    draft.quorum = top[0] if top else NONE
    if len(top) > 1:
        draft.quorum = "all"
        while draft.quorum in draft.names:
            draft.quorum += "-"
        draft.groups.append(Group(draft.quorum, len(top), tuple(top)))


def _complete(draft: _Draft) -> Policy:
    for outer, inner in ((AUDITORS, WITNESSES), (WITNESSES, AUDITORS)):
        if inner in _under(draft.groups, outer):
            raise _invalid(
                0,
                f"{inner} stands within {outer}, so that somebody would count as both",
                "put both into a third group, and name that in the quorum",
            )
    return Policy(
        tuple(draft.logs),
        tuple(draft.operators),
        tuple(draft.witnesses),
        tuple(draft.groups),
        draft.quorum,
        draft.max_age_s,
    )
