"""What an operator reads is plain English: none of the phrases that this program once had to itself comes back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from quads_tui.render.numbers import count

from .texts import PACKAGE, texts

# Each with what to write instead (docs/glossary.md has the words). They are looked for in whole texts, without regard to case.
RETIRED = {
    r"left off\b": "stays powered off",
    r"\berr …|\berr \d": "… errors since start",
    r"(?<!fast )\blane\b|lane-bound": "Foreman write queue; bottleneck: Foreman writes",
    r"\bshut\b": "Foreman writes blocked",
    r"\blook (…|\d)": "check …",
    r"\banew\b": "again; a new one",
    r"\bcut off\b": "interrupted",
    r"\bgo(es|ing)? on\b": "continue; resume",
    r"\b(begin|start|leave|end)s? at once\b": "starting; … immediately",
    r"\bthe keys (are|of a rollout)|\bits keys\b": "control",
    r"anything else leaves|esc leaves": "… cancels",
    r"\bstumble[sd]?\b|the screen broke": "display error: …; the rollout is unaffected",
    r"\bknown here\b": "supported: …",
    r"\bthe contrary\b": "… must not exceed …",
    r"\b(tell|tells|told)\b": "report; list; show",
    r"(?<!system )\b(say|says|said)\b": "report; show; according to",
    r"\b(hear|hears|heard)\b": "receive",
    r"\bowed\b": "pending",
    r"(?<!there )\b(is|are) no (?!longer)\w+": "is not a …",
    r"\bnot safe\b": "STILL ARMED",
    r"\bat no end\b|\bin the end\b": "unfinished; recovered",
    r"\b1 of them\b|\bthis host\?": "name the host, and what happens to it",
    r"\bfor good\b": "permanently; that cannot be ended",
    r"\bthan life\b": "than real time",
    r"\bplain lines\b": "prints lines",
    r"\bnobody runs\b|run by nobody": "is not running",
    r"(?<!boot )(?<!sort )(?<!in )\border(s|ed)?\b": "command; requested",
    r"\bacts?\b(?! as)": "action; step",
    r"\badmission\b": "new hosts",
    r"\btake up\b|\btakes up\b": "retry; resume",
    r"\bwait(s|ing)? for you\b": "waiting for the operator",
    r"\bhow long still\b|\bhow far\b": "estimated end; progress",
    r"\b(a|the) word from\b|\blast words?\b": "message; last event",
    r"\bwho(ever)? only (looks|watches)\b": "read-only",
    r"\ba look at\b|\blooks at\b": "a read of; a check of",
    r"\b(is|are) away\b": "cannot be read; has been unavailable for",
    r"\ball the same\b": "nevertheless; state what is the case",
    r"\b(in|out of) build\b(?! mode)": "in build mode",
    r"\bwith one cause\b": "for the same reason",
    r"\basked for was\b": "but … is",
    r"\btimes are off\b": "times are wrong; off is what a host is",
    r"\bto be built first failed\b": "canaries of this type failed",
    r"\bothers of it\b": "of this type",
    r"\bwritten whole\b": "written completely",
    r"\bfared\b": "results of",
    r"\bdoes not answer since\b|\bdo not answer since\b": "has not answered since",
    r"\bnot answer again\b": "still does not answer",
}
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())


_ANY_RETIRED = re.compile("|".join(f"(?:{phrase})" for phrase in RETIRED), re.IGNORECASE)


def retired(words: str) -> list[str]:
    """Those of the retired phrases that are in a text, each with what to write instead."""
    if not _ANY_RETIRED.search(words):
        return []
    found = ((re.search(phrase, words, re.IGNORECASE), better) for phrase, better in RETIRED.items())
    return [f"{match[0]!r} (better: {better})" for match, better in found if match]


def test_no_retired_phrase_is_shown() -> None:
    found = [f"{text}: {', '.join(why)}" for text in texts() if (why := retired(text.words))]
    assert not found, "\n".join(found)
    words = {
        text.words for text in texts()
    }  # the collection itself works: help, questions, refusals, f-strings; no text for programs
    assert "Do not ask for confirmation." in words
    assert "Press ctrl+c again" in words
    assert {room for room in ROOMS if not any(text.path.startswith(f"{room}/") for text in texts())} == set()
    assert not any(re.match(r"select|insert|create table|<|bold ", text) for text in words)
    assert not any(r"\b" in text or "| None" in text for text in words)


# Nouns that follow a number which may be 1, unless it is one of these, which are never.
PLURAL = re.compile(
    r"^ (more |other |unfinished |untouched )?(hosts|BMCs|clouds|sessions|systems|problems|schedules|former owners)\b"
)
HINT = re.compile(PLURAL.pattern.replace("^", r"[}\"']", 1))  # in a file without it there is no such number
MANY = {
    "TRIES",
    "MANY",
    "listed.count",
    "len(clouds)",
    "len(rollout.clouds)",
    "len(found)",
    "len(chosen)",
    "len(names)",
    "len(hosts)",
}


def uncounted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Numbers before a plural, in f-strings: `count` writes "1 host". Not in the branch of a condition on the number."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.IfExp):
            continue
        if isinstance(node, ast.JoinedStr):
            for number, noun in zip(node.values, node.values[1:], strict=False):
                match number, noun:
                    case ast.FormattedValue(value=value), ast.Constant(value=str(words)) if PLURAL.match(words):
                        if ast.unparse(value) not in MANY:
                            yield node.lineno, f"{ast.unparse(value)}{words}"
        yield from uncounted(node)


def test_one_host_is_no_hosts() -> None:
    found = [
        f"{path}:{line}: {words}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "emulators" not in path.parts and HINT.search(source := path.read_text())
        for line, words in uncounted(ast.parse(source))
    ]
    assert not found, "\n".join(found)
    assert [*uncounted(ast.parse("f'{number} hosts left'"))] == [(1, "number hosts left")]
    assert (count(1, "more host"), count(2, "more host"), count(1700, "host")) == ("1 more host", "2 more hosts", "1,700 hosts")


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        ("the lane goes on", 2),
        ("Type y to confirm, anything else cancels.", 0),
        ("its boot order is not a list", 0),
        ("QUADS is owed 3 updates. Tell it with", 2),
    ],
)
def test_a_phrase_is_found_as_a_whole(words: str, phrases: int) -> None:
    assert len(retired(words)) == phrases
