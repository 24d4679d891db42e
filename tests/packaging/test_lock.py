"""requirements.lock: every direct dependency in a version that pyproject.toml allows, and no line without a hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(text) for text in [*PROJECT["dependencies"], *EXTRAS["metrics"], *EXTRAS["cluster"]]]
# One requirement a paragraph: its continued lines end in a backslash.
LOCKED = [
    line
    for line in re.sub(r"\\\n\s*", "", (ROOT / "requirements.lock").read_text()).splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
VERSIONS = {
    canonicalize_name(found[1]): found[2]
    for line in LOCKED
    if (found := re.match(r"([\w.-]+)==([\w.]+)(?= |$)", line)) is not None
}


@pytest.mark.parametrize("wanted", DIRECT, ids=lambda wanted: wanted.name)
def test_a_direct_dependency_is_locked_in_a_version_that_pyproject_allows(wanted: Requirement) -> None:
    version = VERSIONS.get(canonicalize_name(wanted.name))
    assert version is not None, f"{wanted.name} is not in requirements.lock: {REMAKE}"
    assert wanted.specifier.contains(version), f"{wanted} does not allow {version}: {REMAKE}"


def test_each_line_is_one_version_with_a_hash() -> None:
    assert len(VERSIONS) == len(LOCKED)
    for line in LOCKED:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), line


def test_the_lock_says_how_it_is_made() -> None:
    assert f"# Made by: {REMAKE}\n" in (ROOT / "requirements.lock").read_text()


_OPTIONS = "--universal --python-version 3.11 --generate-hashes --no-header --extra metrics --extra cluster"
REMAKE = f"uv pip compile {_OPTIONS} -o requirements.lock pyproject.toml"
