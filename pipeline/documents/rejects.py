"""Documents of a file that were rejected: collected on disk, then kept in `etl.rejected_rows`."""

from __future__ import annotations

import json
import tempfile
from types import TracebackType

from psycopg2.extensions import cursor as Cursor

from pipeline.documents.extended_json import extended_json, shown
from pipeline.documents.problems import DocumentError
from pipeline.sources.json_files import Document

COLUMNS = "batch_id, stage, table_name, source, record, document_id, column_name, value, reason, problems, row"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class DocumentRejects:
    """Collects rejected documents of a file, whatever their number; used in a `with` block."""

    def __init__(self, batch_id: int, source: str) -> None:
        self._batch_id = batch_id
        self._source = source
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 (closed on exit)

    def __enter__(self) -> DocumentRejects:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, document: Document, error: DocumentError) -> None:
        """Keep a document with its reasons."""
        first = error.problems[0]
        problems = [
            {"column": each.path or None, "value": each.value, "reason": each.reason} for each in error.problems
        ]
        try:
            row = extended_json({"_reject_line": document.content} if document.fault else document.content)
        except ValueError:
            row = json.dumps({"_reject_line": shown(document.content)})
        fields = [
            str(self._batch_id),
            "land",
            document.collection,
            self._source,
            str(document.number),
            error.document_id,
            first.path or None,
            first.value,
            first.reason,
            json.dumps(problems),
            row,
        ]
        self._file.write("\t".join("\\N" if field is None else field.translate(ESCAPES) for field in fields) + "\n")

    def replace(self, cursor: Cursor) -> None:
        """Put the documents in place of those that earlier landings of the file left, in the load's transaction."""
        cursor.execute("DELETE FROM etl.rejected_rows WHERE source = %s AND stage = 'land'", (self._source,))
        self._file.seek(0)
        cursor.copy_expert(f"COPY etl.rejected_rows ({COLUMNS}) FROM STDIN", self._file)
