"""`content.json`: the catalogue as delivered, with what is wrong or odd about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.sample.catalogue import Catalogue, Document
from pipeline.sample.deliveries import delivered

CONTENT_FILE = "content.json"


@dataclass(frozen=True)
class DocumentSpoil:
    """A way to make a document invalid.

    Attributes:
        kind: what is wrong.
        collection: movies or series.
        column: path of the field at fault.
        change: makes a valid document so.
    """

    kind: str
    collection: str
    column: str
    change: Callable[[Document], Document]


def _set(field: str, value: object) -> Callable[[Document], Document]:
    return lambda document: {**document, field: value}


def _without(field: str) -> Callable[[Document], Document]:
    return lambda document: {name: value for name, value in document.items() if name != field}


def _episode_twice(document: Document) -> Document:
    episodes = [{"episode_number": 1, "title": "Pilot"}, {"episode_number": 1, "title": "Piloto"}]
    embedded = _set("seasons", [{"season_number": 1, "episodes": episodes}])(document)
    return _without("episodes_per_season")(embedded)


ID_TAKEN = "id_also_a_movie"
# The first four are in every dirty sample.
DOCUMENT_SPOILS = (
    DocumentSpoil("missing", "movies", "title", _without("title")),
    DocumentSpoil("not_a_number", "movies", "rating", _set("rating", "N/A")),
    DocumentSpoil("out_of_range", "series", "production_budget", _set("production_budget", -250_000)),
    DocumentSpoil(ID_TAKEN, "series", "content_id", _set("content_id", "M0003")),
    DocumentSpoil("missing", "series", "title", _set("title", "  ")),
    DocumentSpoil("out_of_range", "movies", "rating", _set("rating", 10.4)),
    DocumentSpoil("not_a_genre", "movies", "genre", _set("genre", {})),
    DocumentSpoil("not_a_number", "movies", "duration_minutes", _set("duration_minutes", "two hours")),
    DocumentSpoil("not_text", "series", "title", _set("title", 1984)),
    DocumentSpoil("out_of_range", "movies", "views_count", _set("views_count", -1)),
    DocumentSpoil("episode_twice", "series", "seasons", _episode_twice),
    DocumentSpoil("not_a_number", "series", "total_views", _set("total_views", "many")),
)


class Documents:
    """The delivered documents of both collections.

    Attributes:
        rejected: documents that must not load: collection, content_id, kind and column of each.
        oddities: documents that load although they are unusual: collection, content_id and kind of each.
        rejected_ids: ids that therefore no loaded title has.
    """

    def __init__(self, catalogue: Catalogue, dirty: bool) -> None:
        self.collections = {"movies": list(catalogue.movies), "series": list(catalogue.series)}
        self.rejected: list[dict[str, str]] = []
        self.oddities: list[dict[str, str]] = []
        if dirty:
            self._make_odd()
            self._spoil(len(catalogue.content_ids))
        self.rejected_ids = [document["content_id"] for document in self.rejected if document["kind"] != ID_TAKEN]

    def _make_odd(self) -> None:
        """Change valid documents so that they stay valid, and mean the same."""
        movies, series = self.collections["movies"], self.collections["series"]
        director = {"name": "Inés Ortega", "born": 1971, "awards": ["Goya", "Ariel"]}
        changes: list[tuple[str, str, Document, dict[str, Any]]] = [
            ("number_as_text", "movies", movies[1], {"release_year": str(movies[1]["release_year"])}),
            ("genre_as_text", "movies", movies[3], {"genre": "Drama"}),
            ("unknown_field", "movies", movies[5], {"director": director, "age_rating": "16+"}),
            ("genre_twice", "movies", movies[8], {"genre": ["Crime", "crime", None, ""]}),
            (
                "extended_json",
                "movies",
                movies[9],
                {"views_count": {"$numberLong": str(movies[9]["views_count"])}},
            ),
            ("unknown_field", "series", series[0], {"original_language": "日本語"}),
            ("seasons_disagree", "series", series[2], {"seasons": series[2]["seasons"] + 1}),
        ]
        for kind, collection, document, change in changes:
            documents = self.collections[collection]
            documents[documents.index(document)] = document | change
            entry = {"collection": collection, "content_id": document["content_id"], "kind": kind}
            self.oddities.append(entry)

    def _spoil(self, titles: int) -> None:
        """Add invalid copies of valid documents: few enough for a file of 100 to stay below 4 %."""
        valid = {name: list(documents) for name, documents in self.collections.items()}
        for number, spoil in enumerate(DOCUMENT_SPOILS[: max(4, titles // 50)]):
            documents = self.collections[spoil.collection]
            copy = dict(valid[spoil.collection][10 + number])
            copy["content_id"] = f"{copy['content_id'][0]}{len(documents) + 1:04d}"
            # Among the others, not at the end.
            documents.insert(len(documents) * (number + 1) // 14, spoil.change(copy))
            self.rejected.append(
                {
                    "collection": spoil.collection,
                    "content_id": spoil.change(copy)["content_id"],
                    "kind": spoil.kind,
                    "column": spoil.column,
                }
            )

    def write(self, folder: Path) -> None:
        """Write `content.json` into the folder, a document a line."""
        with delivered(folder / CONTENT_FILE) as file:
            file.write(b"{")
            for number, (name, documents) in enumerate(self.collections.items()):
                file.write(f'{"," if number else ""}\n"{name}": [\n'.encode())
                lines = (json.dumps(document, ensure_ascii=False) for document in documents)
                file.write(",\n".join(lines).encode())
                file.write(b"\n]")
            file.write(b"\n}\n")
