"""Rules for text that hold wherever it comes from, CSV or documents: what is a blank, what can be shown."""

from __future__ import annotations

# White space of Unicode, and two characters that are as invisible: U+200B and the byte order mark.
# etl.blanks() in sql/etl/typing.sql is the same set.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
)
SHOWN_CHARACTERS = 80  # of a value in a message


def trim(text: str) -> str:
    """Return text without blanks around it."""
    return text.strip(BLANKS)


def visible(text: str, length: int = SHOWN_CHARACTERS) -> str:
    """Return text for a message: cut, and with escapes for what could not be seen."""
    cut = text[:length]
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in cut)
    return shown if len(shown) <= length and cut == text else f"{shown[:length]}…"
