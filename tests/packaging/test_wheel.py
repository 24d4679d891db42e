"""The wheel carries all that the program needs: it is built, installed and used from an empty directory, with another HOME."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("quads_tui", "pyproject.toml", "README.md", "LICENSE")
# The build backend as pyproject.toml demands it; `pip install -e '.[dev]'` brings it.
SETUPTOOLS = int(importlib.metadata.version("setuptools").partition(".")[0])
pytestmark = [
    pytest.mark.skipif(SETUPTOOLS < 77, reason="the build backend (setuptools >= 77, extra dev) is not installed"),
    pytest.mark.xdist_group("wheel"),  # it is built once
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left behind in the clone."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    (copy / "dist").mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True, text=True)
    (made,) = (copy / "dist").glob("*.whl")
    return made


def test_it_has_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "quads_tui"
    files = {str(path.relative_to(ROOT)) for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not name.partition("/")[0].endswith(".dist-info")}
    assert packed == files


def test_it_rehearses_and_reports_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    place, home, empty = tmp_path / "venv", tmp_path / "home", tmp_path / "empty"
    venv.create(place, symlinks=True)
    home.mkdir()
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")  # after pip, which must not see that one

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8"}
        program = [str(place / "bin" / "quads-tui"), *words]
        return subprocess.run(program, cwd=empty, env=environment, capture_output=True, text=True, timeout=120, check=False)

    rehearsed = ran("rehearse", "--hosts", "3", "--speed", "200", "--faults", "none", "--headless")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "3/3" in rehearsed.stderr
    assert json.loads(ran("report", "--format", "json").stdout)
    assert "</html>" in ran("report", "--format", "html").stdout
    assert not list(empty.iterdir())
    assert (home / ".local" / "state" / "quads-tui").is_dir()
