"""Text that came with the data, on its way to what would take a part of it for a command.

Names of files, columns and keys, and values, are anybody's: none of them moves the cursor of a terminal, begins a line
of a log, is markup on a page or calls everybody in a chat. For spreadsheets see `records/spreadsheets.py`.
"""

from __future__ import annotations

import re
from typing import Any

# What terminals obey, what turns the direction of text, what else ends a line, and what cannot be encoded.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
CONTINUATION = "    "
MARKUP = str.maketrans("<>", "‹›")
CHAT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u2060", "[": "[\u2060"})


def for_terminal(text: str) -> str:
    """Return text for a terminal or a log: without control characters, lines after the first one indented."""
    return _escaped(text).replace("\n", f"\n{CONTINUATION}")


def in_one_line(text: str) -> str:
    """Return text for a terminal or a log as a single line."""
    return _escaped(text).replace("\n", "\\n")


def _escaped(text: str) -> str:
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def in_json(line: str) -> str:
    """Return a line of JSON with escapes for what JSON would leave as it is, and a terminal would obey."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def for_page(value: Any) -> Any:
    """Return a value for Luigi's page, which takes some texts for markup: `‹` and `›` stand for `<` and `>`."""
    if isinstance(value, str):
        return value.translate(MARKUP)
    if isinstance(value, dict):
        return {for_page(name): for_page(each) for name, each in value.items()}
    return [for_page(each) for each in value] if isinstance(value, list | tuple) else value


def for_chat(text: str) -> str:
    """Return text for a chat: it mentions nobody, and links nowhere under another name."""
    return for_terminal(text).translate(CHAT)
