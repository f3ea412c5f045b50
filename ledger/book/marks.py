"""Marks of a lot: what the rules will want to know of it later, carried in an entry's `lots`.

A mark is a word, or a prefix of this page with what it speaks of.
"""

from __future__ import annotations

from typing import Final

TOUCHED: Final = "touched"  # a run, a declaration, or an arrival with another mass: no more assays
UNPROVEN: Final = "unproven:"  # origin class stated at the receipt without evidence
INTERNAL: Final = "internal:"  # party whose run-around scrap it is
DECLARED: Final = "declared:"  # <site>/<scope> it was declared scrap of
MADE: Final = "made:"  # <site>/<scope> it may be declared scrap of
STORE: Final = "store:"  # made by STORE; <site>/<scope> of the run that first made it
MENTIONED: Final = "mentioned:"  # element that the assay of the refilled heel's last content named
CARRIED: Final = (INTERNAL, DECLARED)  # go through inheriting and mechanical steps
