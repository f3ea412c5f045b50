"""The word lists of rules version 1. The tables are named by hash in the log (`TABLES`)."""

from __future__ import annotations

import hashlib
import json
from typing import Final

ELEMENTS: Final = frozenset(
    (
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
        "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu "
        "Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np "
        "Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
    ).split()
)

# Origin classes, least claimable first: ties go against the claim.
ORIGINS: Final = ("UNK", "PRIM", "PRE", "BMW", "POST")
CLAIMABLE: Final = ("POST", "BMW", "PRE")  # the order in which a certificate takes grams
SCRAP_CLASSES: Final = ("PRE", "BMW")

INHERITING: Final = frozenset({"SPLIT", "MERGE", "PACK", "STORE"})
MECHANICAL: Final = frozenset(
    "SORT SHEAR SHRED SEPARATE CHOP DISMANTLE DISCHARGE CRUSH GRADE ROLL DRAW EXTRUDE STAMP "
    "MACHINE ASSEMBLE".split()
)
FURNACE: Final = frozenset({"MELT", "REFINE_FIRE", "CAST", "PYROLYSE"})
OTHER_STEPS: Final = frozenset(
    "DECOAT DRY ELECTROREFINE LEACH SX CRYSTALLISE PRECIPITATE COPRECIPITATE CALCINE "
    "TREAT_RESIDUE".split()
)
STEPS: Final = INHERITING | MECHANICAL | FURNACE | OTHER_STEPS

OUTPUT_ROLES: Final = ("product", "byproduct", "internal_scrap", "residue")  # attribution order
PARTY_ROLES: Final = (
    "recycler", "sorter", "smelter", "processor", "buyer", "lab", "auditor", "carrier",
)  # fmt: skip
CUSTODIES: Final = ("self", "operator")
SHARES: Final = ("open", "customers", "closed")
SCOPE_LEVELS: Final = ("unit", "line", "plant")
KEY_REASONS: Final = ("lost", "compromised", "replaced", "left")
REVOCATION_REASONS: Final = ("error", "returned", "dispute", "other")
DEDUCTION_REASONS: Final = ("dirt", "moisture", "packaging", "attachments", "other")
ASSAY_GRADES: Final = ("provisional", "default", "final")  # weakest first
TRANSPORT_MODES: Final = ("road", "rail", "sea", "inland", "other")
METHODS: Final = ("iso14021-batch",)

DOCUMENT_TYPES: Final = ("weigh_ticket", "waste_note", "collection_record", "purchase_record")
EVIDENCE_TYPES: Final = (
    *DOCUMENT_TYPES, "scrap_declaration", "supplier_declaration", "certificate", "invoice",
    "lab_report", "customs", "photo", "other",
)  # fmt: skip
EVIDENCE_BY_CLASS: Final = {
    "POST": ("waste_note", "collection_record", "purchase_record"),
    "PRE": ("scrap_declaration", "waste_note"),
    "BMW": ("scrap_declaration", "waste_note"),
    "PRIM": ("supplier_declaration", "invoice", "customs"),
}

METALS: Final = frozenset(
    (
        "aluminium copper lead zinc nickel cobalt lithium tin manganese iron steel stainless_steel "
        "cast_iron brass bronze magnesium titanium tungsten molybdenum chromium vanadium silver "
        "gold platinum palladium rhodium ruthenium iridium rhenium indium gallium germanium "
        "antimony bismuth cadmium mercury tantalum niobium silicon selenium tellurium zirconium "
        "hafnium beryllium rare_earth graphite battery lead_acid_battery lithium_ion_battery "
        "nickel_metal_hydride_battery nickel_cadmium_battery black_mass solder alloy ferro_alloy "
        "mixed other"
    ).split()
)
FORMS: Final = frozenset(
    (
        "scrap old_scrap new_scrap mixed_scrap shredded turnings chips clippings trim skeleton "
        "swarf grindings sheet plate strip foil coil slab billet bloom bar rod wire cable tube "
        "pipe profile extrusion casting forging part component ingot sow t_bar pig bundle bale "
        "block briquette anode cathode blister black_copper matte bullion shot granulate pellet "
        "powder paste grid plates sponge dross skimmings slag ash dust sludge residue salt_slag "
        "spent_liquor solution acid sulphate carbonate hydroxide oxide chloride phosphate "
        "precursor cathode_material electrode electrode_scrap black_mass cell module pack battery "
        "vehicle engine motor radiator can ubc electronics board drosses filter_cake concentrate "
        "primary master_alloy alloy liquid_metal molten offcuts borings stampings crop shavings "
        "granules wheels radiators castings mixed other"
    ).split()
)
GRADE_SCHEMES: Final = frozenset(
    (
        "isri rema en13920 gbt low ewc hs lme alloy aa en iso astm din jis uns trade internal other"
    ).split()
)


def table_hash(name: str) -> str:
    """SHA-256 (hex) of a named table as canonical JSON: what the log's `tables` records."""
    words = sorted(_TABLES[name])
    return hashlib.sha256(json.dumps(words, separators=(",", ":")).encode()).hexdigest()


_TABLES: Final[dict[str, frozenset[str] | tuple[str, ...]]] = {
    "elements": ELEMENTS,
    "metals": METALS,
    "forms": FORMS,
    "schemes": GRADE_SCHEMES,
    "steps": STEPS,
    "evidence": EVIDENCE_TYPES,
    "methods": METHODS,
}


def tables() -> dict[str, str]:
    """Every shipped table with its hash, for `log_opened`."""
    return {name: table_hash(name) for name in sorted(_TABLES)}
