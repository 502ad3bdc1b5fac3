"""Creating the tables, and bringing existing ones along with their declarations."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.errors import (
    CheckViolation,
    DatatypeMismatch,
    ForeignKeyViolation,
    InvalidForeignKey,
    UndefinedColumn,
    UndefinedFunction,
)
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables, declaration_text, live, tables
from pipeline.contract.table import Table
from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.state.spec import Load
from pipeline.warehouse.definitions import index_on
from pipeline.warehouse.raw_columns import bring_raw_along
from pipeline.warehouse.statements import execute_file, fetch_value, identifiers, lock_out_readers, table_columns

UNMARKED = ("rejected_rows", "held_rows", "merged_batches", "edited_rows", "lake_files")
TRIGGERS = "rollups/triggers.sql"
WATCH_RAW = "SELECT etl.watch('raw', relname) FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r'"
# Rows, or a parent, are not as declared: the load of the table makes it anew.
LEFT_TO_THE_LOAD = (
    CheckViolation,
    ForeignKeyViolation,
    DatatypeMismatch,
    InvalidForeignKey,
    UndefinedColumn,
    UndefinedFunction,
)


def create_tables(load: Load) -> None:
    """Execute the files of `sql/etl`, then the declarations, parents before children."""
    cursor = load.cursor
    folder = get_settings().sql_path
    files = [*sorted((folder / "etl").glob("*.sql")), folder / "trusted/00_schema.sql"]

    def create() -> None:
        for path in files:
            cursor.execute(path.read_text(encoding="utf-8"))
        for table in tables().values():
            bring_along(cursor, table)
        for table in csv_tables().values():
            bring_raw_along(cursor, table)
        cursor.execute(WATCH_RAW)
        execute_file(cursor, TRIGGERS)
        execute_file(cursor, "rollups/indexes.sql")

    lock_out_readers(cursor, create)
    if load.previous is None:
        _empty_unmarked(load)
    declared = {table.raw for table in csv_tables().values()}
    load.objects = tuple(
        name for name in markers.existing_objects(cursor) if name.startswith(("etl.", "processed.")) or name in declared
    )


def complete(cursor: Cursor, table: Table) -> None:
    """Give a table that was filled in bulk what it went without: foreign keys, indexes, comments, triggers."""
    bring_along(cursor, table)
    execute_file(cursor, TRIGGERS)


def bring_along(cursor: Cursor, table: Table) -> None:
    """Create a table of `processed`, or add what it lacks: nullable columns, keys, indexes, comments.

    Checks and foreign keys are added where the rows allow it. Any other difference from the declaration is left to the
    load that fills the table, and all of them if a column is missing that is required.
    """
    present = table_columns(cursor, table.processed)
    if present and not set(table.required) <= set(present):
        return
    if not present:
        cursor.execute(declaration_text(table.name))
    for column in table.columns:
        if present and column.name not in present and not column.required:
            _add_column(cursor, table.processed_sql, column.name, column.type)
    _add_references(cursor, table)
    if table.name in csv_tables():
        _add_lineage(cursor, table)
    if present:
        _add_checks(cursor, table)
        for index in table.indexes:
            _if_possible(cursor, index.replace("INDEX", "INDEX IF NOT EXISTS", 1))
        _comment(cursor, table)
    cursor.execute("SELECT etl.watch('processed', %s)", (table.name,))


def _add_column(cursor: Cursor, table: sql.Identifier, column: str, type_name: str) -> None:
    add = "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type}"
    cursor.execute(sql.SQL(add).format(table=table, column=sql.Identifier(column), type=sql.SQL(type_name)))


def _add_references(cursor: Cursor, table: Table) -> None:
    """Add the foreign keys that a table lacks, as after DROP … CASCADE of a parent, unless rows are against them."""
    present = {reference.name for reference in live(cursor, [table.name])[table.name].references}
    for reference in table.references:
        if reference.name not in present:
            add = sql.SQL("ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {parent}")
            _if_possible(
                cursor,
                add.format(
                    table=table.processed_sql,
                    name=sql.Identifier(reference.name),
                    columns=identifiers(reference.columns),
                    parent=sql.Identifier("processed", reference.parent),
                ),
            )


def _add_checks(cursor: Cursor, table: Table) -> None:
    """Add the checks that a table lacks, unless rows are against them: the load makes the table anew then."""
    present = live(cursor, [table.name])[table.name].checks
    for check in table.checks:
        if check.name not in {each.name for each in present}:
            add = sql.SQL("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({definition})")
            _if_possible(
                cursor,
                add.format(
                    table=table.processed_sql, name=sql.Identifier(check.name), definition=sql.SQL(check.definition)
                ),
            )


def _if_possible(cursor: Cursor, statement: str | sql.Composable) -> None:
    """Execute a statement, unless the table or a parent is not yet as declared: its load makes it anew then."""
    cursor.execute("SAVEPOINT before_statement")
    try:
        cursor.execute(statement)
    except LEFT_TO_THE_LOAD:
        cursor.execute("ROLLBACK TO SAVEPOINT before_statement")


def _add_lineage(cursor: Cursor, table: Table) -> None:
    """Add the columns that say which raw row a row was made of, and the indexes by which rows are found."""
    parts = {"table": table.processed_sql, "index": sql.Identifier(f"{table.name}_batch_id_idx")}
    statements = (
        "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS _batch_id bigint NOT NULL",
        "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS _row bigint NOT NULL",
        "COMMENT ON COLUMN {table}._batch_id IS 'Lineage: _batch_id of the raw row.'",
        "COMMENT ON COLUMN {table}._row IS 'Lineage: _row of the raw row.'",
        "CREATE INDEX IF NOT EXISTS {index} ON {table} (_batch_id)",
    )
    for statement in statements:
        cursor.execute(sql.SQL(statement).format(**parts))
    for reference in table.references:
        # Rows of a parent that never leaves are looked for only where a check reads what is edited there.
        if "removed_at" not in tables()[reference.parent].column_names and reference.columns != table.key:
            if table.has_index(reference.columns):
                name = "_".join((table.name, *reference.columns, "idx"))
                cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier("processed", name)))
                continue
            _if_possible(cursor, index_on(table, reference.columns))


def _comment(cursor: Cursor, table: Table) -> None:
    """Give a table and its columns the comments of the declaration."""
    names = {"table": table.processed_sql}
    cursor.execute(sql.SQL("COMMENT ON TABLE {table} IS {text}").format(text=sql.Literal(table.comment), **names))
    present = table_columns(cursor, table.processed)
    for column in table.columns:
        if column.name not in present:
            continue
        comment = sql.SQL("COMMENT ON COLUMN {table}.{column} IS {text}")
        cursor.execute(
            comment.format(column=sql.Identifier(column.name), text=sql.Literal(column.comment or None), **names)
        )


def _empty_unmarked(load: Load) -> None:
    """Empty what only markers account for if all of them are lost: the files land again."""
    if fetch_value(load.cursor, "SELECT EXISTS (SELECT FROM etl.table_updates)"):
        return
    load.cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'raw'")
    names = [*(("etl", name) for name in UNMARKED), *load.cursor.fetchall()]
    every = sql.SQL(", ").join(sql.Identifier(*name) for name in names)
    load.cursor.execute(sql.SQL("TRUNCATE {}").format(every))
