"""The word lists of events, and every error code: public, in two languages."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from api import deps, etags, refusals, vocabulary
from api.pages import reader
from ledger.errors import RuleError

router = APIRouter(prefix="/v1", tags=["vocabulary"], dependencies=[Depends(deps.known_parameters)])

BOTH: Final = ("en", "zh")


def _languages(request: Request) -> tuple[str, ...]:
    """The language that is asked for by Accept-Language; both, if none is."""
    asked = request.headers.get("accept-language", "").strip()
    return (reader.choose(None, asked),) if asked not in ("", "*") else BOTH


def _answer(request: Request, value: Any) -> Response:
    languages = _languages(request)
    return etags.answer(
        request,
        orjson.dumps(value),
        cache="public, max-age=3600",
        vary="Accept-Language",
        headers={"Content-Language": ", ".join(languages)},
    )


@router.get("/vocabulary")
def list_vocabulary(request: Request) -> Response:
    """The names of all word lists."""
    return _answer(request, {"lists": vocabulary.titles(_languages(request))})


@router.get("/vocabulary/{list}")
def read_vocabulary(
    request: Request,
    name: Annotated[
        str,
        Path(alias="list", json_schema_extra={"enum": [*vocabulary.LISTS]}, examples=["metals"]),
    ],
) -> Response:
    """The words of one list, with what they are called."""
    if name not in vocabulary.LISTS:
        raise RuleError(
            "NOT_FOUND", f"list: no word list {name[:40]!r}", field="list", value=name[:40],
            hint=f"known: {', '.join(vocabulary.LISTS)}",
        )  # fmt: skip
    return _answer(request, vocabulary.shown(name, _languages(request)))


@router.get("/errors")
def list_errors(request: Request) -> Response:
    """Every error code: what it means, whose fault it is, its HTTP status and what to do."""
    return _answer(request, {"errors": refusals.shown(_languages(request))})
