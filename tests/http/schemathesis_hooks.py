"""What schemathesis must be told: how a batch is written down."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def write_rows(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else repr(value).encode()
