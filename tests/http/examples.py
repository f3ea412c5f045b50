"""The examples of /openapi.json, sent in order to a server of their own.

`python -m tests.http.examples` sends the requests of the story below and writes down the answers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from api.openapi import examples
from tests.http.door import Door, open_door

FILE: Final = Path(examples.__file__).with_name("examples.json")
TIME: Final = "2026-01-05T{}:00+08:00"


def envelope(number: int, kind: str, body: dict[str, Any], party: str, **more: Any) -> Any:
    made = {
        "log": examples.ORIGIN,
        "id": f"00000000-0000-7000-8000-{number:012d}",
        "kind": kind,
        "party": party,
        "occurred_at": TIME.format(f"{8 + number // 6:02d}:{number % 6}0"),
        "body": body,
    }
    return {**made, **more}


PARTY: Final = {
    "party": "YARD", "country": "CN", "roles": ["recycler"], "custody": "operator", "share": "open",
}  # fmt: skip
SITE: Final = {
    "party": "YARD", "site": "YARD1", "type": "yard", "country": "CN", "zone": "Asia/Shanghai",
    "scopes": [{"id": "MAIN", "level": "line"}], "equipment": ["F1"],
}  # fmt: skip
CANS: Final = {
    "lot": "YARD1/CANS-1", "from": {"external": True}, "gross": "7.1 t", "tare": "1.8 t",
    "deductions": [{"mass": "100 kg", "reason": "dirt"}], "moisture": "1.5 %",
    "assay": {"Al": "95 %", "Pb": "<0.01 %"}, "assay_grade": "final",
    "origin": {"POST": "90 %", "UNK": "10 %"},
    "material": {"metal": "aluminium", "form": "ubc"}, "ticket": "2026-0017",
}  # fmt: skip
PAPER: Final = [{"type": "waste_note", "sha256": "9f86d081884c7d659a2feaa0c55ad015" * 2}]
MELT: Final = {
    "run": "YARD1/H-1", "step": "MELT", "scope": "MAIN", "equipment": "F1",
    "inputs": [{"lot": "YARD1/CANS-2", "mass": "all"}],
    "outputs": [
        {"lot": "YARD1/INGOT-1", "role": "product", "mass": "1.8 t", "assay": {"Al": "97 %"},
         "assay_grade": "final"},
        {"lot": "YARD1/DROSS-1", "role": "byproduct", "mass": "90 kg", "assay": {"Al": "60 %"}},
    ],
    "heel": {"mass": "300 kg", "assay": {"Al": "97 %"}},
    "energy": [{"carrier": "gas", "wh": 1_900_000}],
}  # fmt: skip
CLAIM: Final = {
    "lots": ["YARD1/CANS-1"], "substance": "Al", "method": "iso14021-batch", "classes": ["POST"],
    "amount": "all", "valid_until": "2099-12-31",
}  # fmt: skip
_CANS_2: Final = {
    "lot": "YARD1/CANS-2", "from": {"external": True}, "mass": "2.4 t", "assay": {"Al": "95 %"},
    "material": {"metal": "aluminium", "form": "ubc"},
}  # fmt: skip

# Name, operation, who asks, parameters, body, media type of the body.
STORY: Final[list[tuple[str, str, str, dict[str, Any], Any]]] = [
    ("a party joins", "POST /v1/events", "OPERATOR", {},
     envelope(1, "party_registered", PARTY, "OPERATOR", private={"name": "Chen Metals"})),
    ("a site", "POST /v1/events", "OPERATOR", {},
     envelope(2, "site_registered", SITE, "OPERATOR", private={"name": "Yard by the canal"})),
    ("cans are received", "POST /v1/events", "YARD", {},
     envelope(3, "lot_received", CANS, "YARD", site="YARD1", evidence=PAPER,
              private={"seller": "Mrs Chen"})),
    ("tried, not recorded", "POST /v1/events", "YARD", {"dry_run": True},
     envelope(4, "certificate_issued", CLAIM, "YARD", site="YARD1")),
    ("a certificate", "POST /v1/events", "YARD", {},
     envelope(4, "certificate_issued", CLAIM, "YARD", site="YARD1")),
    ("the same id, other content", "POST /v1/events", "YARD", {},
     envelope(4, "certificate_issued", {**CLAIM, "classes": ["PRE"]}, "YARD", site="YARD1")),
    ("a misspelt metal", "POST /v1/events", "YARD", {},
     envelope(9, "lot_received",
              {**_CANS_2, "material": {"metal": "aluminum", "form": "ubc"}}, "YARD", site="YARD1")),
    ("two rows, one refused", "POST /v1/events/batch", "YARD", {},
     [envelope(5, "lot_received", _CANS_2, "YARD", site="YARD1"), {"kind": "lot_eaten"}]),
    ("a melt", "POST /v1/events", "YARD", {},
     envelope(6, "run_recorded", MELT, "YARD", site="YARD1")),
    ("lots that lie here", "GET /v1/lots", "YARD",
     {"site": "YARD1", "state": "lying", "limit": 2, "total": True}, None),
    ("what changed after entry 3", "GET /v1/entries", "YARD", {"updated_after": "3"}, None),
    ("valid certificates", "GET /v1/certificates", "YARD", {"status": "VALID"}, None),
    ("sites of a party", "GET /v1/sites", "YARD", {"party": "YARD"}, None),
    ("recyclers", "GET /v1/parties", "YARD", {"role": "recycler"}, None),
    ("one site", "GET /v1/sites/{site}", "YARD", {"site": "YARD1"}, None),
    ("one party", "GET /v1/parties/{party}", "YARD", {"party": "YARD"}, None),
    ("one entry", "GET /v1/entries/{n}", "YARD", {"n": 3}, None),
    ("a lot", "GET /v1/lots/{site}/{name}", "YARD", {"site": "YARD1", "name": "CANS-1"}, None),
    ("no such lot", "GET /v1/lots/{site}/{name}", "YARD", {"site": "YARD1", "name": "CANS-9"},
     None),
    ("back from the ingot", "GET /v1/lots/{site}/{name}/lineage", "YARD",
     {"site": "YARD1", "name": "INGOT-1", "direction": "back"}, None),
    ("a certificate", "GET /v1/certificates/{serial}", "", {"serial": "<serial>"}, None),
    ("its proof", "GET /v1/certificates/{serial}/dossier", "", {"serial": "<serial>"}, None),
    ("a GTIN", "PUT /v1/gtins/{gtin}", "YARD", {"gtin": "09506000134352"},
     {"site": "YARD1", "material": {"metal": "aluminium", "form": "ubc"}}),
    ("GTINs", "GET /v1/gtins", "YARD", {}, None),
    ("one GTIN", "GET /v1/gtins/{gtin}", "YARD", {"gtin": "09506000134352"}, None),
    ("a label", "GET /v1/lots/{site}/{name}/label.{kind}", "YARD",
     {"site": "YARD1", "name": "CANS-1", "kind": "svg", "gtin": True}, None),
    ("a certificate's label", "GET /v1/certificates/{serial}/label.{kind}", "YARD",
     {"serial": "<serial>", "kind": "zpl"}, None),
    ("a sheet", "POST /v1/labels", "YARD", {},
     {"format": "csv", "labels": [{"lot": "YARD1/CANS-1", "copies": 2}]}),
    ("a GTIN ends", "DELETE /v1/gtins/{gtin}", "YARD", {"gtin": "09506000134352"}, None),
    ("stocks", "GET /v1/labels/stocks", "", {}, None),
    ("figures", "GET /metrics", "OPERATOR", {}, None),
    ("checkpoint", "GET /v1/log/checkpoint", "", {}, None),
    ("what is published", "GET /checkpoint", "", {}, None),
    ("keys of the log", "GET /v1/log/keys", "", {}, None),
    ("entry 3 is in the log", "GET /v1/log/proof/inclusion", "", {"n": 3, "size": 5}, None),
    ("the same as a file", "GET /v1/log/proof/{n}.tlog-proof", "", {"n": 3}, None),
    ("nothing was changed", "GET /v1/log/proof/consistency", "", {"from": 3, "to": 5}, None),
    ("all lists", "GET /v1/vocabulary", "", {"Accept-Language": "en"}, None),
    ("origins", "GET /v1/vocabulary/{list}", "", {"list": "origins"}, None),
    ("all errors", "GET /v1/errors", "", {"Accept-Language": "zh"}, None),
    ("alive", "GET /healthz", "", {}, None),
    ("ready", "GET /readyz", "", {}, None),
]  # fmt: skip


def send(door: Door, step: dict[str, Any]) -> httpx.Response:
    """The request of a step, with the key of who asks."""
    who = step["who"]
    if who and who not in door.api_keys:
        door.api_key(who, ["record", "read"])
    method, _, path = step["operation"].partition(" ")
    query, headers = {}, {}
    for name, value in step["parameters"].items():
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", str(value))
        elif name[0].isupper():
            headers[name] = value
        else:
            query[name] = orjson.dumps(value).decode() if isinstance(value, bool) else value
    data = None
    if "body" in step:
        batch = path.endswith("/batch")
        headers["Content-Type"] = "application/x-ndjson" if batch else "application/json"
        data = step["body"].encode() if batch else orjson.dumps(step["body"])
    return door.client(who).request(method, path, params=query, headers=headers, content=data)


def record() -> None:
    """Send the story and write it down."""
    steps: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        open_door(Path(directory) / "data", examples.ORIGIN) as door,
    ):
        serial = ""
        for name, operation, who, parameters, body in STORY:
            parameters = {k: serial if v == "<serial>" else v for k, v in parameters.items()}
            step: dict[str, Any] = {
                "name": name, "operation": operation, "who": who, "parameters": parameters,
            }  # fmt: skip
            if isinstance(body, list):
                body = "\n".join(orjson.dumps(row).decode() for row in body)
            step |= {} if body is None else {"body": body}
            response = send(door, step)
            step["status"] = response.status_code
            media = response.headers["content-type"].partition(";")[0]
            if media.endswith("json"):
                step["answer"] = response.json()
            elif operation.endswith("/checkpoint"):
                step["answer"] = response.text
            serial = serial or _serial(door, who)
            steps.append(_shortened(step))
    FILE.write_bytes(orjson.dumps(steps, option=orjson.OPT_INDENT_2) + b"\n")


def _serial(door: Door, who: str) -> str:
    items = door.get("/v1/certificates", who).json()["items"] if who == "YARD" else []
    return items[0]["id"] if items else ""


def _shortened(step: dict[str, Any]) -> dict[str, Any]:
    """Long lists of the answer by their first rows, the dossier by its names."""
    answer: Any = step.get("answer")
    if step["operation"].endswith("/dossier"):
        del step["answer"]  # ten kilobytes that only `remelt verify` reads
    for name in ("lists", "errors", "stocks"):
        if isinstance(answer, dict) and name in answer:
            answer[name] = answer[name][:2]
    return step


if __name__ == "__main__":
    record()
