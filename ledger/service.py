"""One opened ledger: statements prepared for the writer, and questions answered from the views.

Doors (HTTP, command line) call this and nothing below it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine, select

from ledger import audit, entry, keys, revisions, rotation, statements
from ledger.book import crockford, encoding, events, fold, jose, rules, state, vocabulary
from ledger.book.rules.draft import Outcome
from ledger.errors import FormatError, LedgerError, RuleError
from ledger.sequencer import Accepted, Result, Sequencer, Submission, compare_with_log
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries, objects, tables, writes
from ledger.tlog import note

STATEMENT_MAX_BYTES: Final = 2 * encoding.EVENT_MAX_BYTES


def log_id_of(origin: str) -> str:
    """The eight digits by which a log is known: of SHA-256 of its origin (docs/format.md)."""
    return crockford.digits(hashlib.sha256(origin.encode()).digest(), 8)


def upgrade(settings: Settings) -> None:
    """Bring the database's tables up to date, in one transaction."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with engines.opened(settings.database) as engine:
        engines.check_durable(engine)
        with engines.writing(engine) as connection:
            upgrade_tables(connection)


def upgrade_tables(connection: Connection) -> None:
    """Bring tables to the newest revision; new views are made at once."""
    before = revisions.current(connection)
    if before == revisions.known()[0]:
        return
    revisions.upgrade(connection)
    for log_id in entries.log_ids(connection) if before else ():
        audit.rebuild_views(connection, log_id)


def check_names(origin: str, operator: str) -> None:
    """FormatError unless these can name a log and its operator: before anything is written."""
    members = {"origin": origin, "log_key": "?", "operator": operator, "operator_key": _ANY_KEY}
    body = {**members, "rules": entry.VERSION, "parameters": {}, "tables": {}}
    events.decode(statements.envelope(origin, operator, "log_opened", body), signed=False)
    note.check_name(origin)


# A point of the curve, from RFC 7517 appendix A.1: only its shape is asked for.
_ANY_KEY: Final = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}


def create(settings: Settings, origin: str, operator: str, parameters: Mapping[str, Any]) -> Ledger:
    """Open a new log: tables, keys, and entry 0. Refuses to touch an existing one."""
    check_names(origin, operator)
    keys.refuse_leftovers(settings)
    upgrade(settings)
    with engines.opened(settings.database) as engine:
        _create(engine, settings, origin, operator, parameters)
    return Ledger.open(settings)


def _create(
    engine: Engine, settings: Settings, origin: str, operator: str, parameters: Mapping[str, Any]
) -> None:
    with engines.reading(engine) as connection:
        if entries.log_ids(connection):
            raise RuleError(
                "SETTING_INVALID",
                f"{settings.shown_database}: there is a log already",
                hint="choose another data directory and database; a log is never opened twice",
            )
    log_id = log_id_of(origin)
    signer = keys.create_log_key(settings, origin)
    keys.create_master_key(settings)
    operator_key = keys.create_operator_key(settings)
    body = {
        "origin": origin,
        "log_key": signer.verifier.vkey,
        "operator": operator,
        "operator_key": jose.public_jwk(operator_key.public_key()),
        "rules": entry.VERSION,
        "parameters": dict(parameters),
        "tables": vocabulary.tables(),
    }
    with engines.writing(engine) as connection:
        writes.create_head(connection, log_id, origin)
    sequencer = Sequencer(engine, log_id, (signer,))
    first = _submission(statements.envelope(origin, operator, "log_opened", body), operator_key)
    sequencer.start()
    result = sequencer.submit([first]).result()[0]
    sequencer.stop()
    if not isinstance(result, Accepted):
        raise result


def _first_key(engine: Engine, log_id: str, signers: tuple[note.Signer, ...]) -> note.Verifier:
    """The key that entry 0 names; SETTING_INVALID unless the log names all that sign.

    Of a log that cannot be read so far, a key that signs: the audit has to be able to open it.
    """
    try:
        with engines.reading(engine) as connection:
            rotation.check(connection, log_id, signers)
            return rotation.first_key(connection, log_id)
    except LedgerError as error:
        if error.code == "SETTING_INVALID":
            raise
        return signers[0].verifier


def _submission(
    envelope: dict[str, Any],
    key: ec.EllipticCurvePrivateKey,
    sent: dict[str, Any] | None = None,
    sealed: tuple[str, str, bytes] | None = None,
) -> Submission:
    """A submission signed with a key the server holds."""
    signed = statements.sign(envelope, key)
    signer = rules.Signer(signed.kid, True)
    return Submission(
        signed.event, signed.statement, signer, signed.disclosures, sent or envelope, sealed
    )


@dataclass
class Ledger:
    """An open ledger. verifier: the log's first public key, which entry 0 names."""

    settings: Settings
    engine: Engine
    log_id: str
    origin: str
    verifier: note.Verifier
    sequencer: Sequencer
    _jwks: dict[str, dict[str, str]] = field(default_factory=dict)
    _custodial: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)

    @classmethod
    def open(cls, settings: Settings) -> Ledger:
        """Open the one log of a database; its writer is not started yet."""
        engine = engines.connect(settings.database)
        try:
            return cls._open(settings, engine)
        except BaseException:
            engine.dispose()
            raise

    @classmethod
    def _open(cls, settings: Settings, engine: Engine) -> Ledger:
        engines.check_durable(engine)
        with engines.reading(engine) as connection:
            revisions.check(connection)
            found = entries.log_ids(connection)
            head = entries.read_head(connection, found[0]) if len(found) == 1 else None
        if head is None:
            raise RuleError(
                "SETTING_INVALID",
                f"{settings.shown_database}: {len(found)} logs, want one",
                hint="create one with `remelt init`",
            )
        signers = keys.load_log_keys(settings)
        first = _first_key(engine, found[0], signers) if head.size else signers[0].verifier
        sequencer = Sequencer(engine, found[0], signers)
        return cls(settings, engine, found[0], head.origin, first, sequencer)

    def close(self) -> None:
        """Stop the writer, if it was started, and close every connection."""
        self.sequencer.stop()
        self.engine.dispose()

    @property
    def host(self) -> str:
        """The host that labels name."""
        return self.settings.host or self.origin.partition("/")[0]

    @cached_property
    def operator(self) -> str:
        """The operator's party id."""
        log = self.find("log")
        assert isinstance(log, state.Log)  # noqa: S101 (entry 0 made it)
        return log.operator

    @property
    def verifiers(self) -> tuple[note.Verifier, ...]:
        """Every public key that the log names as its own, those it no longer signs with too."""
        with engines.reading(self.engine) as connection:
            return rotation.known(connection, self.log_id)

    # Statements.

    def prepare(self, data: bytes, caller: str) -> Submission:
        """A statement, or an envelope to be signed for a custodial party, ready for the writer.

        caller: the party of the API key. Raises FormatError or RuleError.
        """
        if len(data) > STATEMENT_MAX_BYTES:
            events.check_size(len(data))
        value = encoding.decode_object(data)
        if "statement" in value:
            submission = self._signed(value)
        else:
            submission = self._custodial_envelope(value, len(data))
        if submission.event.party != caller and caller != self.operator:
            raise RuleError(
                "PERMISSION_DENIED",
                f"party: this API key speaks for {caller}, not for {submission.event.party}",
                field="party",
                value=submission.event.party,
                hint="use an API key of the party that states the event",
            )
        return submission

    def _signed(self, value: dict[str, Any]) -> Submission:
        for name in value:
            if name not in ("statement", "disclosures"):
                raise FormatError(
                    "FIELD_UNKNOWN", f"{name}: no such field", field=name, value=name,
                    hint="a signed statement comes as statement and disclosures",
                )  # fmt: skip
        jws = jose.parse(value["statement"])
        event = events.parse(jws.payload, signed=True)
        events.check_size(len(jws.payload))
        texts = value.get("disclosures", [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise FormatError(
                "FIELD_INVALID", "disclosures: want a list of strings", field="disclosures",
                hint="send the disclosures as the base64url texts whose digests were signed",
            )  # fmt: skip
        found = entry.match_disclosures(event, texts)
        _check_disclosed(found)
        require_name(event.kind, {d.name for d in found})
        jwk = self._jwk(jws.kid)
        valid = jwk is not None and jose.verifies(jws, jwk)
        return Submission(event, value["statement"], rules.Signer(jws.kid, valid), tuple(found))

    def _jwk(self, kid: str) -> dict[str, str] | None:
        """A key's public half. Revocation is the rules' business, so this may be remembered."""
        if kid not in self._jwks:
            key = self.find(f"key:{kid}")
            if not isinstance(key, state.Key):
                return None
            self._jwks[kid] = key.jwk
        return self._jwks[kid]

    def _custodial_envelope(self, value: dict[str, Any], size: int) -> Submission:
        envelope, sealed = self._with_key(value)
        event = events.decode(envelope, signed=False)
        events.check_size(size)
        require_name(event.kind, set(event.private or {}))
        key = self._custodial_key(event.party)
        if key is not None:
            return _submission(envelope, key, value, sealed)
        # Stage 3 of the public order: shape and log are judged first, by the writer.
        unsigned = entry.conceal(envelope, [bytes(16) for _ in event.private or {}])[0]
        signer = rules.Signer("", False)
        return Submission(events.decode(unsigned, signed=True), "", signer, (), value)

    def _with_key(
        self, value: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, str, bytes] | None]:
        """A registration in the operator's custody gets the key that the server makes for it."""
        body = value.get("body")
        registers = value.get("kind") in ("party_registered", "key_added")
        if not registers or not isinstance(body, dict) or "key" in body:
            return value, None
        if body.get("custody") != "operator" or not isinstance(body.get("party"), str):
            return value, None
        key = keys.new_party_key()
        kid = keys.kid_of(key)
        sealed = keys.seal(keys.load_master_key(self.settings), key)
        jwk = jose.public_jwk(key.public_key())
        return {**value, "body": {**body, "key": jwk}}, (kid, body["party"], sealed)

    def _custodial_key(self, party: str) -> ec.EllipticCurvePrivateKey | None:
        """A key of the party that the server holds; a revoked one only where there is no other."""
        kept = self._custodial.get(party)
        if kept is not None and not self._revoked(keys.kid_of(kept)):
            return kept
        for key in self._held_keys(party):
            self._custodial[party] = key
            if not self._revoked(keys.kid_of(key)):
                break
        return self._custodial.get(party)

    def _revoked(self, kid: str) -> bool:
        found = self.find(f"key:{kid}")
        return isinstance(found, state.Key) and found.revoked

    def _held_keys(self, party: str) -> Iterator[ec.EllipticCurvePrivateKey]:
        own = keys.load_operator_key(self.settings) if party == self.operator else None
        if own is not None:
            yield own
        c = tables.party_keys.c
        query = select(c.kid, c.sealed).where(c.log_id == self.log_id, c.party == party)
        with engines.reading(self.engine) as connection:
            rows = [(kid, sealed) for kid, sealed in connection.execute(query)]
        for kid, sealed in rows:
            yield keys.unseal(keys.load_master_key(self.settings), sealed, kid)

    def submit(
        self, submissions: list[Submission], *, with_proofs: bool = True
    ) -> Future[list[Result]]:
        """Queue statements for the writer."""
        return self.sequencer.submit(submissions, with_proofs=with_proofs)

    def record(self, data: bytes, caller: str) -> Accepted:
        """Prepare and submit one statement and wait. Raises the refusal."""
        result = self.submit([self.prepare(data, caller)]).result()[0]
        if not isinstance(result, Accepted):
            raise result
        return result

    def dry_run(self, submission: Submission) -> Outcome:
        """What the rules would book now, or have booked under this id; nothing is written.

        Raises the refusal.
        """
        event = submission.event
        with engines.reading(self.engine) as connection:
            reader = objects.Objects(self.log_id, connection)
            reader.prefetch(fold.mentioned(event), fold.uses(event))
            rules.admit(event, reader)
            for n, _, leaf in entries.find_events(
                connection, self.log_id, [(event.party, event.id)]
            ).values():
                compare_with_log(connection, self.log_id, n, leaf, submission)
                recorded = entry.parse(leaf)
                return Outcome(recorded.book, recorded.lots, recorded.reads)
            now_ms = time.time_ns() // 1_000_000
            outcome = rules.decide(event, now_ms, reader, submission.signer)
            head = entries.read_head(connection, self.log_id)
        # The entry it would make may be too large.
        size = head.size if head else 0
        entry.compose(size, now_ms, entry.ZERO_HASH, submission.statement, outcome)
        return outcome

    # Questions.

    def find(self, key: str) -> state.State | None:
        """The present state of an object."""
        with engines.reading(self.engine) as connection:
            found = objects.Objects(self.log_id, connection).find(key)
        return None if found is None else found[1]

    def head(self) -> entries.Head:
        """Where the log stands."""
        with engines.reading(self.engine) as connection:
            head = entries.read_head(connection, self.log_id)
        assert head is not None  # noqa: S101 (opened)
        return head


def _check_disclosed(disclosed: list[entry.Disclosure]) -> None:
    """What a party discloses obeys the rules of `private`, as if the server had concealed it."""
    if not disclosed:
        return
    private = {found.name: found.value for found in disclosed}
    if len(private) != len(disclosed):
        raise FormatError(
            "FIELD_INVALID", "disclosures: a name stands in two of them", field="disclosures",
            hint="give each private field once",
        )  # fmt: skip
    events.check_private(private, "private")


def require_name(kind: str, private: set[str]) -> None:
    """Parties and sites have a name, and it is private (docs/events.md sections 1 and 2)."""
    if kind in ("party_registered", "site_registered") and "name" not in private:
        raise FormatError(
            "FIELD_MISSING",
            "private.name is missing",
            field="private.name",
            hint="the name of a party or site is a private field: it never enters the log",
        )
