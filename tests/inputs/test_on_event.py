"""The on_event section, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from quads_tui.inputs import AlertCommand, InputError, load_site

BASE = """foreman: {url: https://foreman.example.com, username: quads, password: {env: X}}
redfish: {username: root, password: {env: X}}
"""


def loaded(tmp_path: Path, text: str) -> AlertCommand | None:
    path = tmp_path / "site.yaml"
    path.write_text(BASE + text)
    return load_site(path).on_event


def test_without_it_nobody_is_called(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") is None


def test_all_of_it(tmp_path: Path) -> None:
    text = "on_event: {run: [/bin/page, -q], events: [paused], timeout: 5}"
    assert loaded(tmp_path, text) == AlertCommand(("/bin/page", "-q"), ("paused",), 5)
    assert loaded(tmp_path, "on_event: {run: [/bin/page]}") == AlertCommand(("/bin/page",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("on_event: {events: [paused]}", "on_event.run: the key is missing"),
        ("on_event: {run: /bin/page}", "on_event.run"),
        (
            "on_event: {run: [x], events: [failures]}",
            '"failures" is not supported; did you mean failure_group? expected one of: failure_group',
        ),
        ("on_event: {run: [x], shell: true}", "on_event.shell: unknown key"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert says in str(caught.value)
