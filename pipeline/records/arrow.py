"""Records of CSV files as columns of typed values, many rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipeline.records.csv_files import Block, RejectedRecord
from pipeline.records.declaration import Declared, DeclaredColumn
from pipeline.records.rejected import as_no_row, as_untyped
from pipeline.records.text_rules import BLANKS
from pipeline.records.typed_values import MAX_KEY_BYTES, Typing

ROW, REJECTED, OTHERS = "_row", "rejected", "others"
"""The columns of landed records beside the declared ones; see `landing`."""

WHOLE_TYPES = {"smallint": (pa.int16(), 4), "integer": (pa.int32(), 9), "bigint": (pa.int64(), 18)}
EXAMPLE_CHARACTERS = 2_000


def schema_of(declared: Declared) -> pa.Schema:
    """Return the schema of landed records of a table."""
    columns = [pa.field(each["name"], type_of(each)) for each in declared["columns"]]
    others = pa.map_(pa.string(), pa.string())
    return pa.schema([*columns, pa.field(ROW, pa.int64()), pa.field(REJECTED, pa.string()), pa.field(OTHERS, others)])


def type_of(column: DeclaredColumn) -> pa.DataType:
    """Return the type that holds the values of a column."""
    match column["kind"]:
        case "whole":
            return WHOLE_TYPES[column["type"]][0]
        case "number":
            return pa.decimal128(column["precision"] or 0, column["scale"] or 0)
        case "date":
            return pa.date32()
        case "boolean":
            return pa.bool_()
        case "float":
            return pa.float64()
    return pa.string()


class TypedRecords:
    """Types the records of one file.

    Args:
        declared: its table.
        names: the columns of its header.

    `rejected` counts the rows whose values cannot be typed; `months` the others by the month of the first date that
    is NOT NULL, if there is such a column; `examples` has the first value of each column, its beginning.
    """

    def __init__(self, declared: Declared, names: list[str]) -> None:
        self._columns = declared["columns"]
        self._names = names
        own = [column["name"] for column in self._columns]
        self._undeclared = [name for name in names if name not in own]
        self._known = [*own, *self._undeclared]
        self._typing = Typing(self._columns)
        self._usual = {each["name"]: usual for each in self._columns if (usual := _usual_of(each)) is not None}
        self._month_of = next((each["name"] for each in self._columns if _has_months(each)), None)
        self.schema = schema_of(declared)
        self.rejected = 0
        self.months: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def of_blocks(self, blocks: list[Block]) -> pa.RecordBatch:
        """Return records, typed; rejected ones have no values."""
        texts = _texts(b"".join(block.content for block in blocks), self._names)
        rows = pa.array(chain.from_iterable(range(each.first, each.first + each.rows) for each in blocks), pa.int64())
        count = texts.num_rows
        self._find_examples(texts)
        values, bad = {}, pa.repeat(pa.scalar(False), count)
        for column in self._columns:
            name = column["name"]
            as_it_came = texts.column(name) if name in self._names else pa.nulls(count, pa.string())
            values[name], wrong = self._typed(_cleaned(as_it_came), column)
            bad = bad if wrong is None else pc.or_(bad, wrong)
        others = _map_of({name: texts.column(name) for name in self._undeclared}, count)
        rejected = pa.nulls(count, pa.string())
        if pc.any(bad).as_py():
            values = {name: pc.if_else(bad, None, each) for name, each in values.items()}
            rejected = pc.replace_with_mask(rejected, bad, self._told(texts.filter(bad)))
            others = pc.if_else(bad, None, others) if self._undeclared else others
        self._count_months(values)
        return pa.RecordBatch.from_arrays([*values.values(), rows, rejected, others], schema=self.schema)

    def of_rejected(self, records: list[RejectedRecord]) -> pa.RecordBatch:
        """Return records that are no rows."""
        told = [as_no_row(each) for each in records]
        columns = {ROW: [each.record for each in records], REJECTED: told}
        arrays = [pa.array(columns.get(each.name, [None] * len(records)), each.type) for each in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _typed(self, texts: pa.Array, column: DeclaredColumn) -> tuple[pa.Array, pa.Array | None]:
        """Return the values of cleaned texts, and which of these are a problem; None if there is none."""
        missing = pc.is_null(texts) if column["required"] and texts.null_count else None
        if column["kind"] == "text" and self._is_any_text(texts, column):
            return texts, missing
        encoded = texts.dictionary_encode()
        values, wrong = self._values(encoded.dictionary, column)
        taken = values.take(encoded.indices)
        if wrong is not None:
            wrong = pc.fill_null(wrong.take(encoded.indices), missing is not None)
        return taken, wrong if wrong is not None else missing

    @staticmethod
    def _is_any_text(texts: pa.Array, column: DeclaredColumn) -> bool:
        if column["length"] is not None or column["listed"] is not None:
            return False
        return not column["is_key"] or (pc.max(pc.binary_length(texts)).as_py() or 0) <= MAX_KEY_BYTES

    def _values(self, texts: pa.Array, column: DeclaredColumn) -> tuple[pa.Array, pa.Array | None]:
        """Return the values of different texts; most are read by pyarrow, which takes a tenth of the time."""
        name, kind = column["name"], type_of(column)
        usual = self._usual.get(name)
        values = usual.read(texts) if usual else pa.nulls(len(texts), kind)
        left = pc.is_null(values)
        outcomes = [self._typing.outcome(name, text) for text in texts.filter(left).to_pylist()]
        if not outcomes:
            return values, None
        read = pa.array([value for value, _ in outcomes], kind)
        values = pc.replace_with_mask(values, left, read) if usual else read
        if all(reason is None for _, reason in outcomes):
            return values, None
        return values, pc.is_null(values)

    def _told(self, texts: pa.RecordBatch) -> pa.Array:
        """Return what is wrong with rows, as JSON."""
        self.rejected += texts.num_rows
        rows = [{name: row.get(name) for name in self._known} for row in texts.to_pylist()]
        return pa.array([as_untyped(row, self._typing.problems(row)) for row in rows], pa.string())

    def _find_examples(self, texts: pa.RecordBatch) -> None:
        for name in self._names:
            if name not in self.examples and (column := texts.column(name)).null_count < len(column):
                self.examples[name] = column.drop_null()[0].as_py()[:EXAMPLE_CHARACTERS]

    def _count_months(self, values: Mapping[str, pa.Array]) -> None:
        if self._month_of is None:
            return
        for found in pc.value_counts(values[self._month_of].drop_null()).to_pylist():
            self.months[format(found["values"], "%Y-%m")] += found["counts"]


class _Usual:
    """Reads numbers written in the usual way; others, and those out of range, become null."""

    def __init__(self, pattern: str, column: DeclaredColumn) -> None:
        self._pattern, self._type = pattern, type_of(column)
        bounds = [column["low"], column["high"]] if column["kind"] != "float" else []
        self._bounds = [pa.scalar(Decimal(bound or 0)).cast(self._type) for bound in bounds]

    def read(self, texts: pa.Array) -> pa.Array:
        are_usual = pc.match_substring_regex(texts, self._pattern)
        values = pc.if_else(are_usual, texts, None).cast(self._type)
        if not self._bounds:
            return values
        low, high = self._bounds
        within = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
        return pc.if_else(within, values, None)


def _usual_of(column: DeclaredColumn) -> _Usual | None:
    if column["listed"] is not None or column["type"] == "real":
        return None
    if column["kind"] == "whole":
        pattern = f"^[0-9]{{1,{WHOLE_TYPES[column['type']][1]}}}$"
    elif column["kind"] == "number":
        scale = column["scale"] or 0
        before = (column["precision"] or 0) - scale
        if not before:
            return None
        pattern = f"^[0-9]{{1,{before}}}(\\.[0-9]{{1,{scale}}})?$" if scale else f"^[0-9]{{1,{before}}}$"
    elif column["kind"] == "float":
        pattern = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
    else:
        return None
    try:
        return _Usual(pattern, column)
    except pa.ArrowInvalid:
        return None  # a bound that is no value of the type


def _has_months(column: DeclaredColumn) -> bool:
    return column["kind"] == "date" and column["required"]


def _texts(lines: bytes, names: list[str]) -> pa.RecordBatch:
    """Return the texts of records; what is empty is null."""
    table = pyarrow.csv.read_csv(
        pa.BufferReader(lines),
        read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=len(lines) + 1, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=b'"' in lines),
        # That it is UTF-8 is known.
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, check_utf8=False
        ),
    )
    return table.combine_chunks().to_batches()[0]


def _cleaned(texts: pa.Array) -> pa.Array:
    """Return texts without blanks around them, null if nothing is left."""
    trimmed = pc.utf8_trim(texts, characters=BLANKS)
    is_any_empty = pc.min(pc.binary_length(trimmed)).as_py() == 0
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed) if is_any_empty else trimmed


def _map_of(columns: Mapping[str, pa.Array], count: int) -> pa.Array:
    """Return the values of columns by their names, row by row; null for rows that have none."""
    kind = pa.map_(pa.string(), pa.string())
    if not columns or not count:
        return pa.nulls(count, kind)
    width = len(columns)
    by_row = pa.array([place * count + row for row in range(count) for place in range(width)], pa.int64())
    values = pa.concat_arrays(list(columns.values())).take(by_row)
    names = pa.array([*columns] * count, pa.string())
    are_there = pc.is_valid(values)
    ends = pc.cumulative_sum(are_there.cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.take(pa.array(range(width - 1, count * width, width)))])
    sizes = pc.subtract(offsets.slice(1), offsets.slice(0, count))
    is_empty = pa.concat_arrays([pc.equal(sizes, 0), pa.array([False])])
    offsets = pc.if_else(is_empty, None, offsets)
    return pa.MapArray.from_arrays(offsets, names.filter(are_there), values.filter(are_there))
