"""The sentences of the pages for people who log in; see `words`."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    # Around every page of theirs.
    "colon": (": ", "："),
    "stop": (".", "。"),
    "skip": ("Skip to the content", "跳到正文"),
    "nav": ("My pages", "我的页面"),
    "my_lots": ("My lots", "我的批次"),
    "my_account": ("Account", "账户"),
    "for_firms": ("For the firms of this log: my lots and labels", "账本内企业：我的批次与标签"),
    "log_in": ("Log in", "登录"),
    "log_out": ("Log out", "退出登录"),
    "speaks_for": ("{name} for {party}", "{name}，代表 {party}"),
    "problem_title": ("There is a problem", "有问题需要更正"),
    # Log in.
    "login_lead": (
        "For firms whose metal is in this log. Labels and certificates are checked without "
        "logging in.",
        "供账本内的企业使用。核验标签和证书无需登录。",
    ),
    "name": ("Name", "用户名"),
    "password": ("Password", "密码"),
    "api_key": ("API key", "API 密钥"),
    "with_name": ("With name and password", "使用用户名和密码"),
    "with_key": ("With an API key", "使用 API 密钥"),
    "key_hint": (
        "It begins with <code>rmk_</code>. It stays in force; only this browser is logged in.",
        "以 <code>rmk_</code> 开头。密钥继续有效，此处仅登录当前浏览器。",
    ),
    "LOGIN_FAILED": (
        "Name and password, or the API key, do not fit. Check them and try again.",
        "用户名与密码不符，或 API 密钥无效。请核对后重试。",
    ),
    "LOGIN_NEEDS_TLS": (
        "A password would travel readable by anybody on the way. Open the address with "
        "<code>https://</code>, or log in on the machine itself.",
        "此连接未加密，密码会被途中截取。请改用 <code>https://</code> 地址，或在服务器本机上登录。",
    ),
    "RATE_LIMITED": (
        "Too many attempts. Wait half a minute, then try again.",
        "尝试次数过多。请等待半分钟后再试。",
    ),
    "CSRF_FAILED": (
        "This form was open for too long, or cookies are off. Please fill it in again.",
        "表单打开时间过长，或浏览器禁用了 Cookie。请重新填写。",
    ),
    "forgotten": (
        "Forgotten? The operator of this log sets a new password.",
        "忘记密码？请由账本运营方重新设置。",
    ),
    # Account.
    "party": ("Party", "企业"),
    "may": ("May", "权限"),
    "scope_record": ("record events", "记账"),
    "scope_read": ("read what the party has a part in", "查看本企业参与的记录"),
    "scope_audit": ("read everything", "查看全部记录"),
    "logged_in_by_key": ("API key {id}", "API 密钥 {id}"),
    "new_password": ("Change the password", "修改密码"),
    "present_password": ("Present password", "当前密码"),
    "password_new": ("New password", "新密码"),
    "password_rule": (
        "12 to 256 characters, without your name in it. Four unrelated words are easy to type.",
        "12 至 256 个字符，不含用户名。几个互不相关的词便于输入。",
    ),
    "password_wrong": ("This is not the present password.", "当前密码不正确。"),
    "PASSWORD_INVALID": (
        "The new password is too short, too long or too easy: take 12 to 256 characters, without "
        "your name in it.",
        "新密码过短、过长或过于简单：需 12 至 256 个字符，且不含用户名。",
    ),
    "password_done": (
        "The password is changed. Every other browser is logged out.",
        "密码已修改，其他浏览器均已退出登录。",
    ),
    "change": ("Change", "修改"),
    "sessions": ("Log out", "退出登录"),
    "sessions_note": (
        "A session ends after 8 hours without use, and after 7 days in any case.",
        "会话在 8 小时无操作后结束，最长 7 天。",
    ),
    "log_out_here": ("Log out here", "退出此浏览器"),
    "log_out_everywhere": ("Log out everywhere", "退出所有浏览器"),
    # My lots.
    "find_lot": ("Lot or certificate number", "批次号或证书编号"),
    "find_hint": ("the whole name, or a part of it", "全称或其中一部分"),
    "state": ("State", "状态"),
    "site": ("Site", "场地"),
    "metal": ("Metal", "金属"),
    "any": ("any", "不限"),
    "show": ("Show", "查看"),
    "since": ("Since", "起始日期"),
    "choose": ("Choose", "选择"),
    "choose_lot": ("Choose lot {lot}", "选择批次 {lot}"),
    "choose_all": ("Choose all", "全选"),
    "no_lots": ("No lot fits.", "没有符合条件的批次。"),
    "older": ("Older", "更早"),
    "newest": ("Newest", "最新"),
    "print_chosen": ("Print labels", "打印标签"),
    "print_all_note": (
        "Choose the lots whose labels you want to print.",
        "请勾选要打印标签的批次。",
    ),
    "waits": ("What waits", "待处理"),
    "on_road_to_you": ("On the road to you:", "正在发来的批次："),
    "assay_awaited": (
        "Assay still provisional, so nothing can be certified:",
        "化验结果为暂定值，尚不能开具证书：",
    ),
    "grade_provisional": ("provisional assay", "化验暂定"),
    # My certificates.
    "my_certificates": ("My certificates", "我的证书"),
    "claim_short": ("at least {percent} of the {element}", "{element}的至少 {percent}"),
    "claimed": ("Claim", "声明"),
    "status": ("Status", "状态"),
    "issuer": ("Issuer", "签发方"),
    "holder": ("Made out to", "开具对象"),
    "outsider": ("a firm outside", "账本以外企业"),
    "no_certificates": ("No certificate yet.", "还没有证书。"),
    # A lot for its parties.
    "lot_for_party": ("Lot {lot}", "批次 {lot}"),
    "public_page": ("What the label shows", "标签对应的公开页面"),
    "print_label": ("Print its label", "打印标签"),
    "happened": ("What happened to it", "经历的事件"),
    "when": ("When", "时间"),
    "event": ("Event", "事件"),
    "entry": ("Entry", "记录"),
    "papers": ("Papers", "凭证"),
    "recorded_at": ("recorded {date}", "记账 {date}"),
    "event_of_others": ("an event in which you have no part", "您未参与的事件"),
    "earlier_events": ("and {count} earlier ones", "另有更早的 {count} 条"),
    "made_of_lots": ("What it came of", "来料"),
    "went_into": ("What it went into", "去向"),
    "steps": ("Steps", "层级"),
    "lot_of": ("is in", "进入"),
    "lot_from": ("came of", "来自"),
    "came_of_nothing": (
        "No lot of this log: it was received.",
        "并非由本账本内的批次制成：为外部入库。",
    ),
    "went_nowhere": ("No lot yet.", "尚无。"),
    "lineage_cut": (
        "There are more than 2,000 lots; the rest is cut off.",
        "超过 2000 个批次，其余未列出。",
    ),
    "as_json": ("as data", "数据"),
    "details_for_parties": ("For its parties: events and lineage", "相关方：查看事件与谱系"),
    # Print.
    "print_title": ("Print labels", "打印标签"),
    "print_lots": ("Lots, one per line", "批次，每行一个"),
    "print_lots_hint": ("at most 1,000 labels at once", "一次最多 1000 张"),
    "print_stock": ("Label stock", "标签规格"),
    "print_stock_cells": ("{title} ({cells} on a sheet)", "{title}（每张 {cells} 枚）"),
    "print_copies": ("Copies of each", "每批份数"),
    "print_skip": ("Cells already used on the first sheet", "首张已用格数"),
    "print_dpi": ("Printer, dots per inch", "打印机分辨率（dpi）"),
    "print_medium": ("Medium", "材质"),
    "print_medium_none": ("not printed", "不注明"),
    "print_reprint": ("Mark as reprint", "标注“补打”"),
    "print_border": ("Border to cut along", "打印裁切线"),
    "print_trim": ("Trim, in millimetres", "位置微调（毫米）"),
    "print_trim_hint": (
        "Print the test page, hold it against your sheet, and type what it is off by.",
        "先打印测试页并与标签纸对照，再填入偏差。",
    ),
    "print_test_page": ("Test page with rulers", "带标尺的测试页"),
    "print_offset_x": ("All to the right", "整体右移"),
    "print_offset_y": ("All down", "整体下移"),
    "print_pitch_x": ("Each column further", "列距增加"),
    "print_pitch_y": ("Each row further", "行距增加"),
    "print_preview": ("Show the label", "预览"),
    "print_pdf": ("Download PDF", "下载 PDF"),
    "print_zpl": ("Download ZPL", "下载 ZPL"),
    "print_zpl_hint": (
        "PDF for office printers: print at 100 %. ZPL for Zebra printers.",
        "PDF 用于办公打印机，请按 100% 打印。ZPL 用于斑马打印机。",
    ),
    "print_picture": ("Label of lot {lot}, as it will be printed", "批次 {lot} 的标签打印效果"),
    "print_count": ("{count} lots chosen", "已选 {count} 个批次"),
    "print_remembered": (
        "This browser remembers the stock, the printer and the trim.",
        "此浏览器会记住标签规格、打印机和微调值。",
    ),
    "print_no_lots": ("Lots: choose at least one.", "批次：请至少选择一个。"),
    "print_too_many": ("Lots: at most {most} at once.", "批次：一次最多 {most} 个。"),
    "print_unknown": (
        "Lots: {lot} is no lot in which you have a part. Write it as on its label.",
        "批次：{lot} 不是您参与的批次。请按标签上的写法填写。",
    ),
    "wrong_stock": (
        "Label stock: choose one of the list that has room for these texts.",
        "标签规格：请从列表中选择能容纳内容的规格。",
    ),
    "wrong_copies": (
        "Copies: a whole number from 1; at most {most} labels in all.",
        "份数：须为不小于 1 的整数，标签总数不超过 {most}。",
    ),
    "wrong_skip": (
        "Used cells: a whole number from 0, less than the {cells} on a sheet.",
        "已用格数：须为 0 或更大的整数，且小于每张的 {cells} 枚。",
    ),
    "wrong_dpi": ("Printer: choose one of the list.", "打印机分辨率：请从列表中选择。"),
    "wrong_medium": ("Medium: choose one of the list.", "材质：请从列表中选择。"),
    "wrong_trim": (
        "Trim: millimetres from -{most} to {most} with at most three decimals, such as 0.4.",
        "微调：-{most} 至 {most} 毫米，最多三位小数，例如 0.4。",
    ),
    "wrong_text": (
        "Lots: a text of the label cannot be printed ({field}). The operator may have to install "
        "a font.",
        "批次：标签中有文字无法打印（{field}），可能需要运营方安装字体。",
    ),
}
