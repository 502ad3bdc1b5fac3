"""install.sh: which Python and which installer it takes, and that only what the hashes say is installed.

Packages are a few lines each, in a folder instead of a registry; uv, pip and the interpreter are real.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project import REPOSITORY

PYTHON = sys._base_executable  # type: ignore[attr-defined]
OWN = "{}.{}".format(*sys.version_info[:2])
SCRIPT = REPOSITORY / "install.sh"
PACKAGE = re.compile(r"^[a-z0-9][a-z0-9.-]*==\S+ ;.* \\$", re.MULTILINE)
# Only the programs that install.sh uses beside Python and uv.
PROGRAMS = ("sh", "dirname", "sed", "rm", "mktemp", "cat")
BACKEND = """
import zipfile
def build_editable(folder, settings=None, metadata=None):
    with zipfile.ZipFile(f"{folder}/ours-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ours.py", "")
        wheel.writestr("ours-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: ours\\nVersion: 1\\n")
        wheel.writestr("ours-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("ours-1.dist-info/RECORD", "")
    return "ours-1-py3-none-any.whl"
"""


@dataclass
class Clone:
    """A checkout that is to be installed, and the machine as its path shows it."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("bin", "packages", "home"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy2(SCRIPT, self.folder)
        for name in PROGRAMS:
            program = shutil.which(name)
            assert program is not None
            self.put(name, program)
        self.lock = [self.package("needed"), self.package("uv", f'#!/bin/sh\nexec "{uv()}" "$@"\n')]
        (self.folder / "requirements-dev.txt").write_text("".join(self.lock))
        (self.folder / "backend.py").write_text(BACKEND)
        (self.folder / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "ours"\nversion = "1"\n'
        )

    def put(self, name: str, target: str) -> None:
        """Put a program on the path."""
        (self.folder / "bin" / name).symlink_to(target)

    def put_python(self, name: str, version: str = OWN, *, lacks: str = "nothing") -> None:
        """Put a Python on the path that says that it has a version, and that lacks a module."""
        program = self.folder / "bin" / name
        told = ", ".join(version.split("."))
        begins = f"import sys; sys.version_info = ({told}, 0, 'final', 0); sys.modules['{lacks}'] = None; "
        begins += f"sys._base_executable = '{program}'"
        program.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exec {PYTHON} "$@"\nexec {PYTHON} -c "{begins}\n$2"\n')
        program.chmod(0o755)

    def package(self, name: str, program: str = "") -> str:
        """Write a wheel, and return the lines that lock it."""
        wheel = self.folder / "packages" / f"{name}-1-py3-none-any.whl"
        files = {f"{name}.py": "", f"{name}-1.data/scripts/{name}": program} if program else {f"{name}.py": ""}
        files[f"{name}-1.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
        files[f"{name}-1.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        record = [f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items()]
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in {**files, f"{name}-1.dist-info/RECORD": "".join(record)}.items():
                archive.writestr(path, text)
                archive.getinfo(path).external_attr = 0o100755 << 16
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        return f"{name}==1 ; python_full_version < '3.14' \\\n    --hash=sha256:{found}\n    # via ours\n"

    def install(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run install.sh."""
        packages = str(self.folder / "packages")
        env = {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.folder / "home"),
            "PIP_FIND_LINKS": packages,
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "UV_FIND_LINKS": packages,
            "UV_NO_CONFIG": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        return subprocess.run(
            [self.folder / "install.sh"], env=env | variables, capture_output=True, text=True, check=False
        )

    def has(self, *modules: str) -> bool:
        """Whether .venv can import these modules."""
        program = [str(self.folder / ".venv/bin/python"), "-c", f"import {', '.join(modules)}"]
        return subprocess.run(program, capture_output=True, check=False).returncode == 0


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def uv() -> str:
    """The uv that the requirements have."""
    return str(Path(sys.executable).with_name("uv"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_uv_needs_neither_pip_nor_ensurepip(clone: Clone) -> None:
    clone.put("uv", uv())
    clone.put_python("python3", lacks="ensurepip")
    done = clone.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert clone.has("needed", "ours")
    assert not clone.has("pip")
    assert clone.install().returncode == 0


def test_pip_installs_where_uv_fails(clone: Clone) -> None:
    clone.put("uv", "/bin/false")
    clone.put("python3", PYTHON)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", clone.folder / ".venv"], check=True)
    done = clone.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert clone.has("needed", "ours")


@pytest.mark.parametrize("name", ["needed", "uv"])
def test_a_package_with_another_content_is_not_installed(clone: Clone, name: str) -> None:
    clone.put("python3", PYTHON)
    if name == "needed":
        clone.put("uv", uv())
    with zipfile.ZipFile(clone.folder / f"packages/{name}-1-py3-none-any.whl", "a") as wheel:
        wheel.writestr("evil.pth", "")
    done = clone.install()
    assert done.returncode != 0
    refusals = re.findall("hash mismatch|do not match the hashes", done.stderr, re.IGNORECASE)
    assert len(refusals) == 2  # by uv or for it, then by pip
    assert not clone.has("needed")


def test_the_first_python_that_fits_is_taken(clone: Clone) -> None:
    clone.put("uv", uv())
    clone.put_python("python3", "3.14")
    clone.put_python("python3.13", "3.10")
    clone.put_python("python3.12", "3.12")
    done = clone.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert clone.has("needed", "ours")


@pytest.mark.parametrize("has_uv", [True, False])
def test_no_python_that_fits_is_told_in_one_line(clone: Clone, has_uv: bool) -> None:
    if has_uv:
        clone.put("uv", uv())
    clone.put_python("python3", "3.14", lacks="ensurepip")
    done = clone.install(UV_PYTHON_PREFERENCE="only-managed")
    assert done.returncode == 1
    assert done.stderr == (
        "Python 3.11, 3.12 or 3.13 is needed, and python3 is 3.14: install one and name it: "
        "make PYTHON=/path/to/python3.13\n"
    )
    assert not (clone.folder / ".venv").exists()


@pytest.mark.parametrize("has_uv", [True, False])
def test_uv_brings_a_python_that_the_path_has_not(clone: Clone, tmp_path: Path, has_uv: bool) -> None:
    if has_uv:  # else pip fetches it
        clone.put("uv", uv())
    clone.put_python("python3", "3.14")
    full = ".".join(map(str, sys.version_info[:3]))
    program = tmp_path / f"cpython-{full}-linux-{os.uname().machine}-gnu/bin/python{OWN}"
    program.parent.mkdir(parents=True)
    program.symlink_to(PYTHON)
    done = clone.install(UV_PYTHON_INSTALL_DIR=str(tmp_path), UV_PYTHON_PREFERENCE="only-managed")
    assert (done.returncode, done.stderr) == (0, "")
    assert clone.has("needed", "ours")


def test_a_python_without_ensurepip_names_the_package(clone: Clone) -> None:
    clone.put_python("python3", lacks="ensurepip")
    done = clone.install()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"install the package python{OWN}-venv (apt-get install python{OWN}-venv), or uv" in done.stderr


@pytest.mark.parametrize(("given", "told"), [("python3.14", "is 3.14"), ("/nowhere/python", "is not there")])
def test_the_python_that_is_named_must_fit(clone: Clone, given: str, told: str) -> None:
    clone.put("uv", uv())
    clone.put("python3", PYTHON)
    clone.put_python("python3.14", "3.14")
    done = clone.install(PYTHON=given)
    assert done.returncode == 1
    assert f"{given} {told}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    clone.put("uv", uv())
    clone.put("python3", PYTHON)
    (clone.folder / ".venv/bin").mkdir(parents=True)
    (clone.folder / ".venv/bin/python").symlink_to("/nowhere/python")
    done = clone.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert "The Python of .venv is not there: making it anew" in done.stdout
    assert clone.has("needed", "ours")


@pytest.mark.parametrize(
    ("failing", "ends"), [("up", ["sample"]), ("sample", ["up"]), ("nothing", ["luigi", "sample", "up"])]
)
def test_a_run_begins_when_servers_and_sample_are_there(tmp_path: Path, failing: str, ends: list[str]) -> None:
    programs = {
        "python": f'[ "$3" != {failing} ] || exit 3\necho "$3 ${{PYTHONDONTWRITEBYTECODE}}" >&2',
        "luigi": 'echo "luigi ${PYTHONDONTWRITEBYTECODE}" >&2',
    }
    for name, program in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".installed").touch()
    make = ["make", "--no-print-directory", f"VENV={tmp_path}", f"BIN={tmp_path}", "run"]
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(make, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    ran = [line.rstrip() for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert sorted(ran) == ends  # and the variable is empty: compiled modules are kept
    assert (done.returncode == 0) == (failing == "nothing")


def test_the_project_says_the_same_versions_of_python(clone: Clone) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    [versions] = re.findall(r"^ +([\d. |]+)\) ", SCRIPT.read_text(), re.MULTILINE)
    assert versions == "3.11 | 3.12 | 3.13"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-spark.txt"])
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    entries = [entry for entry in re.split(r"\n(?![ ])", text) if entry and not entry.startswith("#")]
    assert len(entries) > 100
    assert [entry for entry in entries if not PACKAGE.match(entry) or "--hash=sha256:" not in entry] == []


def test_the_image_installs_by_hash() -> None:
    [installs] = re.findall(r"^RUN (pip install.*)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert "--require-hashes" in installs
