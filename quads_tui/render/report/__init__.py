"""Reports of a rollout, running or ended: from its journal's facts, events and samples to text. Pure."""

from .build import build_report
from .data import as_json
from .durations import stage_durations
from .html import as_html
from .journal_facts import plan_of
from .markdown import as_markdown

__all__ = ["as_html", "as_json", "as_markdown", "build_report", "plan_of", "stage_durations"]
