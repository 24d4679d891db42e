"""What goes over the wire to prove who we are, so that it is masked in all text that servers send."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from quads_tui.rollout.scrub import SECRETS

_RANDOM = 16  # characters: no word is as long
_REFUSAL_BYTES = 1 << 16  # of an answer that speaks of credentials; such answers are short


def learn_sent(headers: Mapping[str, str], sent: object) -> None:
    """The token or the login of a request, also as a Basic header has it. Cookies are known from the answers that set them."""
    if isinstance(sent, Mapping) and SECRETS.holds(sent.get("Password")):
        _learn(base64.b64encode(f"{sent.get('UserName')}:{sent['Password']}".encode()).decode())
    for name in ("Authorization", "X-Auth-Token"):
        if value := headers.get(name):
            _learn(value.rpartition(" ")[2])


def learn_received(headers: Mapping[str, str], cookies: Mapping[str, str]) -> None:
    """The token and the cookies of an answer."""
    for value in (headers.get("X-Auth-Token", ""), *cookies.values()):
        _learn(value)


def _learn(value: str) -> None:
    """As far as it can be a token: a server must not mask words in what others say."""
    if " " not in value and (len(value) >= _RANDOM or any(map(str.isdigit, value))):
        SECRETS.add_token(value)
        if value.endswith("="):
            SECRETS.add_token(value.rstrip("="))  # Base64 is repeated without its end too


def without_credentials(status: int, path: str, sent: object, body: bytes) -> bytes:
    """The body of an answer; where it speaks of credentials, short passwords are masked too.

    Elsewhere they stay: a password such as `calvin` or `r650` is a word that other texts hold by chance.
    """
    if status < 400:
        return body
    login = path.rstrip("/").endswith("/login") or (isinstance(sent, Mapping) and any(map(SECRETS.holds, sent.values())))
    if login or status in (401, 403):
        return SECRETS.scrub_refusal(body[:_REFUSAL_BYTES])
    return body
