"""A delivery of documents lands once, and again only if MongoDB lost it or an operator asks for it."""

from __future__ import annotations

from typing import Any

from tests.in_process import ask, attempt, explain, settle
from tests.project import DAY, Project
from tests.small_input import ANN, movie, series, write_all, write_users

LAST = "SELECT status, rows_read, rows_loaded, rows_rejected, rows_superseded FROM etl.batches WHERE source = %s"


def titles(project: Project, *ids: str) -> list[str]:
    """The titles in MongoDB."""
    with project.mongo() as db:
        found = {each["content_id"]: each["title"] for name in ("movies", "series") for each in db[name].find()}
    return [found[each] for each in ids]


def published(project: Project, *ids: str) -> list[str]:
    found: dict[str, Any] = dict(
        project.rows("SELECT content_id, title FROM trusted.content_summary WHERE NOT removed")
    )
    return [found[each] for each in ids]


def edit(project: Project, collection: str, content_id: str, title: str) -> None:
    """Change a title as another program does."""
    with project.mongo() as db:
        assert db[collection].update_one({"content_id": content_id}, {"$set": {"title": title}}).matched_count == 1


def deliver_twice(project: Project) -> None:
    """Load a delivery, then one that corrects it and comes before it by name; one document has no title."""
    write_users(project, ANN)
    project.write_titles(
        "b.json", movies=[movie("M1", "First"), movie("M2"), {"content_id": 909}], series=[series("T1")]
    )
    settle(project)
    project.write_titles("a.json", movies=[movie("M1", "Corrected")])
    settle(project)


def test_changed_code_lands_nothing_again(project: Project) -> None:
    code = project.copy_code()
    deliver_twice(project)
    edit(project, "movies", "M2", "Edited")
    for module in ("documents/extraction.py", "documents/landing.py"):
        with (code / "pipeline" / module).open("a") as file:
            file.write("\nNEW = 1\n")
    run = attempt(project)
    assert run.code == 0, run.output
    assert {"ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres"} <= {*run.ran}
    assert not [task for task in run.ran if task.startswith("LoadJsonToMongo")]
    assert titles(project, "M1", "M2") == ["Corrected", "Edited"]
    assert published(project, "M1", "M2") == ["Corrected", "Edited"]
    assert "909" in ask(project, "rejects").answer
    assert settle(project) == []


def test_lost_documents_land_again_in_the_order_in_which_they_came(project: Project) -> None:
    deliver_twice(project)
    edit(project, "series", "T1", "Edited")
    with project.mongo() as db:
        db.movies.delete_many({})
    # As if the run had been killed after the first file.
    assert project.task("LoadJsonToMongo", "--path", "b.json").code == 0
    assert titles(project, "M1", "T1") == ["First", "Edited"]
    assert project.rows(LAST + " ORDER BY batch_id DESC LIMIT 1", "b.json") == [("loaded", 4, 2, 1, 1)]
    run = attempt(project)
    assert run.code == 0, run.output
    assert "a.json: lands again, since MongoDB has lost movies" in run.output
    assert titles(project, "M1", "T1") == ["Corrected", "Edited"]
    assert published(project, "M1", "T1") == ["Corrected", "Edited"]
    assert settle(project) == []

    with project.mongo() as db:
        db.client.drop_database(db.name)
    assert explain(project)["LoadJsonToMongo a.json"] == ["MongoDB has lost it"]
    settle(project)
    assert titles(project, "M1", "T1") == ["Corrected", "The Wire"]
    assert published(project, "M1", "T1") == ["Corrected", "The Wire"]
    assert settle(project) == []


def test_what_postgresql_lost_is_kept_again_without_landing(project: Project) -> None:
    deliver_twice(project)
    edit(project, "movies", "M2", "Edited")
    project.rows("DROP SCHEMA etl, raw, processed CASCADE")
    run = attempt(project)
    assert run.code == 0, run.output
    assert {"LoadJsonToMongo a.json", "LoadJsonToMongo b.json"} <= {*run.ran}
    assert titles(project, "M1", "M2") == ["Corrected", "Edited"]
    assert project.rows("SELECT source, document_id, reason FROM etl.rejected_rows") == [("b.json", "909", "not text")]
    assert project.rows(LAST, "b.json") == [("loaded", 4, 3, 1, 0)]
    assert project.rows(
        "SELECT object FROM trusted.lineage WHERE made_by = 'LoadJsonToMongo' AND kind = 'file' ORDER BY 1"
    ) == [
        ("a.json",),
        ("b.json",),
    ]
    assert settle(project) == []
    # The order was in MongoDB, and is in PostgreSQL again.
    with project.mongo() as db:
        db.client.drop_database(db.name)
    settle(project)
    assert titles(project, "M1") == ["Corrected"]


def test_redo_lands_one_file_over_what_is_newer(project: Project) -> None:
    deliver_twice(project)
    told = ask(project, "redo", "LoadJsonToMongo b.json")
    assert told.answer == (
        "LoadJsonToMongo b.json: the next run does it again; what is newer in MongoDB is overwritten\n"
    )
    assert "LoadJsonToMongo b.json" in settle(project)
    assert titles(project, "M1") == ["First"]
    assert published(project, "M1") == ["First"]
    assert settle(project) == []


def test_a_refused_version_keeps_the_old_rejects(project: Project) -> None:
    write_all(project)
    project.write_titles(movies=[movie("M1"), {"content_id": 909}], series=[series("T1")])
    settle(project)
    project.write_titles(movies=[movie("M1", "New"), *({"content_id": n} for n in range(99))])
    for _ in range(2):
        refused = attempt(project)
        assert refused.code == 30
        assert "CheckQuality failed" not in refused.output
        assert project.rows("SELECT count(*), count(DISTINCT batch_id) FROM etl.rejected_rows") == [(100, 2)]
    (project.raw / "content.json").write_text('{"movies": [{"content_id": 909}, {')
    assert attempt(project).code == 30
    assert project.value("SELECT count(*) FROM etl.rejected_rows WHERE document_id = '909'") == 1
    assert titles(project, "M1") == ["Metropolis"]
    assert project.task("CheckQuality", "--date", DAY).code == 30  # for the refused file, and nothing else
    project.write_titles(movies=[movie("M1", "New")])
    settle(project)
    assert published(project, "M1", "T1") == ["New", "The Wire"]
    assert project.rows("SELECT * FROM etl.rejected_rows") == []
