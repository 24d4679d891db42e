"""Where a redirect leads, for the operator."""

from __future__ import annotations

from urllib.parse import urlsplit

from quads_tui.rollout.text import clean

from .responses import Response


def redirect_target(answer: Response) -> str:
    """In clean words, without user and password and what stands behind the path: that may be a token."""
    try:
        to = urlsplit(answer.headers.get("Location", "")[:2000])
    except ValueError:
        return "an unusable address"
    return clean(f"{to.scheme}://{to.netloc.rpartition('@')[2]}{to.path}" if to.netloc else to.path, 200) or "nowhere"
