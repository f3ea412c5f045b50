"""The environment, read once. `SETTINGS` is the one table; docs/operations.md is tested against it.

A secret may lie in a file: NAME_FILE names it, as Docker, Kubernetes and systemd hand secrets over.
A variable that begins with REMELT_ and is not in the table is refused: a typing mistake in a
setting must not leave its default in force.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ledger.errors import RuleError

SECRET_MAX_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. words: what it may be, if not any text. secret: shown as ***, has a _FILE."""

    name: str
    meaning: str
    default: str
    secret: bool = False
    words: tuple[str, ...] = ()


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("REMELT_DATA", "the directory", "`./remelt-data`"),
    Setting("REMELT_DATABASE", "database URL", "`ledger.sqlite` in the directory", secret=True),
    Setting("REMELT_FONT", "a font file more for labels and certificates, tried first", "none"),
    Setting("REMELT_HOST", "the host that labels and links name", "that of the log's origin"),
    Setting("REMELT_LOG_KEY", "the text of `keys/log.key`", "the file", secret=True),
    Setting("REMELT_OPERATOR_KEY", "the text of `keys/operator.pem`", "the file", secret=True),
    Setting("REMELT_MASTER_KEY", "64 hex digits: `keys/master.key`", "the file", secret=True),
    Setting("REMELT_API_KEY", "API key for `remelt record --url`", "none", secret=True),
    Setting(
        "REMELT_METRICS_TOKEN", "bearer token that reads `/metrics` from anywhere", "none",
        secret=True,
    ),
    Setting(
        "REMELT_LOG_LEVEL", "what is logged: `debug`, `info`, `warning`, `error`", "`info`",
        words=("debug", "info", "warning", "error"),
    ),
    Setting(
        "REMELT_LOG_FORMAT", "`json`, `text`, or `auto`: text on a terminal, else JSON", "`auto`",
        words=("auto", "json", "text"),
    ),
    Setting(
        "REMELT_ACCESS_LOG", "a line for every request: `on`, `off`", "`on`", words=("on", "off")
    ),
    Setting(
        "REMELT_PROXIES", "addresses of reverse proxies whose `X-Forwarded-*` is believed", "none"
    ),
    Setting("REMELT_RATE_READS", "requests a second of one key or session; 0: any number", "1000"),
    Setting("REMELT_RATE_EVENTS", "events a second of one key or session; 0: any number", "20000"),
    Setting(
        "REMELT_RATE_VISITS", "requests a second of one address without a key; 0: any number", "100"
    ),
    Setting(
        "REMELT_ENTRIES", "who reads entries at `/tile/entries/`: `private`: keys with `audit`; "
        "`public`: everybody", "`private`", words=("private", "public"),
    ),
    Setting("REMELT_PUBLISH_GAP_MS", "milliseconds from one published checkpoint to the next "
            "while the log grows", "1000"),
    Setting("REMELT_PUBLISH_IDLE_S", "seconds after which witnesses see the same checkpoint again "
            "while it does not", "600"),
)  # fmt: skip
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
KNOWN: Final = frozenset(_BY_NAME) | {f"{s.name}_FILE" for s in SETTINGS if s.secret}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are. Secrets are kept out of `repr`: it ends in tracebacks."""

    data: Path
    database: str = field(repr=False)
    host: str
    master_key: str = field(repr=False)
    log_key: str = field(default="", repr=False)
    operator_key: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    log_level: str = "info"
    log_format: str = "auto"
    access_log: bool = True
    proxies: str = ""
    rate_reads: int = 1_000
    rate_events: int = 20_000
    rate_visits: int = 100
    entries: str = "private"
    publish_gap_ms: int = 1_000
    publish_idle_s: int = 600

    @property
    def keys(self) -> Path:
        """The directory of private keys."""
        return self.data / "keys"

    @property
    def shown_database(self) -> str:
        """The database URL as it may be printed."""
        return without_password(self.database)


def without_password(url: str) -> str:
    """A database URL with *** for its password; the scheme alone where it cannot be parsed."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return f"{url.partition(':')[0]}:…"
    query = {name: "hidden" if "pass" in name else value for name, value in parsed.query.items()}
    return parsed.set(query=query).render_as_string(hide_password=True)


def load(data: str | None = None, database: str | None = None) -> Settings:
    """Settings from the environment; arguments win. RuleError SETTING_INVALID names what is wrong.

    Reads the files that _FILE variables name.
    """
    refuse_unknown(os.environ)
    directory = Path(data or value("REMELT_DATA") or "remelt-data").absolute()
    url = database or value("REMELT_DATABASE") or f"sqlite:///{directory}/ledger.sqlite"
    _check_url(url)
    return Settings(
        directory,
        url,
        value("REMELT_HOST"),
        value("REMELT_MASTER_KEY"),
        value("REMELT_LOG_KEY"),
        value("REMELT_OPERATOR_KEY"),
        value("REMELT_METRICS_TOKEN"),
        value("REMELT_LOG_LEVEL") or "info",
        value("REMELT_LOG_FORMAT") or "auto",
        (value("REMELT_ACCESS_LOG") or "on") == "on",
        value("REMELT_PROXIES"),
        rate_reads=_number("REMELT_RATE_READS"),
        rate_events=_number("REMELT_RATE_EVENTS"),
        rate_visits=_number("REMELT_RATE_VISITS"),
        entries=value("REMELT_ENTRIES") or "private",
        publish_gap_ms=_number("REMELT_PUBLISH_GAP_MS", 100),
        publish_idle_s=_number("REMELT_PUBLISH_IDLE_S", 10),
    )


def _number(name: str, least: int = 0) -> int:
    text = value(name) or _BY_NAME[name].default
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < least:
        want = f"a whole number from {least} on" if least else "a whole number"
        raise RuleError(
            "SETTING_INVALID", f"{name}: {text[:80]!r}, want {want}", field=name, value=text,
            hint=f"{name}: {_BY_NAME[name].meaning}",
        )  # fmt: skip
    return int(text)


def _check_url(url: str) -> None:
    try:
        make_url(url)
    except ArgumentError:
        pass  # whoever connects says so
    except ValueError:  # its text quotes a part of the URL
        raise RuleError(
            "SETTING_INVALID", f"{without_password(url)}: the port of a database URL is a number",
            field="REMELT_DATABASE",
            hint="postgresql+psycopg://user:password@host:5432/database; in a password write "
            "@ : / % as %40 %3A %2F %25",
        ) from None  # fmt: skip


def refuse_unknown(environment: Mapping[str, str]) -> None:
    """RuleError SETTING_INVALID for a REMELT_ variable that is no setting."""
    for name in sorted(environment):
        if name.startswith("REMELT_") and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1, 0)
            raise RuleError(
                "SETTING_INVALID",
                f"{name}: no such setting",
                field=name,
                hint=f"is {near[0]} meant? `remelt config show` lists all; else unset it",
            )


def value(name: str) -> str:
    """A setting's text, from its variable or the file that NAME_FILE names; "" where not set."""
    setting, text = _BY_NAME[name], os.environ.get(name, "")
    path = os.environ.get(f"{name}_FILE", "") if setting.secret else ""
    if text and path:
        raise RuleError(
            "SETTING_INVALID", f"{name} and {name}_FILE are both set", field=name,
            hint="unset one of them",
        )  # fmt: skip
    if path:
        text = _read_secret(f"{name}_FILE", path)
    if text and setting.words and text not in setting.words:
        raise RuleError(
            "SETTING_INVALID", f"{name}: {text!r}, want one of {', '.join(setting.words)}",
            field=name, value=text, hint=f"{name}: {setting.meaning}",
        )  # fmt: skip
    return text


def _read_secret(name: str, path: str) -> str:
    """The text of a secret's file, without the white space around it. It is never shown."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(SECRET_MAX_BYTES + 1)
        text = data.decode("utf-8").strip()
        why = "is empty" if not text else "is larger than 64 KiB"
    except OSError as error:
        text, data, why = "", b"", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        text, why = "", "is not UTF-8 text"
    if not text or len(data) > SECRET_MAX_BYTES:
        raise RuleError(
            "SETTING_INVALID", f"{name}: {path} {why}", field=name, value=path,
            hint="name a file that this user may read and that holds the secret alone",
        ) from None  # fmt: skip
    return text


def shown(found: Settings) -> list[tuple[str, str, str]]:
    """(name, value, where it comes from) of every setting; secrets are not shown."""
    rows = []
    effective = {"REMELT_DATA": str(found.data), "REMELT_DATABASE": found.shown_database}
    for setting in SETTINGS:
        from_file = bool(os.environ.get(f"{setting.name}_FILE"))
        is_set = from_file or bool(os.environ.get(setting.name))
        text = effective.get(setting.name) or (value(setting.name) if is_set else "")
        if setting.secret and setting.name not in effective and is_set:
            text = "***"
        source = "file" if from_file else "environment" if is_set else "default"
        rows.append((setting.name, text or setting.default.replace("`", ""), source))
    return rows
