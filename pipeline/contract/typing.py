"""Typing rows of text by the declaration of their table, and saying why a row cannot be typed.

The SQL functions behind it are in `sql/etl/typing.sql`: usual values are told by their digits alone, and only what is
not usual is looked at closely. `records/typed_values.py` says the same in Python.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.ranges import Bound, Range, range_of, reason_of
from pipeline.contract.table import LINEAGE, Check, Column, Table

# Keeps the planner from putting an expression in place of every use of its value; a plain 0 would keep it from
# reading in parallel as well.
FENCE = "OFFSET bigint '0'"
TIMES = ("timestamp with time zone", "timestamp without time zone")
FLOATS = ("double precision", "real")


class Expressions(NamedTuple):
    """Expressions on the text of a column: what is read of it at once, its value, why it has none (null if it has)."""

    plain: str | None
    value: str
    problem: str | None


@dataclass(frozen=True)
class Staged:
    """A column of a staging view, and the expressions on its text."""

    column: Column
    text: str
    plain: str
    of: Expressions

    @property
    def conditions(self) -> list[str]:
        """What holds where the text can be typed."""
        conditions = [f"{self.text} IS NOT NULL"] if self.column.required else []
        return [*conditions, f"{self.of.problem} IS NULL"] if self.of.problem else conditions

    def found(self, reason: str) -> str:
        """Return the problem for a reason, which may be null."""
        return f"etl.problem({quoted(self.column.name)}, {self.text}, {reason})"

    @property
    def problem(self) -> str | None:
        """The problem of the text, if it can have any."""
        reason = self.of.problem
        if self.column.required:
            reason = f"CASE WHEN {self.text} IS NULL THEN 'missing' ELSE {reason or 'NULL'} END"
        return reason and self.found(reason)


def define_staging(cursor: Cursor, table: Table, view: str, source: str, *, carried: Sequence[str] = LINEAGE) -> None:
    """Define a temporary view of rows of text as their table declares them.

    It has the columns of the table, typed, then those that are carried along, then `valid` and `problems`: an array of
    objects with `column`, `value` and `reason`. Only rows that are valid can be read in full: the others raise errors.

    Args:
        cursor: of the session that needs the view.
        table: how to type the rows.
        view: name of the view.
        source: name of a table or view with columns of text; one that it lacks counts as null.
        carried: its columns that are taken along as they are.
    """
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(source)))
    present = {each.name for each in cursor.description or ()}
    cursor.execute(f"CREATE TEMP VIEW {identifier(view)} AS {staging(table, source, present, carried)}")


def staging(table: Table, source: str, present: Collection[str], carried: Sequence[str]) -> str:
    """Return the query of a staging view; see `define_staging`. `present` holds the columns of the source."""
    staged, others = _staged(table)
    kept = [identifier(name) for name in carried]
    cleaned = [
        f"etl.clean({identifier(each.column.name)}) AS {each.text}"
        if each.column.name in present
        else f"NULL::text AS {each.text}"
        for each in staged.values()
    ]
    plain = [f"{each.of.plain} AS {each.plain}" for each in staged.values() if each.of.plain]
    values = [f"{each.of.value} AS {identifier(name)}" for name, each in staged.items()]
    passes = _all(f"({check.definition}) IS NOT FALSE" for check in others)
    problems = [each.problem for each in staged.values() if each.problem]
    for check in others:
        involved = [staged[name] for name in check.columns or table.key]
        fails = f"CASE WHEN ({check.definition}) IS FALSE THEN {quoted(reason_of(check))} END"
        problems.append(involved[0].found(f"CASE WHEN {_typable(involved)} THEN {fails} END"))
    # As CASE, which the planner takes for half of the rows, where it takes AND for hardly any.
    valid = f"CASE WHEN {_typable(staged.values())} THEN CASE WHEN {passes} THEN true ELSE false END ELSE false END"
    return f"""
        WITH cleaned AS (SELECT {", ".join([*kept, *cleaned])} FROM {identifier(source)} {FENCE}),
        plain AS (SELECT {", ".join(["*", *plain])} FROM cleaned {FENCE})

        SELECT
            {", ".join([*map(identifier, staged), *kept])},
            {valid} AS valid,
            {" || ".join(problems) or "'[]'::jsonb"} AS problems
        FROM plain CROSS JOIN LATERAL (SELECT {", ".join(values)}) AS typed
    """  # noqa: S608 -- all names and texts are quoted


def identifier(name: str) -> str:
    """Return a name as PostgreSQL reads it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """Return a text as PostgreSQL reads it, whatever it holds."""
    return "'" + text.replace("'", "''") + "'"


def _staged(table: Table) -> tuple[dict[str, Staged], list[Check]]:
    """Return the columns by name, and the checks that are not in their ranges."""
    staged = {}
    others = [check for check in table.checks if len(check.columns) != 1]
    for number, column in enumerate(table.columns, start=1):
        limits, left = range_of(column, [check for check in table.checks if check.columns == (column.name,)])
        others += left
        text, plain = f"_text_{number}", f"_plain_{number}"
        of = _within(column.type, text, plain, limits) if limits else _others(column.type, text)
        if column.name in table.key_like and column.type.startswith(("text", "character")):
            key_problem = f"etl.key_problem({text})"
            of = of._replace(problem=f"coalesce({key_problem}, {of.problem})" if of.problem else key_problem)
        staged[column.name] = Staged(column, text, plain, of)
    return staged, others


def _typable(columns: Iterable[Staged]) -> str:
    return _all(condition for each in columns for condition in each.conditions)


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(conditions) or "true"


def _within(kind: str, text: str, plain: str, limits: Range) -> Expressions:
    """Return the expressions for a type whose values have an order that checks speak of."""
    if kind == "date":
        problem = f"etl.date_problem({text}, {plain}, '{limits.low}'::date, '{limits.high}'::date)"
        return Expressions(f"etl.plain_date({text})", plain, problem)
    if kind.startswith("numeric"):
        low, high = _numeric(limits.low, "-Infinity"), _numeric(limits.high, "Infinity")
        problem = f"etl.numeric_problem({text}, {plain}, {low}, {high})"
        return Expressions(f"etl.plain_number({text})", f"etl.number({text}, {plain})::{kind}", problem)
    problem = f"etl.whole_problem({text}, {plain}, '{limits.low}'::bigint, '{limits.high}'::bigint)"
    return Expressions(f"etl.plain_whole({text})", f"etl.whole({text}, {plain})::{kind}", problem)


def _numeric(bound: Bound | None, endless: str) -> str:
    return f"'{endless if bound is None else format(bound, 'f')}'::numeric"


def _others(kind: str, text: str) -> Expressions:
    if kind == "text":
        return Expressions(None, text, None)
    if kind in TIMES:
        problem = f"etl.time_problem({text})"
    elif kind in FLOATS:
        problem = f"etl.float_problem({text})"
        if kind == "real":
            problem = f"coalesce({problem}, etl.other_problem({text}, 'real', 'out of range'))"
    else:
        reason = f"not a value of the type {kind}"
        if kind == "boolean":
            reason = "neither true nor false"
        elif kind.startswith("character"):
            reason = f"longer than {kind[kind.find('(') + 1 : -1]} characters"
        problem = f"etl.other_problem({text}, {quoted(kind)}, {quoted(reason)})"
    return Expressions(None, f"{text}::{kind}", problem)
