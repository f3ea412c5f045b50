"""Every sentence of the pages, in English and Chinese.

The strings are HTML with `{placeholders}`; whatever is filled in is escaped. What the codes of the
book are called (elements, metals, papers) stands in `names`.
"""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from api.pages import words_people

LANGUAGES: Final = ("en", "zh")
TAGS: Final = {"en": "en", "zh": "zh-Hans"}

_PUBLIC: Final[dict[str, tuple[str, str]]] = {
    # Every page.
    "other_language": ("中文", "English"),
    "comma": (", ", "，"),
    "enum": (", ", "、"),
    "space": (" ", ""),
    "and": (" and ", "和"),
    "date": ("{y:04d}-{m:02d}-{d:02d}", "{y}年{m}月{d}日"),
    "percent": ("{number} %", "{number}%"),
    "date_time": ("{date} {h:02d}:{min:02d}", "{date} {h:02d}:{min:02d}"),
    "dates_in": ("Dates are those of the site ({zone}).", "日期按场地当地时区（{zone}）显示。"),
    "element": ("{name} ({symbol})", "{name} ({symbol})"),
    "check_another": ("Check another label or certificate", "核验其他标签或证书"),
    "more": ("and {count} more", "另有 {count} 项"),
    # The lot's page: the verdict on the label, and where the lot is.
    "label_valid": ("VALID LABEL", "标签有效"),
    "label_used_up": ("VALID LABEL, LOT USED UP", "标签有效，批次已用完"),
    "label_title": ("Lot {lot}", "批次 {lot}"),
    "lies": (
        "This log made it. The lot lies at site <b>{site}</b>; last entry {date}.",
        "确为本账本制作。该批次现存于场地 <b>{site}</b>，最近记账：{date}。",
    ),
    "on_the_road": (
        "This log made it. The lot has been <b>on the road</b> since {date}, consignment {by}.",
        "确为本账本制作。该批次自 {date} 起<b>在途</b>，发运单 {by}。",
    ),
    "left_the_log": (
        "This log made it. The lot <b>left this log</b> on {date}, consignment {by}, for a buyer "
        "outside: its later use is not recorded here.",
        "确为本账本制作。该批次已于 {date} 随发运单 {by} <b>发往账本以外</b>的买方，"
        "此后的使用不再记录。",
    ),
    "consumed": (
        "This lot <b>was consumed on {date} in run {by}</b>. Metal that carries this label today "
        "is not this lot: the label was copied, or never taken off.",
        "该批次<b>已于 {date} 在工序 {by} 中全部用完</b>。今天仍挂此标签的金属不是这一批："
        "标签是复制的，或当时未摘除。",
    ),
    "consumed_somehow": (
        "Nothing is left of this lot since <b>{date}</b>. Metal that carries this label today is "
        "not this lot.",
        "该批次自 <b>{date}</b> 起已无余量。今天仍挂此标签的金属不是这一批。",
    ),
    # The lot's page: what to compare.
    "compare": ("Compare with the tag on the metal", "请与金属上的吊牌核对"),
    "lot": ("Lot", "批次"),
    "heat": ("Heat", "炉号"),
    "run": ("Run", "工序"),
    "mass": ("Mass", "质量"),
    "material": ("Material", "物料"),
    "made": ("Made", "生产"),
    "received": ("Received", "入库"),
    "made_by": ("{date}, {party}", "{date}，{party}"),
    "not_stated": ("not stated", "未填写"),
    "mass_now": ("{mass} now", "现存 {mass}"),
    "mass_made": ("{mass} when made", "生产时 {mass}"),
    "mass_received": ("{mass} when received", "入库时 {mass}"),
    "mass_left": ("{mass} when it left", "发出时 {mass}"),
    "mass_used": ("{mass} at the end", "用完前 {mass}"),
    "material_line": ("{metal} {form}", "{metal}{form}"),
    # The lot's page: composition and claims.
    "made_of": ("What it is made of", "成分与来源"),
    "made_of_then": ("What it was made of", "当时的成分与来源"),
    "of_the_mass": ("{percent} of the mass", "占质量 {percent}"),
    "at_least": ("at least {percent}", "至少 {percent}"),
    "no_assay": (
        "No assay: no element can be claimed.",
        "没有化验结果：不能声明任何元素的再生含量。",
    ),
    "provisional": (
        "The assay is provisional: nothing can be certified on it yet.",
        "化验结果为暂定值，尚不能据此开具证书。",
    ),
    "other_elements": ("{count} other elements", "其他 {count} 种元素"),
    "origin_share": ("{origin} {percent}", "{origin} {percent}"),
    "certified": ("Under certificates", "已开具证书"),
    "certified_then": ("Under certificates, when it went", "已开具证书（离开时）"),
    "certified_here": (
        "{percent} of this lot’s {element} ({mass})",
        "本批{element}的 {percent}（{mass}）",
    ),
    "certified_nothing": ("holds nothing of this lot", "未占用本批的量"),
    "none_certified": ("No certificate names this lot.", "没有证书涉及本批次。"),
    "left_free": ("Still free:", "未开证余量："),
    "free_of": ("{parts} {element}", "{parts}（{element}）"),
    "free_part": ("{mass} {origin}", "{origin} {mass}"),
    "free_nothing": ("nothing that could be claimed", "没有可声明的余量"),
    "lineage": (
        "Its lineage is open to the parties concerned and to auditors.",
        "谱系（来料与去向）对相关方和审核员开放。",
    ),
    "word_of_operator": (
        "This page is the operator’s word; a certificate’s dossier can be checked without us.",
        "本页是运营方的陈述；证书的证明档案可不依赖我们独立核验。",
    ),
    # NOT VALID.
    "not_valid": ("NOT VALID", "无效"),
    "no_such_label": (
        "This log never made such a label.",
        "本账本从未制作过这样的标签。",
    ),
    "no_such_gtin": (
        "Nobody registered the GTIN of this label in this log, or no longer.",
        "本账本中没有登记该标签的 GTIN，或登记已终止。",
    ),
    "link_wrong": (
        "The address in this code is not a well-formed GS1 Digital Link.",
        "此码中的网址不是格式正确的 GS1 Digital Link。",
    ),
    "no_such_certificate": (
        "This log has no certificate with this number.",
        "本账本没有这个编号的证书。",
    ),
    "serial_mistyped": (
        "This number has a mistake in it: its last digit does not fit the others.",
        "编号有误：末位校验码与其余各位不符。",
    ),
    "serial_shape": (
        "A certificate’s number has 12 digits and letters, like ABCD-EFGH-JKMN.",
        "证书编号由 12 位数字和字母组成，形如 ABCD-EFGH-JKMN。",
    ),
    "asked_for": ("Asked for", "查询内容"),
    "what_to_do": ("What to do", "怎么办"),
    "do_scan_again": (
        "Scan again, or type what is printed under the code.",
        "请重新扫码，或输入码下印刷的文字。",
    ),
    "do_type_digits": (
        "Type the lot and the ten digits printed on the label on the first page.",
        "请在首页输入标签上印刷的批次和十位校验码。",
    ),
    "do_type_again": (
        "Type the number again. I, L, O and U do not occur in it.",
        "请重新输入编号。编号中没有字母 I、L、O、U。",
    ),
    "do_compare_log": (
        "Compare the name of the log. This is <b>{origin}</b>; other logs check their own.",
        "请核对账本名称：这里是 <b>{origin}</b>。其他账本的标签须到该账本核验。",
    ),
    "do_not_accept": (
        "Still not valid? Do not accept the metal on this label. Ask the seller for the "
        "certificate, and tell the log’s operator.",
        "仍然无效？请勿凭此标签收货。请向卖方索取证书，并通知账本运营方。",
    ),
    "do_not_rely": (
        "Still not valid? Do not rely on it. Ask the seller for the dossier, and tell the log’s "
        "operator.",
        "仍然无效？请勿采信。请向卖方索取证明档案，并通知账本运营方。",
    ),
    # The certificate's page.
    "certificate": ("Certificate", "证书"),
    "certificate_title": ("Certificate {serial}", "证书 {serial}"),
    "status_VALID": (
        "By this log’s record: not revoked, in date, metal still held. The checks stand below.",
        "按账本记录：未撤销，在有效期内，对应金属仍在。各项核验见下。",
    ),
    "status_REVOKED": (
        "Withdrawn by its issuer. Do not rely on it.",
        "已由签发方撤销，请勿采信。",
    ),
    "status_EXPIRED": (
        "Its last day was {date}. Ask the issuer for a newer one.",
        "有效期已于 {date} 届满，请向签发方索取新证书。",
    ),
    "status_DISPUTED": (
        "A later assay took grams away from it. Ask the issuer before you rely on it.",
        "后续化验减少了证书所占的量。采信前请询问签发方。",
    ),
    "status_DRAWN": (
        "Another company has used metal of it in production. It covers no more than it holds now.",
        "其他企业已在生产中使用了该证书的金属。证书仅对现存的量有效。",
    ),
    "check_failed": ("CHECK FAILED", "核验未通过"),
    "check_failed_note": (
        "The log’s record says {status}, but its own proof does not hold. Do not rely on it.",
        "账本记录为“{status}”，但其自身的证明不成立，请勿采信。",
    ),
    "claim": (
        "At least <b>{of_substance}</b> of the {element}, {of_mass} of the mass, is "
        "<b>{classes}</b>.",
        "{element}中至少 <b>{of_substance}</b>（占总质量 {of_mass}）为<b>{classes}</b>再生料。",
    ),
    "claim_then": (
        "It claimed at least <b>{of_substance}</b> of the {element}, {of_mass} of the mass, to be "
        "<b>{classes}</b>.",
        "原声明：{element}中至少 <b>{of_substance}</b>（占总质量 {of_mass}）为"
        "<b>{classes}</b>再生料。",
    ),
    "claim_nothing": ("It claims nothing.", "该证书没有声明任何量。"),
    "claim_part": ("{origin}: {percent}, {mass}", "{origin}：{percent}，{mass}"),
    "claim_part_mass": ("{origin}: {mass}", "{origin}：{mass}"),
    "issued": ("Issued", "签发"),
    "issued_by": ("{date}, {party}", "{date}，{party}"),
    "valid_until": ("Valid until", "有效期至"),
    "no_end": ("no last day", "未设期限"),
    "lots": ("Lots", "批次"),
    "held": ("Held now", "现持有"),
    "held_of": ("{held} of {claimed} claimed", "{held}（声明 {claimed}）"),
    "method": ("Method", "声明方法"),
    # The verdict lines.
    "checked": ("What was checked, line by line", "逐项核验结果"),
    "IN THE LOG": ("In the log:", "已记入账本："),
    "ARITHMETIC": ("Arithmetic:", "复算："),
    "NOT SPENT TWICE": ("Not spent twice:", "未重复使用："),
    "NOT REVOKED": ("Not revoked:", "未撤销："),
    "MADE OUT TO": ("Made out to:", "开具对象："),
    "ON WHOSE WORD": ("On whose word:", "依据谁的陈述："),
    "in_log": (
        "<b>yes</b>, entry {entry}, log size {size}. {seen}",
        "<b>是</b>，第 {entry} 条，账本共 {size} 条。{seen}",
    ),
    "seen_by": (
        "Seen by {count} of {of} witnesses, latest {time}.",
        "{of} 个见证方中已有 {count} 个见证，最近一次 {time}。",
    ),
    "seen_by_none": ("Seen by no witness.", "尚无见证方见证。"),
    "in_log_stranger": (
        "<b>no</b>, not under this log’s own key.",
        "<b>否</b>，并非由本账本的密钥签署。",
    ),
    "arithmetic": (
        "<b>recomputed</b>, {recomputed} entries. Proven at least <b>{proven}</b> "
        "(stated {stated}).",
        "<b>已复算</b> {recomputed} 条记录。证明至少 <b>{proven}</b>（声明 {stated}）。",
    ),
    "arithmetic_gap": (
        "The rest stands on entries that are not shared.",
        "差额所依据的记录未公开。",
    ),
    "arithmetic_audited": (
        "The rest stands on entries that are not shared, on the word of auditing witness {names}.",
        "差额所依据的记录未公开，仅凭审核见证方 {names} 的陈述。",
    ),
    "spent_once": (
        "<b>on the word of auditing witness {names}</b>, up to log size {size}.",
        "<b>凭审核见证方 {names} 的陈述</b>，截至账本第 {size} 条。",
    ),
    "not_spent_twice": (
        "<b>not shown</b> by an auditing witness; the operator says so.",
        "<b>未出示</b>审核见证方的证明，仅为运营方的陈述。",
    ),
    "not_revoked": (
        "<b>the operator says so</b>, as of log size {size}.",
        "<b>据运营方陈述属实</b>，截至账本第 {size} 条。",
    ),
    "revoked_by": (
        "<b>revoked</b> by entry {entry}. Reason: {reason}.",
        "<b>已撤销</b>，见第 {entry} 条。原因：{reason}。",
    ),
    "made_out_to": ("<b>{holder}</b>", "<b>{holder}</b>"),
    "made_out_external": (
        "<b>a firm outside this log</b>, whose name is not in it.",
        "<b>本账本以外的企业</b>，名称不记入账本。",
    ),
    "made_out_nobody": (
        "<b>nobody</b>: check online before you rely on it.",
        "<b>未指定。</b>采信前请在线核验。",
    ),
    "whose_word": ("{mass} of the claim: {parts}", "声明量 {mass}：{parts}"),
    "party_share": ("{party} {mass}", "{party} {mass}"),
    "word_details": ("Keys and papers", "密钥与凭证"),
    "word": ("{mass} {party} ({about})", "{mass} {party}（{about}）"),
    "custody_self": ("self-held key", "自持密钥"),
    "custody_operator": ("key held by the operator", "密钥由运营方代管"),
    "both_signed": ("both sides signed", "双方均已签署"),
    "kind_scrap_declared": ("declared as scrap", "申报为废料"),
    "kind_assay_recorded": ("found by a later assay", "后续化验查得"),
    "no_evidence": ("no paper", "无凭证"),
    "not_proven": ("{mass} not shown (counts as primary)", "未出示 {mass}（按原生计）"),
    "more_words": ("{count} more parties {mass}", "另外 {count} 方 {mass}"),
    "not_reached": ("not reached.", "未进行到此步。"),
    "why": ("Refused at step {step}: {code}. {message}", "第 {step} 步拒绝：{code}。{message}"),
    "not_checked_now": (
        "The check was not made just now, because others are running. Reload in a minute.",
        "其他核验正在进行，本次未能核验。请稍后刷新。",
    ),
    "dossier_note": (
        "This page is the operator’s word. The dossier and <code>remelt verify</code> check it "
        "without us.",
        "本页是运营方的陈述。用证明档案和 <code>remelt verify</code> 可不依赖我们独立核验。",
    ),
    "download": ("Download the dossier", "下载证明档案"),
    # The first page.
    "home_title": ("Check a label or certificate", "核验标签或证书"),
    "home_label": (
        "Type the certificate’s number, or what is printed under the label’s code",
        "输入证书编号，或标签码下印刷的文字",
    ),
    "home_examples": (
        "such as <code>ABCD-EFGH-JKMN</code> or <code>HB01/INGOT-1/4R8T2KX9QA</code>",
        "例如 <code>ABCD-EFGH-JKMN</code> 或 <code>HB01/INGOT-1/4R8T2KX9QA</code>",
    ),
    "home_button": ("Check", "核验"),
    "home_unread": (
        "This is neither a certificate’s number nor a label. A number has 12 digits and letters.",
        "这既不是证书编号，也不是标签文字。证书编号为 12 位数字和字母。",
    ),
    "home_digits": (
        "Type the 10 digits and letters after the lot too: only they tell a genuine label.",
        "请同时输入批次后面的 10 位校验码：只有它能辨别标签真伪。",
    ),
    "home_what": ("What this log is", "这是什么账本"),
    "home_about": (
        "A ledger of recycled metal. The firms that collect, melt and sell it state what they do. "
        "Every statement is signed and chained to the one before; every gram keeps its origin; "
        "the rules let no gram be certified twice.",
        "再生金属溯源账本。回收、熔炼和销售企业各自陈述其业务，每条记录均经签名并与前一条相链接；"
        "每一克都保留其来源，规则不允许同一克重复开证。",
    ),
    "log": ("Log", "账本"),
    "operator": ("Operator", "运营方"),
    "entries": ("Entries", "记录数"),
    "entries_at": ("{size}, the last at {date} UTC", "{size}，最近一条：{date} UTC"),
    "keys": ("Keys of this log, for your policy file", "本账本的密钥（用于您的核验策略文件）"),
    "keys_note": (
        "Compare them with what the operator gave you by another way.",
        "请与运营方通过其他途径提供的密钥核对。",
    ),
    # Refusals of addresses that are no pages.
    "refused": ("REFUSED", "未被接受"),
    "not_allowed": ("NOT ALLOWED", "无权访问"),
    "no_such_page": ("NO SUCH PAGE", "没有这个页面"),
    "too_often": ("TOO MANY REQUESTS", "请求过于频繁"),
    "do_correct": (
        "Go back, correct what stands below, and send it again.",
        "请返回，按下面的说明更正后重新提交。",
    ),
    "do_go_home": (
        "Check the address, or go on from the first page.",
        "请核对网址，或从首页重新开始。",
    ),
    "do_wait": (
        "Wait {seconds} s, then reload the page.",
        "请等待 {seconds} 秒后刷新页面。",
    ),
    # Trouble.
    "trouble": ("NOT CHECKED", "未能核验"),
    "trouble_note": (
        "The log cannot be read at the moment. This says nothing about the label or certificate. "
        "Try again in a minute.",
        "账本暂时无法读取，这不说明标签或证书有问题。请稍后再试。",
    ),
}

WORDS: Final = {**_PUBLIC, **words_people.WORDS}


def say(language: str, key: str, **values: Any) -> Markup:
    """A sentence with its placeholders filled in."""
    return Markup(WORDS[key][LANGUAGES.index(language)]).format(**values)  # noqa: S704 (ours)
