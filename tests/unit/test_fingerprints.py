"""Digests of files and code: what counts as a change, and what does not."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline
from pipeline.records import digests
from pipeline.state import code
from pipeline.state.code import modules_behind, read_source, source_digest, sql_named_in
from pipeline.state.fingerprints import DigestCache, combine, digest_bytes
from pipeline.state.inputs import Inputs
from pipeline.tasks.base import PipelineTask
from pipeline.tasks.load import LoadTable

TASKS = [task for name in pipeline.__all__ if issubclass(task := getattr(pipeline, name), PipelineTask)]
MODULES = sorted({module for task in TASKS for work in task.work for module in modules_behind(work)})
REPOSITORY = Path(pipeline.__file__).resolve().parent.parent
# Everything that the digest of source code needs, to be run in interpreters without our packages.
PORTABLE = "\n".join(
    [
        "from __future__ import annotations",
        "import ast, hashlib, json, sys",
        f"DIGEST_SIZE = {digests.DIGEST_SIZE}",
        *(
            inspect.getsource(function)
            for function in (
                digests.new_digest,
                digest_bytes,
                source_digest,
                code._meaning,
                code._parts_of_text,
                code._is_bare_text,
            )
        ),
        "paths = json.load(sys.stdin)",
        "digests = {path: source_digest(ast.parse(open(path, encoding='utf-8').read())) for path in paths}",
        "print(json.dumps([sys.version_info[:2], digests]))",
    ]
)


def digest(text: str) -> str:
    """Return the digest of source code."""
    return source_digest(ast.parse(text))


SOURCE = '''
"""About the module."""
import math
LIMIT = 5  # at most

class Circle:
    """A circle."""
    radius: float = 1.0

    def area(self, unit="cm"):
        """Its area."""
        return math.pi * self.radius ** 2, f"{self.radius:>{LIMIT}} {unit!r}"
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # at most", "  # no more than"),
        ("# at most", ""),
        ('"""About the module."""', '"""Something else."""'),
        ('"""A circle."""', '"""A circle.\n\n    Long.\n    """'),
        ('        """Its area."""\n', ""),
        ("import math\n", "\n\nimport math\n\n"),
        ("LIMIT = 5", "LIMIT  =  (5)"),
        ('unit="cm"', "unit='cm'"),
        ("return math.pi", "return  math . pi"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(SOURCE.replace(old, new)) == digest(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("LIMIT = 5", "LIMIT = 5.0"),
        ("LIMIT = 5", "LIMIT = '5'"),
        ("LIMIT = 5", "LIMIT = None"),
        ("LIMIT = 5", "LIMIT: int"),
        ("= 1.0", "= '1.0'"),
        ("= 1.0", "= True"),
        ("= 1.0", "= b'1.0'"),
        ("= 1.0", "= ..."),
        ("** 2", "* 2"),
        ('"cm"', '"mm"'),
        ('unit="cm"', 'unit, x="cm"'),
        ('unit="cm"', '*, unit="cm"'),
        ("unit!r", "unit!s"),
        (":>{LIMIT}", ":<{LIMIT}"),
        ("def area", "async def area"),
        ("def area", "@property\n    def area"),
        ("import math", "import math as maths"),
        ("return math", "yield math"),
    ],
)
def test_logic_counts(old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(SOURCE.replace(old, new)) != digest(SOURCE)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "'1.0'"), ("b'a'", '''"b'a'"'''), ("...", "'Ellipsis'"), ("1", "True")]
)
def test_values_of_different_types_differ(one: str, other: str) -> None:
    assert digest(f"x = {one}") != digest(f"x = {other}")


def interpreters() -> dict[str, str]:
    """Return the other Python versions that are installed: version to command."""
    found = {}
    for minor in range(11, 16):
        version = f"3.{minor}"
        commands = [f"python{version}", *sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))]
        for command in filter(None, map(shutil.which, commands)):
            asked = subprocess.run([command, "-c", ""], capture_output=True, check=False, timeout=60)
            if asked.returncode == 0 and sys.version_info[:2] != (3, minor):
                found[version] = command
    return found


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_digests_are_the_same_on_every_python(version: str, tmp_path: Path) -> None:
    command = sys.executable if version == f"3.{sys.version_info.minor}" else interpreters().get(version)
    if command is None:
        pytest.skip(f"Python {version} is not installed")
    sample = tmp_path / "sample.py"
    sample.write_text(SOURCE)
    paths = {str(sample): digest(SOURCE)}
    for module in MODULES:
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None
        paths[spec.origin] = modules_behind(module)[module].digest
    told = subprocess.run(
        [command, "-c", PORTABLE], input=json.dumps([*paths]), capture_output=True, text=True, check=True, timeout=120
    )
    asked, digests = json.loads(told.stdout)
    assert ".".join(map(str, asked)) == version
    assert digests == paths
    assert len(digests) > 10


def patterns(task: type[PipelineTask]) -> tuple[str, ...]:
    if issubclass(task, LoadTable):
        return ("etl/typing.sql", "checks/*/*.sql", *sql_named_in(*task.work))  # of its own table
    own = task.sql.fget(None) if isinstance(task.sql, property) else task.sql  # type: ignore[unreachable]
    return (*own, *sql_named_in(*task.work))


def test_every_sql_file_counts_for_some_task() -> None:
    declared = {path for task in TASKS for pattern in patterns(task) for path in (REPOSITORY / "sql").glob(pattern)}
    files = {path for path in (REPOSITORY / "sql").rglob("*.sql") if path.parts[-2] != "examples"}
    assert files - declared == set()


def test_every_pattern_of_a_task_matches_a_file() -> None:
    for task in TASKS:
        for pattern in patterns(task):
            # A table may have no checks.
            found = pattern.startswith("checks/") or list((REPOSITORY / "sql").glob(pattern))
            assert found, f"{task.__name__} declares {pattern}"


LOADS = {"LoadUsers", "LoadViewingSessions", "LoadNormalizedJsonsToPostgres"}


@pytest.mark.parametrize(
    ("module", "tasks"),
    [
        ("pipeline.warehouse.checks", LOADS | {"CheckQuality"}),
        ("pipeline.warehouse.merge", {"LoadUsers", "LoadViewingSessions"}),
        ("pipeline.warehouse.raw_table", {"LoadCsvToPostgres"}),
        ("pipeline.records.csv_header", {"LoadCsvToPostgres"}),
        ("pipeline.documents.extraction", {"ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres"}),
        ("pipeline.documents.collections", {"CreateMongodbCollections"}),
        ("pipeline.documents.landing", set()),  # a delivery lands once
        ("pipeline.warehouse.publish", {"PublishTrusted"}),
        ("pipeline.report.figures.style", {"BuildReport"}),
        ("pipeline.settings", set()),
        ("pipeline.progress", set()),
        ("pipeline.servers.postgres", set()),
        ("pipeline.state.executor", set()),
        ("pipeline.watching.summary", set()),
        ("pipeline.cli.explain", set()),
        ("pipeline.tasks.load", set()),
    ],
)
def test_an_edited_module_reruns_exactly(module: str, tasks: set[str]) -> None:
    assert find_spec(module)
    assert {task.__name__ for task in TASKS if any(module in modules_behind(work) for work in task.work)} == tasks


def test_imports_and_sql_files_of_a_module() -> None:
    source = read_source("""
import pipeline.sources.names, os
from pipeline.documents import plain
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from pipeline.tasks import base
def work(cursor, table):
    from pipeline.warehouse.statements import execute_file
    execute_file(cursor, "load/merge.sql")
    execute_file(cursor, f"checks/{table}/*.sql", "sql")
""")
    assert source.imports == [
        "pipeline.documents.plain",
        "pipeline.sources.names",
        "pipeline.warehouse.statements.execute_file",
    ]
    assert source.sql == ["load/merge.sql"]


def test_a_module_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pipeline\.nowhere"):
        modules_behind("pipeline.nowhere")


@given(st.dictionaries(st.text(), st.text(), max_size=5), st.randoms())
def test_a_fingerprint_does_not_depend_on_the_order_of_inputs(inputs: dict[str, str], rng) -> None:  # type: ignore[no-untyped-def]
    names = list(inputs)
    rng.shuffle(names)
    assert combine({name: inputs[name] for name in names}) == combine(inputs)


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.dictionaries(st.text(), st.text(), max_size=3))
def test_different_inputs_have_different_fingerprints(one: dict[str, str], other: dict[str, str]) -> None:
    assert (combine(one) == combine(other)) == (one == other)


EARLIER = {
    "family": "LoadUsers",
    "content": "c",
    "date": "2026-03-02",
    "module pipeline.warehouse.merge": "m",
    "sql checks/users/a.sql": "s",
    "task users.csv": "t",
}
INPUTS = Inputs(
    content="c",
    sql={"checks/users/a.sql": "s"},
    code={"pipeline.warehouse.merge": "m"},
    tasks={"users.csv": "t"},
    facts={"date": "2026-03-02"},
)


def test_markers_keep_inputs_and_those_of_earlier_versions_are_understood() -> None:
    kept = {name: digest for name, digest in EARLIER.items() if name != "family"}
    assert Inputs.from_json(kept) == INPUTS
    assert Inputs.from_json(json.loads(json.dumps(INPUTS.to_json()))) == INPUTS
    assert Inputs.from_json({}) == Inputs()
    assert INPUTS.fingerprint("LoadUsers") == combine(EARLIER)


def test_inputs_that_differ_are_named() -> None:
    new = replace(INPUTS, content="d", sql={}, tasks={"users.csv": "t", "more.csv": "u"})
    assert [*INPUTS.differences(INPUTS)] == []
    assert [*INPUTS.differences(new)] == [
        ("content", "", "c", "d"),
        ("sql", "checks/users/a.sql", "s", None),
        ("tasks", "more.csv", None, "u"),
    ]


LONG_AGO = 1_700_000_000


class TestDigestCache:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "users.csv"
        file.write_text("old")
        return file

    @pytest.fixture
    def store(self, tmp_path: Path) -> Path:
        return tmp_path / "logs" / "digests.json"

    def remember(self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """Digest a file as if it had been at rest for a minute."""
        cache = DigestCache(store)
        with monkeypatch.context() as later:
            later.setattr("time.time", lambda: file.stat().st_ctime + 60)
            digest = cache.digest(file, "users.csv")
        cache.save(["users.csv"])
        assert json.loads(store.read_text()).keys() == {"users.csv"}
        return digest

    def test_a_file_at_rest_is_read_once(self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        digest = self.remember(file, store, monkeypatch)
        assert digest == digest_bytes(b"old")
        cache = DigestCache(store)
        monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("the file was read again"))
        assert cache.digest(file, "users.csv") == digest

    def test_another_size_is_noticed(self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.remember(file, store, monkeypatch)
        times = file.stat()
        file.write_text("older")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert DigestCache(store).digest(file, "users.csv") == digest_bytes(b"older")

    def test_another_mtime_is_noticed(self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.remember(file, store, monkeypatch)
        file.write_text("new")
        os.utime(file, (LONG_AGO, LONG_AGO))
        assert DigestCache(store).digest(file, "users.csv") == digest_bytes(b"new")

    def test_same_size_and_mtime_but_another_change_time_is_noticed(
        self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.remember(file, store, monkeypatch)
        times = file.stat()
        file.write_text("new")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert file.stat().st_mtime_ns == times.st_mtime_ns
        assert DigestCache(store).digest(file, "users.csv") == digest_bytes(b"new")

    def test_another_file_moved_over_it_is_noticed(
        self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.remember(file, store, monkeypatch)
        known = json.loads(store.read_text())["users.csv"]
        times = file.stat()
        other = file.with_name("other.csv")
        other.write_text("new")
        os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
        other.replace(file)
        # As if even the change time were the same.
        store.write_text(json.dumps({"users.csv": [*known[:3], file.stat().st_ctime_ns, known[4]]}))
        assert file.stat().st_ino != known[4]
        assert DigestCache(store).digest(file, "users.csv") == digest_bytes(b"new")

    def test_a_file_that_changed_just_now_is_not_trusted(self, file: Path, store: Path) -> None:
        cache = DigestCache(store)
        assert cache.digest(file, "users.csv") == digest_bytes(b"old")
        cache.save(["users.csv"])
        assert not store.exists()

    @pytest.mark.parametrize("damage", ["", "{", "[]", '{"users.csv": 5}', '{"users.csv": ["x"]}'])
    def test_a_damaged_cache_costs_only_time(self, file: Path, store: Path, damage: str) -> None:
        store.parent.mkdir()
        store.write_text(damage)
        assert DigestCache(store).digest(file, "users.csv") == digest_bytes(b"old")

    def test_files_that_left_are_forgotten(self, file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.remember(file, store, monkeypatch)
        cache = DigestCache(store)
        cache.changed = True
        cache.save([])
        assert json.loads(store.read_text()) == {}
