"""Row checks: a row is judged with the rows that it refers to, and judged again only where one of these changed.

Triggers note what changed (`sql/etl/02_row_checks.sql`). What was found is kept by key; findings of other rows stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.table import Table
from pipeline.contract.typing import FENCE
from pipeline.warehouse.check_reads import RowCheck, note_reads
from pipeline.warehouse.definitions import index_on
from pipeline.warehouse.statements import fetch_value, identifiers

EXAMPLES = 5
# From this share of a table on it takes less time to judge all rows than to find those that changed.
ALL_FROM_SHARE = 0.1
FEW_ROWS = 10_000
ALL_NOTED = "SELECT EXISTS (SELECT FROM etl.changed_rows WHERE table_name = %s AND key IS NULL)"
TAKE_NOTES = """
    WITH noted AS (DELETE FROM etl.changed_rows WHERE table_name = %s RETURNING columns, key)
    INSERT INTO noted_rows SELECT DISTINCT columns, key FROM noted
"""
FORGET_CHECKS = """
    WITH gone AS (
        DELETE FROM etl.row_checks WHERE table_name = %s AND check_name <> ALL (%s) RETURNING check_id
    )
    DELETE FROM etl.findings USING gone WHERE findings.check_id = gone.check_id
"""
FORGET = "DELETE FROM etl.findings WHERE check_id = {id}"
FORGET_CHANGED = """
    DELETE FROM etl.findings WHERE ctid = ANY (ARRAY(
        SELECT known.ctid FROM changed_keys AS found
        CROSS JOIN LATERAL (
            SELECT ctid FROM etl.findings WHERE check_id = {id} AND key = {key_text} {fence}
        ) AS known
    ))
"""
# PostgreSQL has all its cores read for a table that it makes, but only one for an INSERT. Keys that are distinct and in
# the order of the index take half the time of ON CONFLICT.
JUDGE = """
    CREATE TEMP TABLE found_keys ON COMMIT DROP AS SELECT DISTINCT {key_text} AS key FROM {found};
    INSERT INTO etl.findings SELECT {id}, key FROM found_keys ORDER BY key
"""
PRESENT = """
    CREATE TEMP TABLE present_keys ON COMMIT DROP AS
    SELECT found.* FROM changed_keys AS judged
    CROSS JOIN LATERAL (SELECT {key_one} FROM {table} AS one WHERE ({key_one}) = ({key_judged}) {fence}) AS found;
    ANALYZE present_keys
"""
OF_ALL = "({query}) AS found"
# Row by row by the index of the key, whatever the planner thinks of the number of rows.
OF_JUDGED = """
    {judged} AS judged
    CROSS JOIN LATERAL (SELECT * FROM ({query}) AS one WHERE ({key_one}) = ({key_judged}) {fence}) AS found
"""
NOTED_BY_REFERENCE = """
    SELECT {key} FROM ({noted}) AS noted
    CROSS JOIN LATERAL (SELECT {key_one} FROM {table} AS one WHERE ({own}) = ({theirs}) {fence}) AS found
"""
KEYS_FOUND = "(SELECT {typed} FROM etl.findings WHERE check_id = {id} ORDER BY key {limit})"
KEEP = "UPDATE etl.row_checks SET digest = %s, day = %s, findings = findings + %s WHERE check_id = %s"


@dataclass(frozen=True)
class Known:
    """A check as of its last time: number, digest, day of the run, number of findings."""

    check_id: int
    digest: str
    day: date | None
    findings: int


@dataclass(frozen=True)
class Findings:
    """What a row check found: how many rows, the first of them, the distinct values of its column `redo`."""

    count: int
    examples: list[dict[str, object]]
    redo: tuple[str, ...]


def judge(cursor: Cursor, table: Table, checks: Sequence[RowCheck], *, anew: bool) -> dict[str, Findings]:
    """Judge the rows that changed since the last time, or all rows where that is called for.

    Args:
        cursor: the load's.
        table: whose rows.
        checks: all row checks of the table.
        anew: judge all rows in any case.

    Returns:
        What each check found, by its name, in rows that changed and in others.

    Raises:
        ValueError: a check does not return the key, or reads what no reference leads to.
    """
    known = _known(cursor, table)
    if {name: each.digest for name, each in known.items()} != {check.name: check.digest for check in checks}:
        _bring_up_to_date(cursor, table, checks)
        known = _known(cursor, table)
    if not checks:
        return {}
    anew = not _find_changed_rows(cursor, table, anew=anew)
    today = fetch_value(cursor, "SELECT current_setting('pipeline.run_day')::date")
    found = {}
    for check in checks:
        last = known[check.name]
        parts = _parts(table, check, last.check_id)
        is_earlier = check.by_day and (last.day is None or last.day > today)
        all_rows = anew or last.digest != check.digest or is_earlier
        more = _judge_all(cursor, parts) - last.findings if all_rows else _judge_changed(cursor, check, parts)
        cursor.execute(KEEP, (check.digest, today, more, last.check_id))
        found[check.name] = _found(cursor, last.findings + more, parts)
    cursor.execute("DROP TABLE changed_keys; DROP TABLE IF EXISTS present_keys")
    return found


def forget_checks(cursor: Cursor, table: Table) -> None:
    """Forget what was found in a table, and what its checks read: its rows are judged elsewhere."""
    _bring_up_to_date(cursor, table, [])
    cursor.execute("DELETE FROM etl.changed_rows WHERE table_name = %s", (table.name,))


def _known(cursor: Cursor, table: Table) -> dict[str, Known]:
    cursor.execute(
        "SELECT check_name, check_id, digest, day, findings FROM etl.row_checks WHERE table_name = %s", (table.name,)
    )
    return {name: Known(*row) for name, *row in cursor.fetchall()}


def _bring_up_to_date(cursor: Cursor, table: Table, checks: Sequence[RowCheck]) -> None:
    """Write down which checks there are, and what they read."""
    names = [check.name for check in checks]
    cursor.execute(FORGET_CHECKS, (table.name, names))
    cursor.execute(
        "INSERT INTO etl.row_checks (check_name, table_name) SELECT unnest(%s::text[]), %s ON CONFLICT DO NOTHING",
        (names, table.name),
    )
    note_reads(cursor, table, checks)


def _find_changed_rows(cursor: Cursor, table: Table, *, anew: bool) -> bool:
    """Take the notes; tell whether to judge the rows alone that they tell of.

    These are in the temporary table `changed_keys`, and those that have not left in `present_keys`.
    """
    columns = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(table.column(name).type)) for name in table.key]
    cursor.execute(sql.SQL("CREATE TEMP TABLE changed_keys ({}) ON COMMIT DROP").format(sql.SQL(", ").join(columns)))
    if anew or fetch_value(cursor, ALL_NOTED, (table.name,)):
        cursor.execute("DELETE FROM etl.changed_rows WHERE table_name = %s", (table.name,))
        return False
    cursor.execute("CREATE TEMP TABLE noted_rows (columns text[], key text[]) ON COMMIT DROP")
    cursor.execute(TAKE_NOTES, (table.name,))
    cursor.execute("ANALYZE noted_rows")
    cursor.execute("SELECT DISTINCT columns FROM noted_rows")
    queries = [_keys_of_noted(cursor, table, columns) for (columns,) in cursor.fetchall()]
    changed = 0
    if queries:
        fill = sql.SQL("INSERT INTO changed_keys {} ORDER BY {}")
        cursor.execute(fill.format(sql.SQL(" UNION ").join(queries), identifiers(table.key)))
        changed = cursor.rowcount
    cursor.execute("DROP TABLE noted_rows; ANALYZE changed_keys")
    known_rows = "SELECT reltuples FROM pg_class WHERE oid = %s::regclass"
    rows = fetch_value(cursor, known_rows, (table.processed_sql.as_string(cursor),))
    if changed > max(FEW_ROWS, ALL_FROM_SHARE * rows):
        return False
    cursor.execute(sql.SQL(PRESENT).format(**_key_parts(table), table=table.processed_sql))
    return True


def _keys_of_noted(cursor: Cursor, table: Table, columns: list[str]) -> sql.Composable:
    """Return the query of the keys of rows that are noted by some of their columns."""
    noted = sql.SQL("SELECT {} FROM noted_rows WHERE columns = {}").format(_typed(table, columns), sql.Literal(columns))
    if tuple(columns) == table.key:
        return noted
    if not table.has_index(tuple(columns)):
        cursor.execute(index_on(table, columns))
    return sql.SQL(NOTED_BY_REFERENCE).format(
        key=identifiers(table.key, "found"),
        key_one=identifiers(table.key, "one"),
        table=table.processed_sql,
        own=identifiers(columns, "one"),
        theirs=identifiers(columns, "noted"),
        noted=noted,
        fence=sql.SQL(FENCE),
    )


def _judge_all(cursor: Cursor, parts: dict[str, sql.Composable]) -> int:
    """Judge all rows; return the number of findings."""
    cursor.execute(sql.SQL(FORGET).format(**parts))
    return _judge(cursor, parts, OF_ALL)


def _judge(cursor: Cursor, parts: dict[str, sql.Composable], rows: str) -> int:
    cursor.execute(sql.SQL(JUDGE).format(**parts, found=sql.SQL(rows).format(**parts)))
    findings = int(cursor.rowcount)
    cursor.execute("DROP TABLE found_keys")
    return findings


def _judge_changed(cursor: Cursor, check: RowCheck, parts: dict[str, sql.Composable]) -> int:
    """Judge the rows that changed, and by day the findings too; return how many findings more there are."""
    judged = {**parts, "judged": sql.Identifier("present_keys")}
    if check.by_day:
        fill = (
            "CREATE TEMP TABLE judged_keys ON COMMIT DROP AS SELECT * FROM present_keys"
            " UNION SELECT {typed} FROM etl.findings WHERE check_id = {id}; ANALYZE judged_keys"
        )
        cursor.execute(sql.SQL(fill).format(**parts))
        judged["judged"] = sql.Identifier("judged_keys")
    cursor.execute(sql.SQL(FORGET if check.by_day else FORGET_CHANGED).format(**parts))
    gone = cursor.rowcount
    more = _judge(cursor, judged, OF_JUDGED) - gone
    if check.by_day:
        cursor.execute("DROP TABLE judged_keys")
    return more


def _found(cursor: Cursor, count: int, parts: dict[str, sql.Composable]) -> Findings:
    if not count:
        return Findings(0, [], ())

    def rows(limit: str) -> sql.Composable:
        judged = sql.SQL(KEYS_FOUND).format(**parts, limit=sql.SQL(limit))
        return sql.SQL(OF_JUDGED).format(**parts, judged=judged)

    first = sql.SQL("SELECT jsonb_agg(found ORDER BY {key}) FROM {rows}")
    examples = fetch_value(cursor, first.format(key=parts["key_found"], rows=rows(f"LIMIT {EXAMPLES}"))) or []
    redo: list[str] = []
    if examples and "redo" in examples[0]:
        redo = fetch_value(cursor, sql.SQL("SELECT array_agg(DISTINCT found.redo) FROM {}").format(rows("")))
    return Findings(count, examples, tuple(redo))


def _parts(table: Table, check: RowCheck, check_id: int) -> dict[str, sql.Composable]:
    texts = [sql.SQL("{}::text").format(sql.Identifier("found", name)) for name in table.key]
    return {
        **_key_parts(table),
        "id": sql.Literal(check_id),
        "query": sql.SQL(check.query),
        "key_text": sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(texts)),
        "typed": _typed(table, table.key),
    }


def _key_parts(table: Table) -> dict[str, sql.Composable]:
    keys = {f"key_{alias}": identifiers(table.key, alias) for alias in ("found", "judged", "one")}
    return {**keys, "fence": sql.SQL(FENCE)}


def _typed(table: Table, columns: Iterable[str]) -> sql.Composable:
    """Return columns from the array of texts `key`."""
    return sql.SQL(", ").join(
        sql.SQL("key[{}]::{} AS {}").format(sql.Literal(place), sql.SQL(table.column(name).type), sql.Identifier(name))
        for place, name in enumerate(columns, 1)
    )
