"""A run holds to the project's luigi.cfg wherever its command is typed, as by cron: no folder, no environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import DAY, REPOSITORY, Project, Run
from tests.small_input import ANN, write_all, write_users

# What cron leaves of an environment, and less; with settings and folders, which .env would give.
KEPT = ("PROJECT_ROOT", "_PATH", "POSTGRES_DB", "MONGO_DB")
BARE = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}


def run_bare(project: Project, *arguments: str, cwd: str = "/", **env: str) -> Run:
    """Run a task by the installed command, as cron would."""
    kept = {name: value for name, value in project.env.items() if name.endswith(KEPT)}
    command = [str(Path(sys.executable).with_name("luigi")), "--module", "pipeline", *arguments]
    ended = subprocess.run(command, cwd=cwd, env={**kept, **BARE, **env}, capture_output=True, text=True, check=False)
    return Run(ended.returncode, [], ended.stdout + ended.stderr, project.logged())


def run_all_bare(project: Project, **env: str) -> Run:
    return run_bare(project, "RunAll", "--date", DAY, **env)


def test_cron_loads_the_same(project: Project) -> None:
    write_all(project)
    write_users(project, "U4,30,México,Básico,2024-01-02,1.5", name="users-é.csv")
    project.write_titles("movies.json", movies=[{"content_id": "M9", "title": "Amélie 天", "duration_minutes": 122}])
    run = run_all_bare(project)
    assert run.code == 0, run.output
    assert_loaded(project, expected(project.raw))
    assert project.rows("SELECT country FROM processed.users WHERE user_id = 'U4'") == [("México",)]
    assert "Running Worker with 2 processes" in run.log
    assert "Luigi Execution Summary" not in run.output
    assert f"\nstatus      {sys.executable} -m pipeline status\n" in run.output


def test_a_locale_that_would_rename_files_is_refused(project: Project) -> None:
    run = run_all_bare(project, PYTHONUTF8="0")
    message = "LC_ALL, LANG or PYTHONUTF8: names of files would be read as ascii; set PYTHONUTF8=1"
    assert (run.code, run.output) == (40, f"error: {message}\n")


def test_commands_answer_in_any_encoding(project: Project) -> None:
    write_users(project, ANN, "U4,300,México,Básico,2024-01-02,1.5", name="users-é.csv")
    assert run_bare(project, "LoadUsers").code == 0
    command = [sys.executable, "-m", "pipeline", "rejects"]
    env = {**project.env, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, check=True).stdout
    assert b"users-\\xe9.csv" in shown


def test_exit_codes_hold_in_any_folder(project: Project) -> None:
    assert run_all_bare(project).code == 35
    project.write_rows("users.csv", ["one,two", "1,2"])
    assert run_bare(project, "LoadUsers").code == 30
    (project.folder / ".env").write_text("POSTGRES_DB=café\n", encoding="latin-1")
    for wrong in ({"POSTGRES_PORT": "many"}, {"PROJECT_ROOT": str(project.folder)}):
        run = run_all_bare(project, **wrong)
        assert (run.code, run.output.count("\n")) == (40, 1), run.output


def test_a_luigi_cfg_of_the_operators_wins(project: Project, tmp_path: Path) -> None:
    named, folder = tmp_path / "named.cfg", tmp_path / "folder"
    folder.mkdir()
    (folder / "luigi.cfg").write_text("[retcode]\nscheduling_error = 8\n")
    named.write_text("[retcode]\nscheduling_error = 7\n")
    assert run_bare(project, "RunAll", cwd=str(folder)).code == 8
    assert run_bare(project, "RunAll", cwd=str(folder), LUIGI_CONFIG_PATH=str(named)).code == 7


def test_another_project_root_has_its_own(project: Project) -> None:
    code = project.copy_code()
    (code / "luigi.cfg").write_text((code / "luigi.cfg").read_text().replace("= 35", "= 77"))
    assert run_bare(project, "RunAll", PYTHONPATH=str(code)).code == 77
