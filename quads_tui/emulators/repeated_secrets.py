"""Servers that repeat what they were sent: debug output left switched on, and proxies that show the request that failed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping


class RepeatedSecrets:
    """What a server has heard of one client's credentials, and the words that it makes of it."""

    def __init__(self) -> None:
        self._heard: dict[str, str] = {}  # what it is, and the text
        self.all: set[str] = set()  # whatever it heard, also earlier

    def hear(self, headers: Mapping[str, str], body: bytes = b"") -> None:
        """A request or a reply; names of headers in lower case."""
        for name in ("authorization", "x-auth-token", "cookie", "set-cookie"):
            if value := headers.get(name):
                self._heard[name.removeprefix("set-")] = value.partition(";")[0].partition("=")[2] if "cookie" in name else value
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                self._heard["password"] = base64.b64decode(encoded).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                pass
        if b"Password" in body:
            try:
                login = json.loads(body)
                user, password = str(login["UserName"]), str(login["Password"])
            except (ValueError, LookupError, TypeError):
                user = password = ""
            if password:
                self._heard["password"] = password
                self._heard["authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.all |= {text.removeprefix("Basic ") for text in self._heard.values()}

    def heard(self, what: str) -> str:
        """Such as the cookie; empty where there was none."""
        return self._heard.get(what, "")

    def words(self) -> str:
        """All of it in one sentence, short enough for every message; empty where nothing was heard."""
        return ", ".join(f"{name} {text}" for name, text in self._heard.items())
