"""Decisions on holes that are likely to be made otherwise: change them here (numbers: HOLES.md)."""

from __future__ import annotations

# 9: a run of any step may have empty `inputs` and `outputs`.
EMPTY_RUN_LISTS: bool = False
# 12: a private value may be any JSON, not only a string.
PRIVATE_VALUES_ARE_ANY_JSON: bool = False
# 14: the size of an event is looked at first.
SIZE_FIRST: bool = False
# 26: what `classes` of a certificate are refused with when they are PRIM or UNK.
UNCLAIMABLE_CLASS: str = "VOCABULARY_UNKNOWN"
# 29: permission to state a registration is looked at before the party registered.
STRANGER_BEFORE_PARTY: bool = False
# 36: a lot of a consignment whose journey is over by a return; one that left the ledger.
RETURNED_LOT: str = "LOT_DUPLICATE"
OUTSIDE_LOT: str = "LOT_CONSUMED"
# 36: nobody receives an external consignment, so its arrival is PERMISSION_DENIED in stage 4.
OUTSIDE_HAS_NO_RECEIVER: bool = True
# 46: in MERGE, PACK and STORE the refusal names the first input, certified or not.
DILUTION_AT_FIRST_LOT: bool = False
# 49: LOT_CERTIFICATES_FULL after the claims instead of with the lots.
FULL_AFTER_CLAIMS: bool = False
# 54: an inheriting run counts as a maker for `from_scope`.
INHERITING_RUN_MAKES_SCRAP: bool = True
# 60: a finalisation without moisture makes the output dry.
FINAL_WITHOUT_MOISTURE_IS_DRY: bool = False
# 77: roles, scopes and equipment stand once in their lists.
WORDS_STAND_ONCE: bool = False
