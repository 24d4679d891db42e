"""A number of things in words, with the right plural: "1 hosts" makes a reader doubt the number."""

from __future__ import annotations


def count(number: int, what: str) -> str:
    """1 host, 2 hosts, 1,700 hosts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
