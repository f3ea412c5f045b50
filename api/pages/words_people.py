"""The sentences of the pages for people who log in; see `words`."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    # Around every page of theirs.
    "skip": ("Skip to the content", "跳到正文"),
    "nav": ("My pages", "我的页面"),
    "my_lots": ("My lots", "我的批次"),
    "my_account": ("Account", "账户"),
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
}
