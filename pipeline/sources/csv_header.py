"""The header of a CSV file: what its names must be like to be the columns of a table."""

from __future__ import annotations

from pipeline.sources.files import FileRefusedError

MAX_NAME_BYTES = 63  # of a column in PostgreSQL
MAX_COLUMNS = 1_598  # of a table in PostgreSQL, without the two of ours
REJECT_COLUMN_PREFIX = "_reject_"
# Ours, and those that every table of PostgreSQL has.
RESERVED_COLUMNS = {"_batch_id", "_row", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


def check_names(file: str, header: list[str]) -> None:
    """Look for what keeps a header from naming the columns of a table.

    Args:
        file: what to call the file in messages.
        header: the names, trimmed and in lower case.

    Raises:
        FileRefusedError: names what is wrong, and the whole header.
    """
    if len(header) > MAX_COLUMNS:
        raise FileRefusedError(f"{file}: {len(header):,} columns, more than the {MAX_COLUMNS:,} of a table")
    seen = set()
    for position, name in enumerate(header, start=1):
        if not name:
            problem = f"column {position} has no name"
        elif "\0" in name:
            problem = f"the name of column {position} holds a NUL character"
        elif len(name.encode()) > MAX_NAME_BYTES:
            problem = f"the column name '{name[:80]}' is longer than {MAX_NAME_BYTES} bytes"
        elif name in RESERVED_COLUMNS:
            problem = f"the column name '{name}' is reserved"
        elif name in seen:
            problem = f"the column '{name}' stands there twice"
        else:
            seen.add(name)
            continue
        shown = ", ".join(header).replace("\0", "\\x00")
        raise FileRefusedError(f"{file}: {problem}; correct the header, which is: {shown}")
    if all(name.startswith(REJECT_COLUMN_PREFIX) for name in header):
        raise FileRefusedError(f"{file}: the header has no columns but those that reject files add")
