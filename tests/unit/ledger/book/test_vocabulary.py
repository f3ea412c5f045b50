"""The word lists: closed, disjoint, and named by hashes that anybody can make again."""

from __future__ import annotations

import hashlib
import json

import pytest

from ledger.book import vocabulary

SYMBOLS = (  # by period
    "HHe" "LiBeBCNOFNe" "NaMgAlSiPSClAr" "KCaScTiVCrMnFeCoNiCuZnGaGeAsSeBrKr"
    "RbSrYZrNbMoTcRuRhPdAgCdInSnSbTeIXe"
    "CsBaLaCePrNdPmSmEuGdTbDyHoErTmYbLuHfTaWReOsIrPtAuHgTlPbBiPoAtRn"
    "FrRaAcThPaUNpPuAmCmBkCfEsFmMdNoLrRfDbSgBhHsMtDsRgCnNhFlMcLvTsOg"
)  # fmt: skip


def test_the_elements_are_those_of_the_periodic_table() -> None:
    found = "".join(c if c.islower() else f" {c}" for c in SYMBOLS).split()
    assert len(found) == 118
    assert set(found) == vocabulary.ELEMENTS


def test_a_step_is_of_one_family() -> None:
    families = (
        vocabulary.INHERITING, vocabulary.MECHANICAL, vocabulary.FURNACE, vocabulary.OTHER_STEPS,
    )  # fmt: skip
    assert sum(len(family) for family in families) == len(vocabulary.STEPS) == 33


def test_what_can_be_claimed_is_an_origin_and_unk_and_primary_never_are() -> None:
    assert set(vocabulary.CLAIMABLE) == set(vocabulary.ORIGINS) - {"UNK", "PRIM"}
    assert set(vocabulary.SCRAP_CLASSES) < set(vocabulary.CLAIMABLE)
    assert "POST" not in vocabulary.SCRAP_CLASSES


def test_every_origin_but_unk_has_evidence_that_proves_it() -> None:
    assert set(vocabulary.EVIDENCE_BY_CLASS) == set(vocabulary.ORIGINS) - {"UNK"}
    proving = {name for types in vocabulary.EVIDENCE_BY_CLASS.values() for name in types}
    assert proving <= set(vocabulary.EVIDENCE_TYPES)
    assert set(vocabulary.DOCUMENT_TYPES) < set(vocabulary.EVIDENCE_TYPES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("elements", vocabulary.ELEMENTS),
        ("metals", vocabulary.METALS),
        ("forms", vocabulary.FORMS),
        ("schemes", vocabulary.GRADE_SCHEMES),
        ("steps", vocabulary.STEPS),
        ("evidence", vocabulary.EVIDENCE_TYPES),
        ("methods", vocabulary.METHODS),
    ],
)
def test_a_table_is_named_by_the_hash_of_its_sorted_words(name: str, words: set[str]) -> None:
    text = json.dumps(sorted(words), separators=(",", ":"))
    assert vocabulary.tables()[name] == hashlib.sha256(text.encode()).hexdigest()


def test_metals_forms_and_schemes_are_plain_words() -> None:
    for word in vocabulary.METALS | vocabulary.FORMS | vocabulary.GRADE_SCHEMES:
        assert word.replace("_", "").isalnum()
        assert word == word.lower()
        assert word.isascii()
