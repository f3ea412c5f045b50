"""The baseline: what a team writes in a day. FastAPI, pydantic, ORM, an audit row, a commit each.

The pattern of the tutorials: look for a double, add, commit, refresh, answer with a response
model. No rules, no signatures, no proofs; the same database, pragmas, server and client as ours.
This file is committed before it is measured and is not tuned in either direction.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    party: Mapped[str] = mapped_column(String(24), index=True)
    occurred_at: Mapped[str] = mapped_column(String(40))
    site: Mapped[str] = mapped_column(String(12))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[list[Any]] = mapped_column(JSON)


class Audit(Base):
    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(36), index=True)
    what: Mapped[str] = mapped_column(String(40))
    at: Mapped[str] = mapped_column(String(40))


class EvidenceIn(BaseModel):
    type: str
    sha256: str


class EventIn(BaseModel):
    id: str
    kind: str
    party: str
    site: str
    occurred_at: datetime.datetime
    body: dict[str, Any]
    evidence: list[EvidenceIn]


class EventOut(EventIn):
    model_config = ConfigDict(from_attributes=True)


engine = create_engine(os.environ.get("PLAIN_DATABASE", "sqlite:///plain.sqlite"))


@event.listens_for(engine, "connect")
def prepare(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


app = FastAPI()
Base.metadata.create_all(engine)
opened_session = Depends(session)


@app.post("/v1/events", status_code=201, response_model=EventOut)
def record(sent: EventIn, db: Session = opened_session) -> Event:
    known = db.get(Event, sent.id)
    if known is not None:
        return known
    row = Event(**sent.model_dump(mode="json"))
    db.add(row)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    db.add(Audit(event_id=sent.id, what="created", at=now))
    db.commit()
    db.refresh(row)
    return row
