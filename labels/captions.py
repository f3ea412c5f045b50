"""The words a label prints by itself, in both languages."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "zh")

# What a tag of this medium endures, rated by the peak temperature of the metal it is put on.
MEDIA: Final = {
    "paper": ("Paper label: metal below 80 °C only", "纸质标签：仅用于低于 80 °C 的金属"),
    "polyester": ("Polyester label: up to 150 °C", "聚酯标签：最高 150 °C"),
    "metal": ("Metal tag: for hot metal, up to 600 °C", "金属吊牌：可用于热态金属，最高 600 °C"),
}
_WORDS: Final = {
    "heat": ("Heat", "炉号"),
    "run": ("Run", "工序"),
    "reprint": ("REPRINT", "补打"),
    "test_page": ("Test page", "测试页"),
    "offset": ("offset x, y", "偏移 x、y"),
    "pitch": ("pitch x, y", "间距修正 x、y"),
    "read_first": (
        "First label: the mark on which its edge lies is the offset to type in.",
        "首枚标签：标签边缘在刻度上的读数即为应输入的偏移量。",
    ),
    "read_last": (
        "Last label: (reading - offset) / (columns or rows - 1) is the pitch to type in.",
        "末枚标签：（读数 − 偏移）÷（列数或行数 − 1）即为间距修正。",
    ),
    "scale": ('Print at 100 %, without "fit to page".', "请按 100 % 打印，勿选“适合页面”。"),
}


def word(name: str, lang: str) -> str:
    return _WORDS[name][LANGUAGES.index(lang)]


def medium_warning(medium: str, lang: str) -> str:
    return MEDIA[medium][LANGUAGES.index(lang)] if medium else ""
