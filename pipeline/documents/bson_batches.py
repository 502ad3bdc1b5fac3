"""Batches of documents in BSON, as MongoDB sends them, and the documents in them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

# Dates outside the years 1 to 9999 and text that is not UTF-8 are found in BSON; they must not stop the reading of a
# document. The contract refuses the lone surrogates that such text becomes.
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
# So few that they are gone again before Python looks for garbage among them: 1,000 take half as long again.
CHUNK = 100


def documents_of(batch: bytes) -> Iterator[list[dict[str, Any]]]:
    """Yield the documents of a batch in their order, in lists of up to `CHUNK`.

    Raises:
        bson.errors.InvalidBSON: a document cannot be read.
    """
    documents = bson.decode_iter(batch, OPTIONS)
    while chunk := list(islice(documents, CHUNK)):
        yield chunk
