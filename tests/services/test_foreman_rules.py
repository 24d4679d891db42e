"""Every row of the table: a rule broken, judged by the server's counts and by the words that the operator reads."""

from __future__ import annotations

import pytest

from .foreman_broken.rule import Rule
from .foreman_rules import RULES


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.broken.replace(" ", "-")[:60]) for rule in RULES])
async def test_a_broken_rule(rule: Rule) -> None:
    await rule.check()
