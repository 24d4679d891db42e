"""A Foreman that breaks each rule in turn: what it answers, what the console does, and the exact sentence that the operator reads.

`python -m tests.services.foreman_rules` plays all of it and prints the table as markdown. What the console does is judged by what
the server saw; test_foreman_rules.py holds every row.
"""

from __future__ import annotations

import asyncio

from .foreman_broken import engine, errors, reads, width
from .foreman_broken.rule import Rule

RULES: tuple[Rule, ...] = (*errors.RULES, *reads.RULES, *engine.RULES, *width.RULES)


def markdown() -> str:
    """The table. Raises AssertionError with the rule whose row does not hold."""
    lines = ["| rule broken | the server answers | the console does | its counts | the operator reads |", "|---|---|---|---|---|"]
    for rule in RULES:
        try:
            asyncio.run(rule.check())
        except AssertionError as error:
            raise AssertionError(f"{rule.broken}: {error}") from error
        counts = ", ".join(f"{name} {number}" for name, number in rule.counts.items())
        cells = (rule.broken, rule.answers, rule.does, counts, rule.reads or "(nothing: it goes on)")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
