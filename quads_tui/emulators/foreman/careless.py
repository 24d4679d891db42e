"""A Foreman that repeats passwords, Basic headers and cookies in its texts."""

from __future__ import annotations

import html
import json

from aiohttp import web

from ..repeated_secrets import RepeatedSecrets
from .answers import Answer, json_answer


class Careless:
    """The first PUT of each host is refused with what was heard: one host's for good (422), the others' for now.

    Then one search meets a page of the web server in front, and the version tells it always.
    """

    def __init__(self) -> None:
        self.secrets = RepeatedSecrets()
        self._lasting = ""  # path
        self._refused: set[str] = set()

    def refusal(self, request: web.Request) -> Answer | None:
        """An answer instead of the request's own."""
        self.secrets.hear({name.lower(): value for name, value in request.headers.items()})
        words, path = self.secrets.words(), request.path
        if request.method == "PUT":
            self._lasting = self._lasting or path
            if path == self._lasting:
                return json_answer({"error": {"full_messages": [words], "errors": {"base": [words]}}}, 422)
            if path not in self._refused:
                self._refused.add(path)
                return json_answer({"error": {"message": words, "details": words}}, 503)
        elif self._refused and path.endswith("/hosts") and path not in self._refused:
            self._refused.add(path)
            return Answer(502, f"<html><head><title>502 {html.escape(words)}</title></head></html>", "text/html")
        return None

    def spoken(self, request: web.Request, answer: Answer, headers: dict[str, str]) -> Answer:
        """Its own answer, with what was heard."""
        self.secrets.hear({name.lower(): value for name, value in headers.items()})
        if answer.status == 200 and request.path.endswith("/status"):
            body = json.loads(answer.text)
            return json_answer({**body, "version": f"{body.get('version')} {self.secrets.heard('cookie')}"})
        return answer
