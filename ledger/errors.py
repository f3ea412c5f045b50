"""Every error of Remelt: a stable code, a sentence, the field, the value and how to fix it.

The codes are public documentation (docs/errors.md): a code once published keeps its meaning.
Classes say whose fault it is; `status_hint` is what a door that speaks HTTP should answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """One published error code: the HTTP status that fits it and what it means."""

    status: int
    meaning: str


# docs/events.md section 9, in the order of that page.
EVENT_CODES: Final[dict[str, Code]] = {
    "JSON_INVALID": Code(400, "not one JSON object, or a name stands twice in it"),
    "FIELD_UNKNOWN": Code(422, "a field that this event does not have"),
    "FIELD_MISSING": Code(422, "a required field is absent"),
    "FIELD_INVALID": Code(422, "a field has the wrong type, shape or value"),
    "KIND_UNKNOWN": Code(422, "no such kind of event in these rules"),
    "NUMBER_NOT_EXACT": Code(
        422, "a number that is not exact: float, exponent, fraction of a unit"
    ),
    "UNIT_UNKNOWN": Code(422, "a number followed by a unit that is not ours"),
    "ELEMENT_UNKNOWN": Code(422, "not the symbol of a chemical element"),
    "VOCABULARY_UNKNOWN": Code(422, "a word that is not in its list"),
    "ASSAY_SUM_OVER_100": Code(422, "the contents of an assay add up to more than 100 %"),
    "ORIGIN_SPLIT_INVALID": Code(422, "origin shares do not add up to exactly 100 %"),
    "ORIGIN_EVIDENCE_MISSING": Code(
        422, "an origin class without evidence of a type that proves it"
    ),
    "TIME_INVALID": Code(422, "not an RFC 3339 time with offset, or not a date"),
    "LOG_MISMATCH": Code(409, "the statement is meant for another log"),
    "IDEMPOTENCY_CONFLICT": Code(409, "this id was used by this party with other content"),
    "SIGNATURE_INVALID": Code(403, "a signature does not verify"),
    "KEY_UNKNOWN": Code(403, "the signing key is not registered for this party"),
    "KEY_REVOKED": Code(403, "the signing key has been revoked"),
    "PARTY_UNKNOWN": Code(404, "no such party in this log"),
    "PARTY_DUPLICATE": Code(409, "the party is registered already"),
    "SITE_UNKNOWN": Code(404, "no such site in this log"),
    "SITE_DUPLICATE": Code(409, "the site is registered to another party"),
    "PERMISSION_DENIED": Code(403, "this party may not state this"),
    "EVENT_IN_FUTURE": Code(422, "the event lies more than ten minutes in the future"),
    "EVENT_OUT_OF_ORDER": Code(409, "the event is older than the last one that touched the lot"),
    "LOT_UNKNOWN": Code(404, "no such lot in this log, run or consignment"),
    "LOT_DUPLICATE": Code(409, "the lot exists already, or has arrived before"),
    "LOT_CONSUMED": Code(409, "nothing is left on the lot"),
    "LOT_INSUFFICIENT": Code(409, "the lot holds less than is taken"),
    "LOT_ELSEWHERE": Code(409, "the lot lies at another site of the same party"),
    "LOT_IN_TRANSIT": Code(409, "the lot is on the road"),
    "LOT_CERTIFIED": Code(409, "grams under a certificate forbid this"),
    "LOT_CERTIFICATES_FULL": Code(409, "the lot carries as many certificates as it may"),
    "LOT_TOUCHED": Code(409, "the lot has been used since it was made"),
    "RUN_UNKNOWN": Code(404, "no such run in this log"),
    "RUN_DUPLICATE": Code(409, "the run is recorded already"),
    "SCOPE_UNKNOWN": Code(404, "the site registered no such scope or equipment"),
    "STEP_UNKNOWN": Code(422, "no such process step"),
    "CONSIGNMENT_UNKNOWN": Code(404, "no such consignment in this log"),
    "CONSIGNMENT_DUPLICATE": Code(409, "the consignment exists already"),
    "HANDOVER_REQUIRED": Code(409, "metal of a party of this log comes by dispatch and arrival"),
    "TICKET_REUSED": Code(409, "the ticket or document stands behind another receipt"),
    "WEIGHT_MISMATCH": Code(409, "dispatched and arrived weight differ beyond the tolerance"),
    "HEEL_DISCONTINUITY": Code(409, "a furnace heel is touched by something else than its furnace"),
    "SPLIT_TOO_SMALL": Code(422, "a split makes or leaves less than the minimum"),
    "MASS_NOT_CLOSED": Code(422, "outputs and inputs do not weigh the same"),
    "ELEMENT_GAIN_OUT_OF_TOLERANCE": Code(422, "more of an element comes out than went in"),
    "CLASS_CHANGE_FORBIDDEN": Code(422, "this event cannot give this origin class to this metal"),
    "SCRAP_SCOPE_SAME_PROCESS": Code(
        422, "run-around scrap is not recycled within its own process"
    ),
    "ASSAY_MISSING": Code(422, "the lot's assay does not mention the element"),
    "ASSAY_PROVISIONAL": Code(422, "the lot's assay is provisional"),
    "CLAIM_EXCEEDS_ORIGIN": Code(422, "the claim is larger than what the lot has of these classes"),
    "CLAIM_ALREADY_USED": Code(409, "the grams are claimed by another certificate"),
    "SERIAL_TAKEN": Code(409, "the log has a certificate with this serial"),
    "CERTIFICATE_UNKNOWN": Code(404, "no such certificate in this log"),
    "CERTIFICATE_REVOKED": Code(409, "the certificate is revoked already"),
    "METHOD_UNKNOWN": Code(422, "no such claim method in these rules"),
    "ENTRY_TOO_LARGE": Code(413, "the log entry would be larger than 65,535 bytes"),
    "EVENT_TOO_LARGE": Code(413, "the event is larger than 32 KiB"),
}

# What the doors say beside the rules.
DOOR_CODES: Final[dict[str, Code]] = {
    "AUTH_REQUIRED": Code(401, "no API key, or one that is not known"),
    "SCOPE_REQUIRED": Code(403, "the API key lacks the scope for this"),
    "LOGIN_FAILED": Code(401, "no such name, password or API key"),
    "LOGIN_NEEDS_TLS": Code(403, "a password may not travel over plain HTTP"),
    "CSRF_FAILED": Code(403, "the request does not come from a page of this session"),
    "RATE_LIMITED": Code(429, "too many requests of this key, person or address"),
    "PERSON_UNKNOWN": Code(404, "nobody of this name may log in"),
    "PERSON_DUPLICATE": Code(409, "somebody has this name already"),
    "PASSWORD_INVALID": Code(422, "too short, too long or too easy a password"),
    "GTIN_UNKNOWN": Code(404, "no such GTIN is registered for these goods, or no longer"),
    "GTIN_TAKEN": Code(409, "another party registered this GTIN"),
    "DIGITAL_LINK_INVALID": Code(400, "the address is not a well-formed GS1 Digital Link"),
    "NOT_FOUND": Code(404, "nothing at this address"),
    "METHOD_NOT_ALLOWED": Code(405, "the address does not take this method"),
    "MEDIA_TYPE_UNSUPPORTED": Code(415, "the body is not of the type this address takes"),
    "BODY_TOO_LARGE": Code(413, "the request body is larger than allowed"),
    "BATCH_TOO_LARGE": Code(413, "more rows than a batch may have"),
    "PARAMETER_INVALID": Code(422, "a query or path parameter is not valid"),
    "POOL_FULL": Code(503, "too many events wait to be written; try again"),
    "NOT_READY": Code(503, "the server cannot serve yet, or no longer"),
    "INTERNAL_ERROR": Code(500, "a fault of the server; nothing was recorded"),
}

# What proofs, files and stores can be guilty of.
PROOF_CODES: Final[dict[str, Code]] = {
    "PROOF_INVALID": Code(422, "an inclusion or consistency proof does not hold"),
    "NOTE_INVALID": Code(422, "not a signed note, checkpoint or key of the C2SP formats"),
    "CHECKPOINT_UNSIGNED": Code(422, "no signature of a known log key on the checkpoint"),
    "CHECKPOINT_UNWITNESSED": Code(422, "the checkpoint lacks cosignatures that are wanted"),
    "CHECKPOINT_STALE": Code(422, "no witness has seen the checkpoint recently enough"),
    "DOSSIER_INVALID": Code(422, "not a dossier, or one that does not hang together"),
    "POLICY_INVALID": Code(422, "the policy file cannot be read"),
    "ENTRY_INVALID": Code(422, "bytes that are not a canonical log entry"),
    "ENTRY_DIFFERS": Code(422, "the rules give another entry than the log holds"),
    "BACKUP_INVALID": Code(422, "not a backup archive, or a damaged one"),
    "BACKUP_OLD": Code(409, "the log is known to have gone further than the backup"),
    "TARGET_EXISTS": Code(409, "there is something already where this would be written"),
    "SOURCE_UNREADABLE": Code(502, "a log, mirror or witness does not give what it should"),
    "LOG_FORKED": Code(409, "two signed checkpoints of one log contradict each other"),
    "STORE_CORRUPT": Code(500, "what is stored contradicts the log"),
    "SETTING_INVALID": Code(500, "a setting is missing or wrong"),
}

CODES: Final[dict[str, Code]] = EVENT_CODES | DOOR_CODES | PROOF_CODES


_MESSAGE_MAX: Final = 1000
_FIELD_MAX: Final = 200
_VALUE_MAX: Final = 200


def _sayable(text: str, most: int) -> str:
    """`text` cut to `most` characters, in such a form that it can be written as UTF-8."""
    short = text if len(text) <= most else text[:most] + "…"
    return short if short.isascii() else short.encode("utf-8", "backslashreplace").decode()


class LedgerError(Exception):
    """A refusal. `code` is stable; `field` and `value` say where and what; `hint` how to fix it."""

    def __init__(
        self, code: str, message: str, *, field: str = "", value: object = None, hint: str = ""
    ) -> None:
        # Names and values of strangers stand in these: as long as they like, and half surrogates.
        self.message = _sayable(message, _MESSAGE_MAX)
        self.field = _sayable(field, _FIELD_MAX)
        super().__init__(f"{code}: {self.message}")
        assert code in CODES, code
        self.code = code
        self.value = value
        self.hint = hint

    @property
    def status_hint(self) -> int:
        """The HTTP status that fits the code."""
        return CODES[self.code].status

    def as_dict(self) -> dict[str, object]:
        """The error as plain data, for JSON answers and results of batches."""
        shown = self.value if isinstance(self.value, int | str | bool | None) else repr(self.value)
        if isinstance(shown, int) and abs(shown) >= 2**53:
            shown = str(shown)  # no JSON tool would keep it
        if isinstance(shown, str):
            shown = _sayable(shown, _VALUE_MAX)
        return {
            "code": self.code,
            "field": self.field,
            "value": shown,
            "message": self.message,
            "hint": self.hint,
        }


class FormatError(LedgerError):
    """The bytes or fields are wrong: the sender's fault, whatever the state of the log."""


class RuleError(LedgerError):
    """The event is well formed and breaks a rule in the present state of the log."""


class ConflictError(LedgerError):
    """It exists already, with other content."""


class ProofError(LedgerError):
    """A proof, signature or recomputation failed."""


class CorruptError(LedgerError):
    """Our own store is wrong: fatal, stop and look."""
