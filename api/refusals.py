"""What every error code means, whose fault it is and what to do, in English and Chinese."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from ledger.errors import CODES

# By the status that fits the code; a code's status never changes.
_FAULTS: Final = {401: "caller", 403: "caller", 404: "state", 409: "state", 429: "load",
                  500: "server", 503: "load"}  # fmt: skip
WORDS: Final[dict[str, dict[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "errors.toml").read_text(encoding="utf-8")
)


def meaning(code: str, language: str) -> str:
    """What a code means, in a few words."""
    chinese = WORDS.get(code, {}).get("meaning_zh")
    return chinese if language == "zh" and chinese else CODES[code].meaning


def fix(code: str, language: str) -> str:
    """What to do about it."""
    return WORDS.get(code, {}).get("fix_zh" if language == "zh" else "fix", "")


def shown(languages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every code, in the order of docs/errors.md."""
    return [
        {
            "code": code,
            "type": f"urn:remelt:error:{code}",
            "status": known.status,
            "fault": _FAULTS.get(known.status, "request"),
            "meaning": {language: meaning(code, language) for language in languages},
            "fix": {language: fix(code, language) for language in languages},
        }
        for code, known in CODES.items()
    ]
