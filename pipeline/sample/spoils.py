"""What is wrong with spoiled records: one entry for each kind that deliveries are known for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.sample.deliveries import CsvDelivery


@dataclass(frozen=True)
class Spoil:
    """A way to make a record invalid.

    Attributes:
        kind: what is wrong.
        column: the column at fault, None if it is the record as a whole.
        value: what stands there.
    """

    kind: str
    column: str | None = None
    value: str | None = None

    def write(self, delivery: CsvDelivery, columns: Sequence[str], fields: Sequence[str]) -> dict[str, Any]:
        """Write a spoiled copy of a valid record; return its entry for the ground truth."""
        spoiled = list(fields)
        if self.column is not None and self.value is not None:
            spoiled[columns.index(self.column)] = self.value
        else:
            # The last text field of both tables holds the bytes nobody can read.
            text = columns.index("quality_level" if "quality_level" in columns else "country")
            spoiled[text] += {"not_utf8": "\udcf1\udce9", "nul_byte": "\x00"}.get(self.kind, "")
        arranged = delivery.arranged(spoiled)
        if self.kind == "too_few_columns":
            del arranged[-2:]
        elif self.kind == "too_many_columns":
            arranged.append("2024")
        record = delivery.write_fields(arranged)
        return {"record": record, "kind": self.kind, "column": self.column, "value": self.value}


_STRUCTURE = (
    Spoil("too_few_columns"),
    Spoil("too_many_columns"),
    Spoil("not_utf8"),
    Spoil("nul_byte"),
)

_DURATION, _COMPLETION, _DATE = "watch_duration_minutes", "completion_percentage", "watch_date"

SESSION_SPOILS = (
    *_STRUCTURE,
    Spoil("missing", "session_id", ""),
    Spoil("missing", "user_id", "   "),
    Spoil("missing", "content_id", ""),
    Spoil("missing", _DATE, ""),
    Spoil("not_a_number", _DURATION, "N/A"),
    Spoil("not_a_number", _DURATION, "1,5"),
    Spoil("not_a_number", _DURATION, "NaN"),
    Spoil("not_a_number", _DURATION, "Infinity"),
    Spoil("not_a_number", _DURATION, "1e400"),
    Spoil("not_a_number", _DURATION, "-"),
    Spoil("not_a_number", _DURATION, "NULL"),
    Spoil("not_a_whole_number", _DURATION, "12.5"),
    Spoil("out_of_range", _DURATION, "9223372036854775808"),
    Spoil("out_of_range", _DURATION, "2147483648"),
    Spoil("out_of_range", _DURATION, "-5"),
    Spoil("not_a_number", _COMPLETION, "N/A"),
    Spoil("not_a_number", _COMPLETION, "99,5"),
    Spoil("not_a_number", _COMPLETION, "NaN"),
    Spoil("not_a_number", _COMPLETION, "1e400"),
    Spoil("not_a_number", _COMPLETION, "\\N"),
    Spoil("out_of_range", _COMPLETION, "100.01"),
    Spoil("out_of_range", _COMPLETION, "-0.1"),
    Spoil("not_a_date", _DATE, "31/12/2024"),
    Spoil("not_a_date", _DATE, "12/31/2024"),
    Spoil("not_a_date", _DATE, "2024-02-30"),
    Spoil("not_a_date", _DATE, "0000-00-00"),
    Spoil("not_a_date", _DATE, "1776-07-04"),
    Spoil("not_a_date", _DATE, "2101-01-01"),
    Spoil("time_in_date", _DATE, "2024-05-01T10:00:00"),
    Spoil("time_in_date", _DATE, "2024-05-01T10:00:00+02:00"),
)

# Few, so that all of them fit into a file of 200 users without more than a fortieth being spoiled.
USER_SPOILS = (
    Spoil("out_of_range", "age", "121"),
    Spoil("missing", "user_id", ""),
    Spoil("not_a_date", "registration_date", "31/12/2024"),
    Spoil("not_a_number", "age", "N/A"),
    Spoil("not_a_number", "total_watch_time_hours", "1,5"),
    Spoil("too_many_columns"),
)
