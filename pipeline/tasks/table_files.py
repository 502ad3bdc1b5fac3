"""The files of one raw table: which are there, which left, and which stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.records.files import FileRefusedError
from pipeline.servers.postgres import session
from pipeline.sources.inventory import inventory, raw_files
from pipeline.state import markers
from pipeline.state.fingerprints import digest_bytes
from pipeline.state.marker import Marker
from pipeline.tasks.raw_folder import csv_paths, require_input
from pipeline.warehouse.statements import fetch_value

WITHDRAWAL_REFUSED = "withdrawal_refused"


class WithdrawalRefusedError(FileRefusedError):
    """Without the files that left, a table that had rows would be empty."""

    is_for_content = False


@dataclass(frozen=True)
class TableFiles:
    """The files of a raw table, by path.

    `present` can be landed. `unseen` are loaded and cannot be read now. `gone` are loaded and not there any more,
    with `gone_rows` rows; if they were withdrawn, `would_empty` says, no row would be left but those that
    `incoming` may bring: the present files that brought none so far.
    """

    present: list[str]
    unseen: list[str]
    gone: list[str]
    incoming: list[str]
    gone_rows: int
    would_empty: bool

    def are_kept(self, *, allow_empty: bool) -> bool:
        """Tell whether it is plain now that nothing must be withdrawn; else that shows when files have landed."""
        return self.would_empty and not self.incoming and not allow_empty


@cache
def files_of(table: str) -> TableFiles:
    """Compare the raw folder with what is loaded in a raw table.

    Raises:
        NoInputError: the raw folder is not the one that is meant.
    """
    require_input()
    brought: dict[str, int] = {}
    contents: dict[str, str | None] = {}
    for marker in landed_files().get(table, []):
        path = marker.update_id.partition(":")[2]
        brought[path] = sum(marker.holds.values())
        contents[path] = marker.inputs.content
    present = csv_paths().get(table, [])
    absent = sorted(brought.keys() - set(present))
    unseen = [path for path in absent if inventory().why_unreadable(path)]
    gone = [path for path in absent if path not in unseen]
    gone_rows = sum(brought[path] for path in gone)
    staying_rows = sum(brought.get(path, 0) for path in (*present, *unseen))
    return TableFiles(
        present=present,
        unseen=unseen,
        gone=gone,
        incoming=[path for path in present if not brought.get(path) and contents.get(path) != raw_files()[path]],
        gone_rows=gone_rows,
        # Nothing is made of rows whose table is not declared.
        would_empty=gone_rows > 0 and staying_rows == 0 and table in csv_tables(),
    )


@cache
def landed_files() -> dict[str, list[Marker]]:
    """Return the markers of the files that were loaded when the run was planned, by table."""
    found: dict[str, list[Marker]] = {}
    for marker in markers.markers().values():
        schema, _, table = marker.target_table.partition(".")
        if schema == "raw":
            found.setdefault(table, []).append(marker)
    return found


@cache
def number_gone() -> int:
    """Return how many files left, of all tables."""
    return sum(len(files_of(table).gone) for table in landed_files())


def require_rows_left(cursor: Cursor, table: str) -> None:
    """Make sure that rows are left in a raw table without the files that left it.

    Raises:
        WithdrawalRefusedError: none would be.
    """
    files = files_of(table)
    if not files.would_empty:
        return
    left = fetch_value(
        cursor,
        """
        SELECT coalesce(sum((holds ->> target_table)::bigint), 0) FROM etl.table_updates
        WHERE target_table = %s AND update_id <> ALL (%s)
        """,
        (f"raw.{table}", [f"LoadCsvToPostgres:{path}" for path in files.gone]),
    )
    if not left:
        named = ", ".join(files.gone[:3]) + (" …" if len(files.gone) > 3 else "")  # noqa: PLR2004
        raise WithdrawalRefusedError(
            f"raw.{table}: nothing was withdrawn, since the table would be empty: {len(files.gone):,}"
            f" file{'s' if len(files.gone) > 1 else ''} with {files.gone_rows:,} rows left the raw folder ({named});"
            " put them back, or run with --allow-empty if that is meant"
        )


def withdrawal_facts(table: str, *, allow_empty: bool) -> dict[str, str]:
    """Return what the load of a table depends on if files left it whose withdrawal was refused as it was tried.

    The load that went on without the withdrawal counts as one of the files that were left.
    """
    files = files_of(table)
    if not files.would_empty:
        return {}
    with session() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT source FROM etl.batches
            WHERE task = 'WithdrawCsv' AND details ? %s AND source = ANY (%s) ORDER BY source
            """,
            (WITHDRAWAL_REFUSED, files.gone),
        )
        refused = [source for (source,) in cursor.fetchall()]
    return {"withdrawals": digest_bytes(f"{refused} {allow_empty}".encode())} if refused else {}
