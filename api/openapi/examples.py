"""Examples that run: a short story of requests in order, each with the answer it got.

A test sends them to a new server, one after another, and compares the answers' shape.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

ORIGIN: Final = "yard.example/first"
OPERATOR: Final = "OPERATOR"


@cache
def story() -> list[dict[str, Any]]:
    """The steps: name, operation, who asks, parameters, body, status, answer."""
    steps: list[dict[str, Any]] = orjson.loads(
        Path(__file__).with_name("examples.json").read_bytes()
    )
    return steps


def add(document: dict[str, Any]) -> None:
    """Put each step into the operation it is an example of."""
    for step in story():
        method, _, path = step["operation"].partition(" ")
        operation = document["paths"][path][method.lower()]
        name = step["name"]
        if "body" in step:
            for content in operation["requestBody"]["content"].values():
                content.setdefault("examples", {})[name] = {"value": step["body"]}
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in step["parameters"]:
                value = step["parameters"][parameter["name"]]
                parameter.setdefault("examples", {})[name] = {"value": value}
        if "answer" in step:
            for content in operation["responses"][str(step["status"])]["content"].values():
                content.setdefault("examples", {})[name] = {"value": step["answer"]}
