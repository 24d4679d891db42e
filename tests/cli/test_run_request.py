"""What `run` and `plan` accept: several assignments or the moves of QUADS, never both, and one cloud of one file."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from quads_tui.cli.main import cli
from quads_tui.runtime.rollout_input import RunRequest


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["a.yaml"], RunRequest((Path("a.yaml"),))),
        (["a.yaml", "b.yaml", "--expect", "9"], RunRequest((Path("a.yaml"), Path("b.yaml")), expect=9)),
        (["a.yaml", "--cloud", "cloud02"], RunRequest((Path("a.yaml"),), "cloud02")),
        (["--from-quads"], RunRequest(())),
        (["--from-quads", "--cloud", "cloud02"], RunRequest((), "cloud02")),
        ([], "give either ASSIGNMENT or --from-quads"),
        (["a.yaml", "b.yaml", "--from-quads"], "give either ASSIGNMENT or --from-quads"),
        (["a.yaml", "b.yaml", "--cloud", "cloud02"], "--cloud selects one cloud of one file"),
    ],
)
def test_assignments_or_the_moves_of_quads(
    command: str, words: list[str], request_: RunRequest | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RunRequest] = []
    monkeypatch.setattr(f"quads_tui.cli.run.{command}", lambda request, options, *_: asked.append(request) or 0)
    if isinstance(request_, str):
        with pytest.raises(click.UsageError, match=request_):
            cli.main([command, *words], standalone_mode=False)
    else:
        with pytest.raises(SystemExit):
            cli.main([command, *words], standalone_mode=False)
        assert asked == [request_]
