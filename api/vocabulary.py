"""The word lists of events and answers, with what each word is called in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from api.pages import names
from api.pages.names import Names
from ledger import apikeys
from ledger.book import shapes, vocabulary


def _rows(text: str) -> Names:
    """Lines of `code | english | 中文`."""
    cells = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return {code: (english, chinese) for code, english, chinese in cells}


ELEMENTS: Final[Names] = names.ELEMENTS | _rows("""
    Po | polonium | 钋
    At | astatine | 砹
    Rn | radon | 氡
    Fr | francium | 钫
    Ra | radium | 镭
    Ac | actinium | 锕
    Pa | protactinium | 镤
    Np | neptunium | 镎
    Pu | plutonium | 钚
    Am | americium | 镅
    Cm | curium | 锔
    Bk | berkelium | 锫
    Cf | californium | 锎
    Es | einsteinium | 锿
    Fm | fermium | 镄
    Md | mendelevium | 钔
    No | nobelium | 锘
    Lr | lawrencium | 铹
    Rf | rutherfordium | 𬬻
    Db | dubnium | 𬭊
    Sg | seaborgium | 𬭳
    Bh | bohrium | 𬭛
    Hs | hassium | 𬭶
    Mt | meitnerium | 鿏
    Ds | darmstadtium | 𫟼
    Rg | roentgenium | 𬬭
    Cn | copernicium | 鿔
    Nh | nihonium | 鿭
    Fl | flerovium | 𫓧
    Mc | moscovium | 镆
    Lv | livermorium | 𫟷
    Ts | tennessine | 鿬
    Og | oganesson | 鿫
""")
_REST: Final = _rows("""
    OTHER | what no assay names | 未化验成分
    H2O | water | 水分
""")
STEPS: Final = _rows("""
    SPLIT | split | 分批
    MERGE | merge | 合批
    PACK | pack | 包装
    STORE | store in a standing lot | 并入常备批
    SORT | sort | 分选
    SHEAR | shear | 剪切
    SHRED | shred | 破碎
    SEPARATE | separate | 分离
    CHOP | chop | 铜米加工
    DISMANTLE | dismantle | 拆解
    DISCHARGE | discharge batteries | 电池放电
    CRUSH | crush | 压碎
    GRADE | grade | 分级
    ROLL | roll | 轧制
    DRAW | draw | 拉拔
    EXTRUDE | extrude | 挤压
    STAMP | stamp | 冲压
    MACHINE | machine | 机加工
    ASSEMBLE | assemble | 装配
    MELT | melt | 熔炼
    REFINE_FIRE | fire refine | 火法精炼
    CAST | cast | 铸造
    PYROLYSE | pyrolyse | 热解
    DECOAT | remove coatings | 脱漆
    DRY | dry | 烘干
    ELECTROREFINE | electrorefine | 电解精炼
    LEACH | leach | 浸出
    SX | solvent extraction | 溶剂萃取
    CRYSTALLISE | crystallise | 结晶
    PRECIPITATE | precipitate | 沉淀
    COPRECIPITATE | co-precipitate | 共沉淀
    CALCINE | calcine | 煅烧
    TREAT_RESIDUE | treat residues | 残渣处理
""")
STEP_KINDS: Final = _rows("""
    inheriting | outputs inherit what the inputs were | 产出继承投入
    mechanical | mechanical working | 机械加工
    furnace | furnace | 炉内工序
    other | thermal or wet chemical | 湿法及其他工序
""")
LOT_ROLES: Final = _rows("""
    received | received from outside | 外部收货
    product | product | 产品
    byproduct | by-product | 副产品
    internal_scrap | run-around scrap | 厂内回炉料
    residue | residue | 残渣
    heel | furnace heel | 炉底残液
""")
PARTY_ROLES: Final = _rows("""
    recycler | recycler | 回收企业
    sorter | sorter | 分选企业
    smelter | smelter | 熔炼企业
    processor | processor | 加工企业
    buyer | buyer | 采购方
    lab | laboratory | 检测机构
    auditor | auditor | 审核机构
    carrier | carrier | 承运人
""")
SCHEMES: Final = _rows("""
    isri | ISRI (ReMA) scrap specifications | ISRI（ReMA）废料规格
    rema | ReMA scrap specifications | ReMA 废料规格
    en13920 | EN 13920 aluminium scrap | EN 13920 废铝标准
    gbt | GB/T Chinese national standard | GB/T 国家推荐标准
    low | European List of Waste | 欧盟废物名录
    ewc | European Waste Catalogue | 欧洲废物目录
    hs | Harmonised System | 海关协调编码
    lme | London Metal Exchange brand or grade | 伦敦金属交易所品级
    alloy | alloy designation | 合金牌号
    aa | Aluminum Association | 美国铝业协会牌号
    en | EN European standard | EN 欧洲标准
    iso | ISO standard | ISO 国际标准
    astm | ASTM standard | ASTM 标准
    din | DIN standard | DIN 德国标准
    jis | JIS standard | JIS 日本工业标准
    uns | Unified Numbering System | UNS 统一编号
    trade | name used in trade | 行业俗称
    internal | the company's own grade | 企业内部牌号
    other | other | 其他
""")
ASSAY_GRADES: Final = _rows("""
    provisional | provisional | 暂定
    default | default value | 默认值
    final | final | 最终
""")
MODES: Final = _rows("""
    road | road | 公路
    rail | rail | 铁路
    sea | sea | 海运
    inland | inland waterway | 内河
    other | other | 其他
""")
DEDUCTIONS: Final = _rows("""
    dirt | dirt | 扣杂
    moisture | moisture | 扣水
    packaging | packaging | 扣包装
    attachments | attachments that are not metal | 扣附着物
    other | other | 其他扣重
""")
KEY_REASONS: Final = _rows("""
    lost | key lost | 密钥遗失
    compromised | key known to others | 密钥泄露
    replaced | replaced by another key | 已更换密钥
    left | its holder left | 持有人离职
""")
CUSTODIES: Final = _rows("""
    self | the party keeps its key | 企业自持密钥
    operator | the operator keeps the key | 运营方代管密钥
""")
SHARES: Final = _rows("""
    open | anybody's dossiers may show its entries | 任何证明文件均可引用
    customers | dossiers of its customers may show them | 仅客户的证明文件可引用
    closed | no dossier of others may show them | 他人的证明文件不得引用
""")
SCOPE_LEVELS: Final = _rows("""
    unit | one unit | 单台设备
    line | production line | 生产线
    plant | whole plant | 整个工厂
""")
SAME_PROCESS: Final = _rows("""
    plant | the whole site is one process | 整个场地视为同一工序
    scope | each scope is a process of its own | 每个工序范围各自独立
""")
METHODS: Final = _rows("""
    iso14021-batch | controlled blending per batch, ISO 14021 | 按批次受控配料（ISO 14021）
""")
REASONS: Final[Names] = names.REASONS
FAULTS: Final = _rows("""
    request | the request is wrong, whatever the state of the log | 请求本身有误
    caller | who calls may not do this | 调用方无权限
    state | the log does not allow it at present | 与账本当前状态不符
    load | too much at once; try again later | 请求过多，请稍后再试
    server | a fault of the server or of a file | 服务器或文件有误
""")
API_SCOPES: Final = _rows("""
    record | record events of the party | 记录本企业的事件
    read | read what the party has a part in | 读取与本企业有关的内容
    audit | read everything | 读取全部内容
""")


@dataclass(frozen=True, slots=True)
class WordList:
    """A list of words: what it is called, its words in order, and where they are used."""

    title: tuple[str, str]
    words: tuple[str, ...]
    names: Names
    used_in: str


def _step_kinds() -> dict[str, dict[str, Any]]:
    kinds = {
        "inheriting": vocabulary.INHERITING, "mechanical": vocabulary.MECHANICAL,
        "furnace": vocabulary.FURNACE, "other": vocabulary.OTHER_STEPS,
    }  # fmt: skip
    return {step: {"kind": kind} for kind, steps in kinds.items() for step in steps}


def _evidence_of() -> dict[str, dict[str, Any]]:
    proofs = vocabulary.EVIDENCE_BY_CLASS
    return {
        name: {"evidence": list(proofs.get(name, ())), "claimable": name in vocabulary.CLAIMABLE}
        for name in vocabulary.ORIGINS
    }


_TITLES: Final = _rows("""
    elements | elements | 元素
    substances | substances of the book | 账本物质
    origins | origin classes | 来源类别
    claimable | classes that a certificate can claim | 证书可声明的来源类别
    scrap_classes | classes that a declaration can give | 可申报的废料类别
    kinds | kinds of events | 事件类型
    steps | process steps | 工序
    roles | roles of a run's outputs | 产出角色
    lot_roles | roles of lots | 批次角色
    lot_states | states of lots | 批次状态
    party_roles | roles of parties | 企业角色
    metals | metals | 金属
    forms | forms of goods | 物料形态
    schemes | schemes of grades | 牌号体系
    evidence | types of evidence | 凭证类型
    assay_grades | grades of assays | 化验等级
    deduction_reasons | reasons of deductions | 扣重原因
    modes | modes of transport | 运输方式
    methods | claim methods | 声明方法
    statuses | statuses of certificates | 证书状态
    revocation_reasons | reasons to revoke certificates | 撤销证书的原因
    key_reasons | reasons to revoke keys | 撤销密钥的原因
    custodies | who keeps a key | 密钥保管方式
    shares | who may show a party's entries | 记录共享范围
    scope_levels | levels of scopes | 工序范围层级
    same_process | what counts as one process | 同一工序的界定
    faults | whose fault a refusal is | 拒绝的责任方
    api_scopes | scopes of API keys | API 密钥权限
""")
# The list, its words, and the field or address that takes them.
_LISTS: Final[tuple[tuple[str, Iterable[str], Names, str], ...]] = (
    ("elements", sorted(vocabulary.ELEMENTS), ELEMENTS, "body.assay"),
    ("substances", [*sorted(vocabulary.ELEMENTS), *_REST], ELEMENTS | _REST, "entry.book"),
    ("origins", vocabulary.ORIGINS, names.ORIGINS, "body.origin"),
    ("claimable", vocabulary.CLAIMABLE, names.ORIGINS, "body.classes"),
    ("scrap_classes", vocabulary.SCRAP_CLASSES, names.ORIGINS, "body.class"),
    ("kinds", shapes.SHAPES, names.KINDS, "kind"),
    ("steps", sorted(vocabulary.STEPS), STEPS, "body.step"),
    ("roles", vocabulary.OUTPUT_ROLES, LOT_ROLES, "body.outputs[].role"),
    ("lot_roles", LOT_ROLES, LOT_ROLES, "GET /v1/lots"),
    ("lot_states", names.STATES, names.STATES, "GET /v1/lots"),
    ("party_roles", vocabulary.PARTY_ROLES, PARTY_ROLES, "body.roles"),
    ("metals", sorted(vocabulary.METALS), names.METALS, "body.material.metal"),
    ("forms", sorted(vocabulary.FORMS), names.FORMS, "body.material.form"),
    ("schemes", sorted(vocabulary.GRADE_SCHEMES), SCHEMES, "body.material.grade.scheme"),
    ("evidence", vocabulary.EVIDENCE_TYPES, names.EVIDENCE, "evidence[].type"),
    ("assay_grades", vocabulary.ASSAY_GRADES, ASSAY_GRADES, "body.assay_grade"),
    ("deduction_reasons", vocabulary.DEDUCTION_REASONS, DEDUCTIONS, "body.deductions[].reason"),
    ("modes", vocabulary.TRANSPORT_MODES, MODES, "body.mode"),
    ("methods", vocabulary.METHODS, METHODS, "body.method"),
    ("statuses", names.STATUSES, names.STATUSES, "GET /v1/certificates"),
    ("revocation_reasons", vocabulary.REVOCATION_REASONS, REASONS, "body.reason"),
    ("key_reasons", vocabulary.KEY_REASONS, KEY_REASONS, "body.reason"),
    ("custodies", vocabulary.CUSTODIES, CUSTODIES, "body.custody"),
    ("shares", vocabulary.SHARES, SHARES, "body.share"),
    ("scope_levels", vocabulary.SCOPE_LEVELS, SCOPE_LEVELS, "body.scopes[].level"),
    ("same_process", SAME_PROCESS, SAME_PROCESS, "body.parameters.same_process"),
    ("faults", FAULTS, FAULTS, "GET /v1/errors"),
    ("api_scopes", apikeys.SCOPES, API_SCOPES, "remelt apikey new"),
)
LISTS: Final[dict[str, WordList]] = {
    name: WordList(_TITLES[name], tuple(words), called, used_in)
    for name, words, called, used_in in _LISTS
}
_MORE: Final = {"steps": _step_kinds(), "origins": _evidence_of()}


def titles(languages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every list, without its words."""
    return [
        {
            "list": name,
            "href": f"/v1/vocabulary/{name}",
            **_called(found.title, languages),
            "used_in": found.used_in,
            "count": len(found.words),
        }
        for name, found in LISTS.items()
    ]


def shown(name: str, languages: tuple[str, ...]) -> dict[str, Any]:
    """One list. languages: in which to say what its words are called."""
    found, more = LISTS[name], _MORE.get(name, {})
    return {
        "list": name,
        **_called(found.title, languages),
        "used_in": found.used_in,
        "words": [
            {"code": word, **_called(found.names[word], languages), **more.get(word, {})}
            for word in found.words
        ],
    }


def _called(pair: tuple[str, str], languages: tuple[str, ...]) -> dict[str, str]:
    both = dict(zip(("en", "zh"), pair, strict=True))
    return {language: both[language] for language in languages}
