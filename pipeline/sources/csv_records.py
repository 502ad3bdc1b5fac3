"""Records of a CSV file from its physical lines: which lines belong together, and which make no record."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pipeline.sources.csv_lines import MAX_RECORD_BYTES, CutLine, LineBlocks, lines_of, nul_reason
from pipeline.sources.csv_text import NEVER_CLOSED, SURROGATES, OpenQuoteError, QuoteError, splitter
from pipeline.sources.text_rules import trim, visible

MAX_RECORD_LINES = 1_000_000  # each of which takes more memory than its bytes


@dataclass(frozen=True)
class Record:
    """A record: its bytes, its fields if its quotes tell them, and why it is no row, if it is none."""

    content: bytes
    fields: list[str] | None
    fault: str | None = None


class Records:
    """Puts the records of a file together that need a closer look.

    Args:
        blocks: the file, of which records that go on after their block take more.
        delimiter: what separates the columns.
        width: how many there are.
    """

    def __init__(self, blocks: LineBlocks, delimiter: str, width: int) -> None:
        self._blocks = blocks
        self._split = splitter(delimiter)
        self._width = width

    def read(self, line: bytes, lines: deque[bytes]) -> Record:
        """Return the record that begins with `line`.

        The further physical lines of a record are taken from `lines`. They stay there if they make no record of
        it: then a quote was forgotten, and what comes after its line is read as if it were not there.
        """
        if isinstance(line, CutLine):
            return Record(line, None, line.reason)
        try:
            fields = self._split.split(decoded(line))
        except OpenQuoteError as error:
            return self._of_several_lines(line, error.ended, lines)
        except QuoteError as error:
            return Record(line, None, str(error))
        return Record(line, fields, _content_fault(line) or self._width_fault(fields))

    def _of_several_lines(self, line: bytes, ended: int, lines: deque[bytes]) -> Record:
        more = self._until_quote_closes(line, ended, lines)
        fault = NEVER_CLOSED
        if more:
            content = b"".join([line, *more])
            try:
                fields = self._split.split(decoded(content))
            except QuoteError:
                pass  # as it closes before the end of its value, it is rather one that opens
            else:
                if len(fields) == self._width:
                    return Record(content, fields, _content_fault(content))
                fault = f"{self._width_fault(fields)}, if its quote closes {len(more)} lines below"
            lines.extendleft(reversed(more))
        return Record(line, None, fault)

    def _until_quote_closes(self, line: bytes, ended: int, lines: deque[bytes]) -> list[bytes]:
        """Take the lines of a record after its first, which leaves a quote open; none if that stays so."""
        taken: list[bytes] = []
        size = len(line)
        while ended < self._width and size <= MAX_RECORD_BYTES and len(taken) < MAX_RECORD_LINES:
            if not lines:
                lines.extend(lines_of(self._blocks.next()))
            if not lines or isinstance(lines[0], CutLine):
                break
            taken.append(lines.popleft())
            size += len(taken[-1])
            if b'"' in taken[-1]:
                more = self._split.ended_before_open(decoded(taken[-1]))
                if more is None:
                    return taken
                ended += more
        lines.extendleft(reversed(taken))
        return []

    def _width_fault(self, fields: list[str]) -> str | None:
        count, expected = len(fields), self._width
        if count == expected:
            return None
        fault = f"too {'few' if count < expected else 'many'} columns: {count} instead of {expected}"
        ends_so = count == expected + 1 and not trim(fields[-1])
        return f"{fault}, the line ends with '{visible(self._split.delimiter)}'" if ends_so else fault


def _content_fault(content: bytes) -> str | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start + 1} of the record is 0x{content[error.start]:02x}"
    return nul_reason(content.index(0)) if b"\0" in content else None


def decoded(content: bytes) -> str:
    """Return the text of a line or record without its end, bytes that are not UTF-8 as surrogates."""
    return content.decode("utf-8", SURROGATES).rstrip("\r\n")
