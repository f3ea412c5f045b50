"""The printed lists, and the lists the page only promises (marked below; see HOLES.md)."""

from __future__ import annotations

ELEMENTS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og".split()
)
INHERITING = frozenset("SPLIT MERGE PACK STORE".split())
MECHANICAL = frozenset(
    "SORT SHEAR SHRED SEPARATE CHOP DISMANTLE DISCHARGE CRUSH GRADE ROLL DRAW EXTRUDE STAMP "
    "MACHINE ASSEMBLE".split()
)
FURNACE = frozenset("MELT REFINE_FIRE CAST PYROLYSE".split())
OTHERS = frozenset(
    "DECOAT DRY ELECTROREFINE LEACH SX CRYSTALLISE PRECIPITATE COPRECIPITATE CALCINE "
    "TREAT_RESIDUE".split()
)
STEPS = INHERITING | MECHANICAL | FURNACE | OTHERS
EVIDENCE_TYPES = frozenset(
    "weigh_ticket waste_note collection_record purchase_record scrap_declaration "
    "supplier_declaration certificate invoice lab_report customs photo other".split()
)
TICKET_TYPES = frozenset("weigh_ticket waste_note collection_record purchase_record".split())
PARTY_ROLES = frozenset("recycler sorter smelter processor buyer lab auditor carrier".split())
CUSTODY = frozenset(["self", "operator"])
SHARE = frozenset(["open", "customers", "closed"])
KEY_REASONS = frozenset(["lost", "compromised", "replaced", "left"])
LEVELS = frozenset(["unit", "line", "plant"])
DEDUCTIONS = frozenset(["dirt", "moisture", "packaging", "attachments", "other"])
GRADES = frozenset(["final", "provisional", "default"])
OUTPUT_ROLES = frozenset(["product", "byproduct", "residue", "internal_scrap"])
ROLE_ORDER = ["product", "byproduct", "internal_scrap", "residue"]
MODES = frozenset(["road", "rail", "sea", "inland", "other"])
REVOKE_REASONS = frozenset(["error", "returned", "dispute", "other"])
CLASSES = frozenset(["POST", "BMW", "PRE", "PRIM", "UNK"])
CLAIMABLE = ["POST", "BMW", "PRE"]
EVIDENCED = frozenset(["POST", "BMW", "PRE", "PRIM"])
METHODS = frozenset(["iso14021-batch"])
SAME_PROCESS = frozenset(["plant", "scope"])
KINDS_WITH_SITE = frozenset(
    "lot_received assay_recorded run_recorded run_finalized scrap_declared lot_dispatched "
    "lot_returned lot_arrived certificate_issued".split()
)
KINDS = KINDS_WITH_SITE | frozenset(
    "log_opened policy_set party_registered key_added key_revoked site_registered "
    "certificate_revoked".split()
)

# Promised as tables, not printed on the page: a guess, wide enough for the tests.
METALS = frozenset(
    "aluminium copper lead zinc nickel cobalt lithium tin manganese steel iron battery "
    "brass magnesium silver gold".split()
)
FORMS = frozenset(
    "scrap ingot billet slab sheet coil wire rod bar profile strip foil cathode dross slag powder "
    "black_mass salt solution part other".split()
)
SCHEMES = frozenset(["isri", "gbt", "en", "other"])
DEFAULT_EVIDENCE = {
    "POST": ["waste_note", "collection_record", "purchase_record"],
    "PRE": ["scrap_declaration", "waste_note"],
    "BMW": ["scrap_declaration", "waste_note"],
    "PRIM": ["supplier_declaration", "invoice", "customs"],
}
