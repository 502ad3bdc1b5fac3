"""The sample: reproducible to the byte, and its ground truth is what the files really hold."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.sample import summary, write_sample
from pipeline.sample.documents import DOCUMENT_SPOILS
from pipeline.sample.spoils import SESSION_SPOILS, USER_SPOILS

SESSIONS = 2000
NUMBER = re.compile(r"-?\d{1,300}(\.\d+)?")
# Column to (largest value, whether whole numbers only); none may be negative.
RANGES = {
    "age": (120, True),
    "total_watch_time_hours": (99_999_999, False),
    "watch_duration_minutes": (2**31 - 1, True),
    "completion_percentage": (100, False),
}
REQUIRED = {"session_id", "user_id", "content_id", "watch_date"}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("dirty")
    return folder, write_sample(folder, SESSIONS)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("clean")
    return folder, write_sample(folder, SESSIONS, clean=True)


def content_of(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def records_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a file with the csv module: lower-case column names, and all records as they are."""
    text = content_of(path).decode("utf-8-sig", errors="surrogateescape")
    header, *records = csv.reader(io.StringIO(text, newline=""))
    return [name.lower() for name in header], records


def problem_of(columns: list[str], record: list[str]) -> str | None:
    """Say what is wrong with a record, without looking at the ground truth."""
    if len(record) != len(columns):
        return "too_few_columns" if len(record) < len(columns) else "too_many_columns"
    joined = "".join(record)
    if any("\udc80" <= sign <= "\udcff" for sign in joined):
        return "not_utf8"
    if "\x00" in joined:
        return "nul_byte"
    row = {name: value.strip() for name, value in zip(columns, record, strict=True)}
    required = REQUIRED if "session_id" in row else {"user_id"}
    problems = [
        "missing" if name in required and not value else value_problem(name, value) for name, value in row.items()
    ]
    return next((problem for problem in problems if problem), None)


def value_problem(column: str, value: str) -> str | None:
    if value and column.endswith("_date"):
        return date_problem(value)
    if value and column in RANGES:
        return number_problem(value, *RANGES[column])
    return None


def date_problem(value: str) -> str | None:
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        return "time_in_date"
    try:
        return None if 1900 <= date.fromisoformat(value).year <= 2100 else "not_a_date"
    except ValueError:
        return "not_a_date"


def number_problem(value: str, largest: int, whole: bool) -> str | None:
    if not NUMBER.fullmatch(value):
        return "not_a_number"
    if whole and float(value) % 1:
        return "not_a_whole_number"
    return None if 0 <= float(value) <= largest else "out_of_range"


def outcome(folder: Path) -> dict[str, Any]:
    """Work out from the files alone what a load has to reject, to supersede and to let wait."""
    rejected = defaultdict(list)
    winners: dict[str, dict[str, tuple[list[Any], dict[str, str]]]] = {"users": {}, "viewing_sessions": {}}
    superseded = []
    for path in sorted(folder.glob("[!.]*.csv*"), key=lambda path: path.name.encode()):
        table = re.split(r"[.-]", path.name)[0]
        columns, records = records_of(path)
        for number, record in enumerate(records, start=1):
            problem = problem_of(columns, record)
            if problem:
                rejected[path.name].append((number, problem))
                continue
            row = {name: value.strip() for name, value in zip(columns, record, strict=True)}
            key = row["user_id" if table == "users" else "session_id"]
            if key in winners[table]:
                superseded.append([*winners[table][key][0], key])
            winners[table][key] = ([path.name, number], row)
    titles = {document["content_id"] for document in loaded_documents(folder)}
    users, sessions = winners["users"], winners["viewing_sessions"]
    no_user = {key: row for key, (_, row) in sessions.items() if row["user_id"] not in users}
    no_title = {key: row for key, (_, row) in sessions.items() if row["content_id"] not in titles}
    return {
        "rejected": dict(rejected),
        "superseded": sorted(superseded),
        "waiting": sorted(sessions[key][0] for key in no_user | no_title),
        "users": Counter(row["user_id"] for row in no_user.values()),
        "titles": Counter(row["content_id"] for row in no_title.values()),
        "sessions": {key: row for key, (_, row) in sessions.items()},
        "people": {key: row for key, (_, row) in users.items()},
    }


def loaded_documents(folder: Path) -> list[dict[str, Any]]:
    content = json.loads((folder / "content.json").read_text(encoding="utf-8"))
    truth = json.loads((folder / ".sample.json").read_text(encoding="utf-8"))
    spoiled = {(entry["collection"], entry["content_id"]) for entry in truth["documents"]["rejected"]}
    return [
        document
        for collection, documents in content.items()
        for document in documents
        if (collection, document["content_id"]) not in spoiled
    ]


def test_same_seed_gives_same_bytes(dirty: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    write_sample(tmp_path, SESSIONS)
    assert digests(tmp_path) == digests(dirty[0])


def test_bytes_do_not_depend_on_versions_of_python_and_numpy(tmp_path: Path) -> None:
    # Update the digest when the sample is changed on purpose; compression is left out as zlibs differ.
    write_sample(tmp_path, 400, seed=7)
    digest = hashlib.sha256(b"".join(content_of(path) for path in sorted(tmp_path.iterdir())))
    assert digest.hexdigest()[:16] == "c2026ebc7b6e01d4"


def test_another_seed_gives_other_files(dirty: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    write_sample(tmp_path, SESSIONS, seed=2)
    ours, theirs = digests(tmp_path), digests(dirty[0])
    assert ours.keys() == theirs.keys()
    assert not set(ours.values()) & set(theirs.values())


def test_truth_is_returned_as_it_is_written(dirty: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = dirty
    assert json.loads((folder / ".sample.json").read_text(encoding="utf-8")) == truth


@pytest.mark.parametrize(("sessions", "seed"), [(50, 1), (500, 3), (SESSIONS, 1), (SESSIONS, 4), (12_000, 2)])
def test_truth_is_what_the_files_hold(sessions: int, seed: int, tmp_path: Path) -> None:
    truth = write_sample(tmp_path, sessions, seed)
    found = outcome(tmp_path)
    recorded = {
        name: [(entry["record"], entry["kind"]) for entry in file["rejected"]]
        for name, file in truth["files"].items()
        if file["rejected"]
    }
    assert recorded == found["rejected"]
    assert truth["superseded"]["records"] == found["superseded"]
    assert truth["superseded"]["count"] == len(found["superseded"])
    assert truth["waiting"]["records"] == found["waiting"]
    assert truth["waiting"]["count"] == len(found["waiting"])
    assert truth["waiting"]["users"] == found["users"]
    assert truth["waiting"]["titles"] == found["titles"]
    assert len(found["sessions"]) == sessions


def test_recorded_numbers_and_values_are_those_of_the_files(dirty: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = dirty
    checked = 0
    for name, file in truth["files"].items():
        columns, records = records_of(folder / name)
        assert file["records"] == len(records)
        for entry in file["rejected"]:
            if entry["column"] is not None:
                assert records[entry["record"] - 1][columns.index(entry["column"])] == entry["value"]
                checked += 1
    assert checked > 30


def test_every_kind_of_dirt_is_there(dirty: tuple[Path, dict[str, Any]]) -> None:
    files = dirty[1]["files"]
    found = {
        (name.split(".")[0][:5], entry["kind"], entry["column"], entry["value"])
        for name, file in files.items()
        for entry in file["rejected"]
    }
    expected = {("viewi", spoil.kind, spoil.column, spoil.value) for spoil in SESSION_SPOILS}
    expected |= {("users", spoil.kind, spoil.column, spoil.value) for spoil in USER_SPOILS}
    assert found == expected


@pytest.mark.parametrize("sessions", [60, 400, 721, 800, 1250, 1300, 2000, 3000, 60_000])
def test_no_file_comes_near_the_limit_of_rejects(sessions: int, tmp_path: Path) -> None:
    truth = write_sample(tmp_path, sessions)
    limit = 0.025 if sessions >= 2000 else 0.04
    for name, file in truth["files"].items():
        if file["records"] >= 100:
            assert len(file["rejected"]) <= limit * file["records"], name
    documents = truth["documents"]
    if documents["movies"] + documents["series"] >= 100:
        assert len(documents["rejected"]) <= 0.04 * (documents["movies"] + documents["series"])


def test_some_rejected_records_repeat_the_id_of_a_valid_one(dirty: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = dirty
    sessions = outcome(folder)["sessions"]
    repeated = 0
    for name, file in truth["files"].items():
        columns, records = records_of(folder / name)
        if "session_id" in columns:
            key = columns.index("session_id")
            repeated += sum(records[entry["record"] - 1][key] in sessions for entry in file["rejected"])
    assert repeated >= 5


def test_redelivered_and_changed_sessions(
    dirty: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = dirty
    deliveries = defaultdict(list)
    for path in sorted(folder.glob("viewing*")):
        columns, records = records_of(path)
        for record in records:
            if problem_of(columns, record) is None:
                row = {name: value.strip() for name, value in zip(columns, record, strict=True)}
                deliveries[row["session_id"]].append((path.name, row))
    pairs = [(first, second) for first, second, *_ in (d for d in deliveries.values() if len(d) > 1)]
    seen = {(first[0] == second[0], first[1] == second[1]) for first, second in pairs}
    assert seen == {(True, True), (True, False), (False, True), (False, False)}
    assert max(map(len, deliveries.values())) == 3


def test_clean_sample_has_nothing_to_reject_supersede_or_wait_for(clean: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = clean
    found = outcome(folder)
    assert found["rejected"] == {}
    assert found["superseded"] == []
    assert found["waiting"] == []
    assert len(found["sessions"]) == SESSIONS
    assert sum(file["records"] for file in truth["files"].values()) == SESSIONS + len(found["people"])
    assert truth["documents"]["rejected"] == truth["documents"]["oddities"] == []
    assert truth["waiting"]["count"] == truth["superseded"]["count"] == 0


def test_clean_sample_still_has_gaps_ties_and_idle_users_and_titles(
    clean: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = clean
    found = outcome(folder)
    people, sessions = found["people"], found["sessions"].values()
    documents = loaded_documents(folder)
    assert all(any(not row[name] for row in people.values()) for name in ("age", "country"))
    assert all(any(not row[name] for row in sessions) for name in ("completion_percentage", "device_type"))
    assert people.keys() - {row["user_id"] for row in sessions}
    assert {document["content_id"] for document in documents} - {row["content_id"] for row in sessions}
    minutes: Counter[str] = Counter()
    for row in sessions:
        minutes[row["user_id"]] += int(float(row["watch_duration_minutes"] or 0))
    assert max(Counter(minutes.values()).values()) > 1
    assert max(Counter(document["title"] for document in documents).values()) > 1
    assert any(not document.get("genre") for document in documents)
    assert {type(document["seasons"]) for document in documents if "seasons" in document} == {int, list}
    assert {"Perú", "日本", "Korea, Republic of"} <= {row["country"] for row in people.values()}
    assert any(not document["title"].isascii() for document in documents)


@pytest.mark.parametrize("variant", ["dirty", "clean"])
def test_no_session_is_longer_than_its_title_or_comes_before_its_user(
    variant: str, request: pytest.FixtureRequest
) -> None:
    folder, _ = request.getfixturevalue(variant)
    found = outcome(folder)
    longest = {document["content_id"]: length(document) for document in loaded_documents(folder)}
    compared = 0
    for row in found["sessions"].values():
        if row["watch_duration_minutes"] and row["content_id"] in longest:
            assert 0 <= float(row["watch_duration_minutes"]) <= longest[row["content_id"]], row
            compared += 1
        user = found["people"].get(row["user_id"], {})
        assert row["watch_date"] >= user.get("registration_date", ""), row
    assert compared > SESSIONS * 0.9


def length(document: dict[str, Any]) -> float:
    if "duration_minutes" in document:
        return float(document["duration_minutes"])
    if isinstance(document["seasons"], list):
        episodes = [episode for season in document["seasons"] for episode in season["episodes"]]
        return float(max(episode["duration_minutes"] for episode in episodes))
    return float(document["avg_episode_duration"])


def test_viewing_looks_like_people_watching(tmp_path: Path) -> None:
    write_sample(tmp_path, 20_000, clean=True)
    rows = list(outcome(tmp_path)["sessions"].values())
    by_weekday = Counter(date.fromisoformat(row["watch_date"]).weekday() for row in rows)
    assert min(by_weekday[5], by_weekday[6]) > max(by_weekday[day] for day in range(4))
    completions = sorted(float(row["completion_percentage"]) for row in rows if row["completion_percentage"].strip())
    assert completions[len(completions) // 2] > 75
    titles = Counter(row["content_id"] for row in rows).most_common()
    assert sum(count for _, count in titles[: len(titles) // 10]) > len(rows) * 0.25
    devices = {row["device_type"] for row in rows}
    assert {"Mobile", "Smart TV", "Desktop", "Tablet", "Gaming Console"} <= devices
    assert {row["quality_level"] for row in rows} == {"SD", "HD", "4K", ""}
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["watch_date"]):
        first.setdefault(row["user_id"], row["watch_date"][:7])
    assert len(set(first.values())) == 12


@pytest.mark.parametrize("variant", ["dirty", "clean"])
def test_files_come_in_different_layouts(variant: str, request: pytest.FixtureRequest) -> None:
    folder, truth = request.getfixturevalue(variant)
    files = {path.name: content_of(path) for path in folder.iterdir() if path.name in truth["files"]}
    assert len(files) == 13
    assert (folder / "viewing_sessions-2024-03.csv.gz").read_bytes()[:8] == b"\x1f\x8b\x08\x00\0\0\0\0"
    assert files["viewing_sessions-2024-06.csv"].startswith(b"\xef\xbb\xbfsession_id")
    assert files["viewing_sessions-2024-08.csv"].startswith(b"WATCH_DATE,")
    crlf = files["viewing_sessions-2024-04.csv"]
    assert crlf.count(b"\r\n") == crlf.count(b"\n") > 100
    together = b"".join(files.values())
    assert b'"Set-top box, ""Luna""\n(second room)"' in together
    assert re.search(rb", [SU]\d+ ,", together)
    assert re.search(rb",\d+\.0,[\d.]+,", files["viewing_sessions-2024-01.csv"])


def test_documents_of_a_large_catalogue_have_every_kind_of_dirt(tmp_path: Path) -> None:
    truth = write_sample(tmp_path, 300_000)["documents"]
    content = json.loads((tmp_path / "content.json").read_text(encoding="utf-8"))
    assert {name: len(content[name]) for name in content} == {name: truth[name] for name in content}
    recorded = [(entry["kind"], entry["collection"], entry["column"]) for entry in truth["rejected"]]
    assert recorded == [(spoil.kind, spoil.collection, spoil.column) for spoil in DOCUMENT_SPOILS]
    movie_ids = Counter(document["content_id"] for document in content["movies"])
    series_ids = Counter(document["content_id"] for document in content["series"])
    assert max(movie_ids.values()) == max(series_ids.values()) == 1
    taken = next(entry["content_id"] for entry in truth["rejected"] if entry["kind"] == "id_also_a_movie")
    assert movie_ids.keys() & series_ids.keys() == {taken}
    by_id = {(name, document["content_id"]): document for name in content for document in content[name]}
    spoiled = {
        (e["kind"], e["column"]): by_id[e["collection"], e["content_id"]].get(e["column"]) for e in truth["rejected"]
    }
    assert spoiled["not_a_number", "rating"] == "N/A"
    assert spoiled["out_of_range", "production_budget"] < 0
    odd = {e["kind"]: by_id[e["collection"], e["content_id"]] for e in truth["oddities"]}
    assert isinstance(odd["number_as_text"]["release_year"], str)
    assert odd["genre_as_text"]["genre"] == "Drama"
    assert odd["seasons_disagree"]["seasons"] == len(odd["seasons_disagree"]["episodes_per_season"]) + 1


def test_a_sample_replaces_an_earlier_one_and_leaves_dot_files(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    write_sample(tmp_path, 60)
    truth = write_sample(tmp_path, 80, seed=5)
    assert (tmp_path / ".gitkeep").exists()
    assert len(outcome(tmp_path)["sessions"]) == truth["sessions"] == 80


def test_an_interrupted_sample_can_be_written_again(dirty: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    obstacle = tmp_path / ".viewing_sessions-2024-05.csv.part"
    obstacle.mkdir()
    with pytest.raises(OSError, match=obstacle.name):
        write_sample(tmp_path, SESSIONS)
    assert not (tmp_path / "viewing_sessions-2024-05.csv").exists()
    assert (tmp_path / "viewing_sessions-2024-04.csv").exists()
    obstacle.rmdir()
    write_sample(tmp_path, SESSIONS)
    assert digests(tmp_path) == digests(dirty[0])


@pytest.mark.parametrize("name", ["users.csv", "corrections.csv", "viewing_sessions"])
def test_files_of_others_are_never_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious", encoding="utf-8")
    with pytest.raises(FileExistsError, match=f"no sample wrote: {name}"):
        write_sample(tmp_path, 60)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "precious"


def test_a_file_added_to_a_sample_is_not_overwritten(tmp_path: Path) -> None:
    write_sample(tmp_path, 60)
    before = digests(tmp_path)
    (tmp_path / "users-rejected-4.csv").touch()
    with pytest.raises(FileExistsError, match=r"users-rejected-4\.csv"):
        write_sample(tmp_path, 70)
    assert digests(tmp_path).items() >= before.items()


@pytest.mark.parametrize(("sessions", "seed"), [(0, 1), (49, 1), (100, -1)])
def test_impossible_sizes_and_seeds_are_refused(sessions: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 50" if seed > 0 else "0 or more"):
        write_sample(tmp_path / "new", sessions, seed)
    assert not (tmp_path / "new").exists()


def test_summary_adds_up(dirty: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = dirty
    found = outcome(folder)
    lines = summary(truth).splitlines()
    assert lines[0] == "Sample of 2,000 sessions, seed 1, dirty"
    assert len({len(line) for line in lines[1:5]}) == 1
    table = {cells[0]: [int(cell.replace(",", "")) for cell in cells[1:]] for cells in map(str.split, lines[2:5])}
    for _, records, rejected, superseded, waiting, loaded in table.values():
        assert records == rejected + superseded + waiting + loaded
    assert table["users"][-1] == len(found["people"])
    assert table["viewing_sessions"][-1] == SESSIONS - len(found["waiting"])
    assert table["titles"][-1] == len(loaded_documents(folder))
    assert "not utf8 1" in summary(truth)


def test_summary_of_a_clean_sample_expects_no_trouble(clean: tuple[Path, dict[str, Any]]) -> None:
    text = summary(clean[1])
    assert "clean" in text
    assert "Spoiled" not in text
    assert "Waiting" not in text
