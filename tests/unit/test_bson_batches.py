"""The documents of batches in BSON."""

from __future__ import annotations

from datetime import UTC, datetime

import bson
import pytest
from bson.datetime_ms import DatetimeMS

from pipeline.documents.bson_batches import CHUNK, documents_of


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_documents_come_in_their_order_a_few_at_a_time(count: int) -> None:
    documents = [{"content_id": f"M{number}", "genre": ["Drama"] * (number % 3)} for number in range(count)]
    chunks = list(documents_of(b"".join(map(bson.encode, documents))))
    assert [document for chunk in chunks for document in chunk] == documents
    assert [len(chunk) for chunk in chunks] == [CHUNK] * (count // CHUNK) + [count % CHUNK] * (count % CHUNK > 0)


def test_values_that_python_cannot_hold_stop_nothing() -> None:
    late = DatetimeMS(10**17)
    text = bson.encode({"title": "caf??"}).replace(b"??", b"\xe9\xff")
    batch = text + bson.encode({"air_date": late, "seen": datetime(2024, 5, 1, tzinfo=UTC)})
    [[broken, dated]] = documents_of(batch)
    assert broken == {"title": "caf\udce9\udcff"}
    assert dated == {"air_date": late, "seen": datetime(2024, 5, 1, tzinfo=UTC)}


@pytest.mark.parametrize("damage", [b"\x40\0\0\0\0", b"\x00\0\0\0\0", b"\xff\xff\xff\xff\0"])
def test_what_is_no_bson_is_refused(damage: bytes) -> None:
    with pytest.raises(bson.errors.InvalidBSON):
        list(documents_of(bson.encode({"content_id": "M1"}) + damage))
