"""What the words of the book are called in English and Chinese: elements, metals, forms, papers."""

from __future__ import annotations

from typing import Final

Names = dict[str, tuple[str, str]]


def _named(text: str) -> Names:
    """Rows of `code english 中文`; an underscore in English is a space."""
    words = text.split()
    return {
        code: (english.replace("_", " "), chinese)
        for code, english, chinese in zip(words[::3], words[1::3], words[2::3], strict=True)
    }


def _spelled(text: str) -> Names:
    """Rows of `code 中文`, where English is the code itself with spaces."""
    words = text.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return {code: (code.replace("_", " "), chinese) for code, chinese in pairs}


# Those without a name here are shown by their symbol.
ELEMENTS: Final = _named("""
    H hydrogen 氢  He helium 氦  Li lithium 锂  Be beryllium 铍  B boron 硼  C carbon 碳
    N nitrogen 氮  O oxygen 氧  F fluorine 氟  Ne neon 氖  Na sodium 钠  Mg magnesium 镁
    Al aluminium 铝  Si silicon 硅  P phosphorus 磷  S sulphur 硫  Cl chlorine 氯  Ar argon 氩
    K potassium 钾  Ca calcium 钙  Sc scandium 钪  Ti titanium 钛  V vanadium 钒  Cr chromium 铬
    Mn manganese 锰  Fe iron 铁  Co cobalt 钴  Ni nickel 镍  Cu copper 铜  Zn zinc 锌
    Ga gallium 镓  Ge germanium 锗  As arsenic 砷  Se selenium 硒  Br bromine 溴  Kr krypton 氪
    Rb rubidium 铷  Sr strontium 锶  Y yttrium 钇  Zr zirconium 锆  Nb niobium 铌
    Mo molybdenum 钼  Tc technetium 锝  Ru ruthenium 钌  Rh rhodium 铑  Pd palladium 钯
    Ag silver 银  Cd cadmium 镉  In indium 铟  Sn tin 锡  Sb antimony 锑  Te tellurium 碲
    I iodine 碘  Xe xenon 氙  Cs caesium 铯  Ba barium 钡  La lanthanum 镧  Ce cerium 铈
    Pr praseodymium 镨  Nd neodymium 钕  Pm promethium 钷  Sm samarium 钐  Eu europium 铕
    Gd gadolinium 钆  Tb terbium 铽  Dy dysprosium 镝  Ho holmium 钬  Er erbium 铒  Tm thulium 铥
    Yb ytterbium 镱  Lu lutetium 镥  Hf hafnium 铪  Ta tantalum 钽  W tungsten 钨  Re rhenium 铼
    Os osmium 锇  Ir iridium 铱  Pt platinum 铂  Au gold 金  Hg mercury 汞  Tl thallium 铊
    Pb lead 铅  Bi bismuth 铋  Th thorium 钍  U uranium 铀
""")

METALS: Final = _spelled("""
    aluminium 铝  copper 铜  lead 铅  zinc 锌  nickel 镍  cobalt 钴  lithium 锂  tin 锡
    manganese 锰  iron 铁  steel 钢  stainless_steel 不锈钢  cast_iron 铸铁  brass 黄铜
    bronze 青铜  magnesium 镁  titanium 钛  tungsten 钨  molybdenum 钼  chromium 铬  vanadium 钒
    silver 银  gold 金  platinum 铂  palladium 钯  rhodium 铑  ruthenium 钌  iridium 铱
    rhenium 铼  indium 铟  gallium 镓  germanium 锗  antimony 锑  bismuth 铋  cadmium 镉
    mercury 汞  tantalum 钽  niobium 铌  silicon 硅  selenium 硒  tellurium 碲  zirconium 锆
    hafnium 铪  beryllium 铍  rare_earth 稀土  graphite 石墨  battery 电池
    lead_acid_battery 铅酸电池  lithium_ion_battery 锂离子电池
    nickel_metal_hydride_battery 镍氢电池  nickel_cadmium_battery 镍镉电池  black_mass 黑粉
    solder 焊料  alloy 合金  ferro_alloy 铁合金  mixed 混合金属  other 其他金属
""")

FORMS: Final = _spelled("""
    scrap 废料  old_scrap 旧废料  new_scrap 新废料  mixed_scrap 混合废料  shredded 破碎料
    offcuts 下脚料  borings 钻屑  stampings 冲压件  crop 切头  shavings 刨屑  granules 粒料
    wheels 轮毂  radiators 散热器  castings 铸件  molten 熔融金属
    turnings 车屑  chips 切屑  clippings 边角料  trim 切边料  skeleton 冲剪余料  swarf 磨屑
    grindings 磨削粉  sheet 薄板  plate 板材  strip 带材  foil 箔材  coil 卷材  slab 扁锭
    billet 坯锭  bloom 大方坯  bar 棒材  rod 线杆  wire 线材  cable 电缆  tube 管材  pipe 管道
    profile 型材  extrusion 挤压材  casting 铸件  forging 锻件  part 零件  component 部件
    ingot 锭  sow 大块锭  t_bar T形锭  pig 小锭  bundle 成捆料  bale 打包料  block 块料
    briquette 压块  anode 阳极  cathode 阴极  blister 粗铜  black_copper 黑铜  matte 锍
    bullion 粗锭  shot 丸粒  granulate 颗粒料  pellet 球团  powder 粉末  paste 膏泥  grid 板栅
    plates 极板  sponge 海绵金属  dross 浮渣  skimmings 撇渣  slag 炉渣  ash 灰渣  dust 烟尘
    sludge 泥渣  residue 残渣  salt_slag 盐渣  spent_liquor 废液  solution 溶液  acid 酸液
    sulphate 硫酸盐  carbonate 碳酸盐  hydroxide 氢氧化物  oxide 氧化物  chloride 氯化物
    phosphate 磷酸盐  precursor 前驱体  cathode_material 正极材料  electrode 极片
    electrode_scrap 极片废料  black_mass 黑粉  cell 电芯  module 模组  pack 电池包  battery 电池
    vehicle 整车  engine 发动机  motor 电机  radiator 散热器  can 罐体  ubc 废易拉罐
    electronics 电子产品  board 电路板  drosses 浮渣  filter_cake 滤饼  concentrate 精矿
    primary 原生料  master_alloy 中间合金  alloy 合金  liquid_metal 液态金属  mixed 混合料
    other 其他形态
""")

EVIDENCE: Final = _spelled("""
    weigh_ticket 磅单  waste_note 废物转移联单  collection_record 回收记录
    purchase_record 收购记录  scrap_declaration 废料声明  supplier_declaration 供应商声明
    certificate 证书  invoice 发票  lab_report 检测报告  customs 报关单  photo 照片
    other 其他凭证
""")

ORIGINS: Final[Names] = {
    "POST": ("post-consumer", "消费后"),
    "BMW": ("battery manufacturing waste", "电池生产废料"),
    "PRE": ("pre-consumer", "消费前"),
    "PRIM": ("primary", "原生"),
    "UNK": ("not evidenced", "来源未证明"),
}

STATES: Final[Names] = {
    "lying": ("lying", "在库"),
    "road": ("on the road", "在途"),
    "left": ("left the log", "已离开账本"),
    "consumed": ("used up", "已用完"),
}

KINDS: Final[Names] = {
    "log_opened": ("log opened", "账本开启"),
    "policy_set": ("parameters set", "参数设定"),
    "party_registered": ("party registered", "企业登记"),
    "key_added": ("key added", "添加密钥"),
    "key_revoked": ("key revoked", "撤销密钥"),
    "site_registered": ("site registered", "场地登记"),
    "lot_received": ("received", "入库"),
    "assay_recorded": ("later assay", "补充化验"),
    "run_recorded": ("run", "工序"),
    "run_finalized": ("run, final figures", "工序终值"),
    "scrap_declared": ("declared as scrap", "申报为废料"),
    "lot_dispatched": ("dispatched", "发运"),
    "lot_returned": ("returned", "退回"),
    "lot_arrived": ("arrived", "到货"),
    "certificate_issued": ("certificate issued", "开具证书"),
    "certificate_revoked": ("certificate revoked", "撤销证书"),
}

STATUSES: Final[Names] = {
    "VALID": ("VALID", "有效"),
    "REVOKED": ("REVOKED", "已撤销"),
    "EXPIRED": ("EXPIRED", "已过期"),
    "DISPUTED": ("DISPUTED", "有争议"),
    "DRAWN": ("DRAWN", "已被动用"),
}

REASONS: Final[Names] = {
    "error": ("an error", "出错"),
    "returned": ("goods returned", "退货"),
    "dispute": ("a dispute", "争议"),
    "other": ("other", "其他"),
}

METHODS: Final[Names] = {
    "iso14021-batch": ("by batch", "按批次"),
}
