"""The option --metrics of the commands that run a rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_NOWHERE = "none"


def metrics_option(function: F) -> F:
    """Where the metrics of the rollout are served."""
    return click.option(
        "--metrics",
        metavar=f"[ADDRESS:]PORT|{_NOWHERE}",
        help="Serve metrics for Prometheus at this address; without ADDRESS on loopback. Needs the extra `metrics`. "
        "Default: metrics.listen of the site file.",
    )(function)


def metrics_of(given: dict[str, Any]) -> dict[str, Any]:
    """What the option says, as members of Options."""
    text = given.get("metrics")
    if text is None or text == _NOWHERE:
        return {"no_metrics": text == _NOWHERE}
    from quads_tui.inputs import InputError, listen_address

    try:
        return {"metrics": listen_address(text)}
    except InputError as error:
        raise click.UsageError(f'--metrics: "{text}" {error}') from None
