"""Foreman's search language (scoped_search), as far as clients use it: compiled once into a predicate over records.

Grammar: `field op value` with `= != <> > >= < <= ~ !~ ^ !^` (also `in`, `notin`, `like`, `unlike`), `and`, `or`, `not`,
parentheses, double quotes, `has field`, `null? field`, and bare words that match the default fields. Terms that stand
side by side mean `and`. Whatever is wrong with a query is a QueryError, which the API answers with 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ..errors import EmulatorError

Predicate = Callable[[Any], bool]
Kind = Literal["text", "integer", "boolean", "choice", "moment"]

TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>\(|\)|,|!=|<>|>=|<=|!~|!\^|&&|\|\||[=<>~^!&|])|(?P<word>[^\s()",=<>~^!&|]+))'
)
COMPARISONS = {"=", "!=", "<>", ">", ">=", "<", "<=", "~", "!~", "^", "!^"}
SPELLINGS = {"in": "^", "notin": "!^", "like": "~", "unlike": "!~"}
NESTING = 100  # Python's own recursion limit must not be what ends a hostile query


class QueryError(EmulatorError):
    """A query that scoped_search refuses: `{"error": {"message": ..., "class": "ScopedSearch::QueryNotSupported"}}`."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a search field is read from a record: its kind, its getter and, for a choice, the words and what they stand for."""

    kind: Kind
    get: Callable[[Any], Any]
    choices: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The search fields of a resource; `dynamic` resolves names like params.x, `default` are the fields of bare words."""

    known: Mapping[str, Field]
    default: tuple[str, ...]
    dynamic: Callable[[str], Field | None] = lambda name: None

    def find(self, name: str) -> Field:
        """The field of this name, in any case. Raises QueryError."""
        field = self.known.get(name.lower()) or self.dynamic(name)
        if field is None:
            raise QueryError(f"Field '{name}' not recognized for searching!")
        return field


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    kind: Literal["word", "quoted", "sign"]

    def means(self, *words: str) -> bool:
        return self.kind != "quoted" and self.text.lower() in words


def tokens(query: str) -> list[Token]:
    """The query, taken apart; whitespace separates and is dropped."""
    found: list[Token] = []
    at = 0
    query = query.rstrip()
    while at < len(query):
        match = TOKEN.match(query, at)
        if match is None:
            # An opening quote without its end: scoped_search reads it as if it closed at the end of the query.
            rest = query[at:].lstrip()
            found.append(Token(rest.lstrip('"'), "quoted"))
            break
        at = match.end()
        if (quoted := match["quoted"]) is not None:
            found.append(Token(re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL), "quoted"))
        elif (sign := match["sign"]) is not None:
            found.append(Token(sign, "sign"))
        else:
            found.append(Token(match["word"], "word"))
    return found


def compiled(query: str, fields: Fields) -> Predicate:
    """The predicate of a query; everything matches an empty one. Raises QueryError and nothing else."""
    parser = _Parser(tokens(query), fields)
    if not parser.left():
        return lambda record: True
    predicate = parser.either(0)
    if parser.left():
        raise QueryError(f"Unexpected '{parser.peek().text}' in the search query")
    return predicate


class _Parser:
    def __init__(self, stream: list[Token], fields: Fields) -> None:
        self.stream = stream
        self.fields = fields
        self.at = 0

    def left(self) -> bool:
        return self.at < len(self.stream)

    def peek(self) -> Token:
        if not self.left():
            raise QueryError("The search query ends too early")
        return self.stream[self.at]

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def takes(self, *words: str) -> bool:
        if self.left() and self.peek().means(*words):
            self.at += 1
            return True
        return False

    def either(self, depth: int) -> Predicate:
        parts = [self.both(depth)]
        while self.takes("or", "|", "||"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else lambda record: any(part(record) for part in parts)

    def both(self, depth: int) -> Predicate:
        parts = [self.term(depth)]
        while self.left() and not self.peek().means("or", "|", "||", ")"):
            self.takes("and", "&", "&&")
            parts.append(self.term(depth))
        return parts[0] if len(parts) == 1 else lambda record: all(part(record) for part in parts)

    def term(self, depth: int) -> Predicate:
        if depth > NESTING:
            raise QueryError("The search query is nested too deeply")
        if self.takes("not", "!"):
            denied = self.term(depth + 1)
            return lambda record: not denied(record)
        if self.takes("("):
            inner = self.either(depth + 1)
            if not self.takes(")"):
                raise QueryError("A parenthesis of the search query is not closed")
            return inner
        token = self.take()
        if token.kind == "sign" or token.means("and", "or"):
            raise QueryError(f"Unexpected '{token.text}' in the search query")
        if token.means("has", "set?") and self._word_follows():
            present = self.fields.find(self.take().text)
            return lambda record: present.get(record) not in (None, "")
        if token.means("null?") and self._word_follows():
            absent = self.fields.find(self.take().text)
            return lambda record: absent.get(record) in (None, "")
        operator = self._operator() if token.kind == "word" else None
        return self.fuzzy(token.text) if operator is None else self.comparison(token.text, operator)

    def _word_follows(self) -> bool:
        if not self.left() or self.peek().kind == "sign":
            return False
        after = self.stream[self.at + 1] if self.at + 1 < len(self.stream) else None
        return after is None or SPELLINGS.get(after.text.lower(), after.text) not in COMPARISONS

    def _operator(self) -> str | None:
        if not self.left() or self.peek().kind == "quoted":
            return None
        text = SPELLINGS.get(self.peek().text.lower(), self.peek().text)
        if text not in COMPARISONS:
            return None
        self.at += 1
        return text

    def value(self) -> str:
        token = self.take()
        if token.kind == "sign":
            raise QueryError(f"Unexpected '{token.text}' in the search query")
        return token.text

    def values(self) -> list[str]:
        if not self.takes("("):
            found = [self.value()]
            while self.takes(","):
                found.append(self.value())
            return found
        found = [self.value()]
        while not self.takes(")"):
            self.takes(",")
            found.append(self.value())
        return found

    def fuzzy(self, word: str) -> Predicate:
        getters = [self.fields.find(name).get for name in self.fields.default]
        matches = _pattern(word)
        return lambda record: any(matches(get(record)) for get in getters)

    def comparison(self, name: str, operator: str) -> Predicate:
        field = self.fields.find(name)
        get = field.get
        if operator in ("^", "!^"):
            wanted = frozenset(_cast(name, field, text) for text in self.values())
            return (lambda record: get(record) in wanted) if operator == "^" else (lambda record: get(record) not in wanted)
        text = self.value()
        if operator in ("~", "!~"):
            matches = _pattern(text)
            return (lambda record: matches(get(record))) if operator == "~" else (lambda record: not matches(get(record)))
        if field.kind in ("choice", "boolean") and operator not in ("=", "!=", "<>"):
            raise QueryError(f"Operator '{operator}' not allowed on field '{name}'")
        value = _cast(name, field, text)
        if operator == "=":
            return lambda record: bool(get(record) == value)
        if operator in ("!=", "<>"):
            return lambda record: bool(get(record) != value)
        return _ordered(get, operator, value)


def _ordered(get: Callable[[Any], Any], operator: str, value: Any) -> Predicate:
    def compare(record: Any) -> bool:
        found = get(record)
        if found is None:
            return False
        if operator == ">":
            return bool(found > value)
        if operator == ">=":
            return bool(found >= value)
        return bool(found < value) if operator == "<" else bool(found <= value)

    return compare


def _pattern(text: str) -> Callable[[Any], bool]:
    """ILIKE: anywhere in the text, unless the query holds its own `*`."""
    parts = [re.escape(part) for part in text.split("*")]
    expression = re.compile(".*".join(parts), re.IGNORECASE | re.DOTALL)
    look = expression.search if "*" not in text else expression.fullmatch
    return lambda found: found is not None and look(str(found)) is not None


def _cast(name: str, field: Field, text: str) -> Any:
    refused = QueryError(f"Value '{text}' is not valid for field '{name}'")
    if field.kind == "integer":
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise refused
        return int(text)
    if field.kind == "boolean":
        if text.lower() in ("true", "t", "yes", "1"):
            return True
        if text.lower() in ("false", "f", "no", "0"):
            return False
        raise refused
    if field.kind == "choice":
        choices = field.choices or {}
        if text not in choices:
            raise QueryError(f"'{name}' should be one of '{', '.join(choices)}', but the query was '{text}'")
        return choices[text]
    if field.kind == "moment":
        try:
            moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        except ValueError:
            raise refused
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return text
