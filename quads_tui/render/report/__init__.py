"""Reports of a rollout, running or ended: from its journal's facts, events and samples to text. Pure."""

from .account import account
from .data import as_json
from .durations import stage_durations
from .facts import plan_of
from .markdown import as_markdown
from .page import as_html

__all__ = ["account", "as_html", "as_json", "as_markdown", "plan_of", "stage_durations"]
