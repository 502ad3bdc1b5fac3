"""Text on its way out: to terminals and logs, Luigi's page, chats, spreadsheets."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.outgoing import for_chat, for_page, for_terminal, in_json, in_one_line
from pipeline.records.spreadsheets import defused, restored

HOSTILE = "a\x1b]0;title\x07b\x9b2Jc\r\u202ed\u2028e\x7f\udcff"


def test_nothing_moves_the_cursor() -> None:
    assert for_terminal(HOSTILE) == r"a\x1b]0;title\x07b\x9b2Jc\r\u202ed\u2028e\x7f\udcff"
    assert for_terminal("tab\tand México 🎬 👩\u200d🚀") == "tab\tand México 🎬 👩\u200d🚀"


def test_no_line_begins_with_what_came() -> None:
    assert for_terminal("users\n12:00:00 ERROR forged") == "users\n    12:00:00 ERROR forged"
    assert in_one_line("users\n12:00:00 ERROR forged") == r"users\n12:00:00 ERROR forged"


def test_json_means_the_same() -> None:
    line = json.dumps({"text": HOSTILE}, ensure_ascii=False)
    assert json.loads(in_json(line)) == {"text": HOSTILE}
    assert in_json(line).isprintable()


def test_a_page_gets_no_markup() -> None:
    told = {"expl": ["<img src=x>"], "params": {"<b>": "<i>"}, "n": 1, "runnable": None}
    assert for_page(told) == {"expl": ["‹img src=x›"], "params": {"‹b›": "‹i›"}, "n": 1, "runnable": None}


def test_a_chat_calls_nobody() -> None:
    said = for_chat("<!channel> <@U1> @here [bill](http://evil.example) a & b\x1b[2J")
    assert said == (
        "&lt;!channel&gt; &lt;@\u2060U1&gt; @\u2060here [\u2060bill](http://evil.example) a &amp; b\\x1b[\u20602J"
    )


@pytest.mark.parametrize("cell", ["=1+1", "+1 2", "-x", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-2+3+cmd|' /C calc'!A0"])
def test_a_formula_becomes_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "U1", "-5", "+3.25", "-1,5", "a=1", "'quoted'", "2024-05-01"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert defused(cell) == cell
    assert restored(cell) == cell


@given(st.text(st.sampled_from("'=+-@\t\r\n＝1.,a"), max_size=6))
@example("''=1")
def test_what_comes_back_is_what_went_out(cell: str) -> None:
    assert restored(defused(cell)) == cell
    assert defused(cell).lstrip("'") == cell.lstrip("'")
