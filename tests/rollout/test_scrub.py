"""F7: what a server repeats of our secrets is masked in all text that enters, however it is written, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import secrets
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.scrub import MASK, SECRETS, SHORTEST, Scrubber
from quads_tui.rollout.text import clean

PASSWORD = 'Gr\u00fcn/bl4u &"rot" 100%'
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def scrubber(*passwords: str) -> Scrubber:
    made = Scrubber()
    for password in passwords or (PASSWORD,):
        made.add(password)
    return made


def ways(secret: str) -> dict[str, str]:
    """How servers write what they were sent."""
    data = secret.encode()
    return {
        "as it is": secret,
        "URL": quote(secret, safe=""),
        "URL in lower case": quote(secret, safe="").lower() if secret.islower() else quote(secret),
        "form": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(json.dumps(secret))[3:-3],
        "HTML": html.escape(secret),
        "HTML by number": "".join(f"&#{ord(one)};" for one in secret),
        "HTML by hexadecimal number": "".join(f"&#x{ord(one):X};" for one in secret),
        "HTML in a URL": quote(html.escape(secret), safe=""),
        "URL of a URL": quote(quote(secret, safe=""), safe=""),
        "Python": repr(data)[2:-1],
        "read in the wrong encoding": data.decode("latin-1"),
        "Base64": base64.b64encode(data).decode(),
        "Base64 for URLs": base64.urlsafe_b64encode(data).decode(),
        "Basic of root": base64.b64encode(b"root:" + data).decode(),
        "Basic of admin": base64.b64encode(b"admin:" + data).decode(),
        "Basic of somebody": base64.b64encode(b"somebody:" + data).decode(),
        "Base64 of a document": base64.b64encode(b'{"Password": "' + data + b'", "UserName": "root"}').decode(),
        "hexadecimal": data.hex(),
        "hexadecimal in capitals": data.hex().upper(),
    }


@pytest.mark.parametrize("secret", [PASSWORD, TOKEN, "correct horse battery staple", "aB3+/=_-zZ9.", "12345678"])
def test_f7_a_secret_is_masked_in_every_way_to_write_it(secret: str) -> None:
    made = scrubber(secret)
    for way, text in ways(secret).items():
        assert made.scrub(f"refused: ({text}) for h1") == f"refused: ({MASK}) for h1", way


def test_f7_a_token_is_masked_like_a_password() -> None:
    made = Scrubber()
    made.add_token(TOKEN)
    assert made.scrub(f"X-Auth-Token: {TOKEN}, or {TOKEN.upper()}") == f"X-Auth-Token: {MASK}, or {MASK}"


def test_f7_the_longer_of_two_is_masked_whole() -> None:
    made = scrubber("rainbow-1", "rainbow-1-extended", "the-rainbow-1")
    assert made.scrub("rainbow-1 rainbow-1-extended the-rainbow-1-extended") == f"{MASK} {MASK} {MASK}"


def test_f7_a_secret_that_a_cut_text_ends_in_is_masked() -> None:
    assert scrubber().scrub("login with " + PASSWORD[:-3]) == f"login with {MASK}"


@pytest.mark.parametrize("word", ["calvin", "r650", "root", "ADMIN", "pass123"])
def test_f7_a_short_password_is_masked_only_as_a_word_where_credentials_are_spoken_of(word: str) -> None:
    made = scrubber(word)
    assert made.scrub(f"host h-{word}.example.com: {word}") == f"host h-{word}.example.com: {word}"
    body = json.dumps({"error": {"message": f"user:{word} is wrong, {word}ism is not"}}).encode()
    assert json.loads(made.scrub_refusal(body)) == {"error": {"message": f"user:{MASK} is wrong, {word}ism is not"}}


def test_f7_nothing_else_is_changed() -> None:
    made = scrubber()
    made.add_token(TOKEN)
    for text in (
        "",
        "Unable to complete the operation",
        "100% of &amp; \\u0041 %41",
        TOKEN[:SHORTEST],
        PASSWORD[1:],
        "\\ud800 x" * 9,
    ):
        assert made.scrub(f"{text}.") == f"{text}."


@given(st.text(alphabet=st.sampled_from([*"\\%&;#xu\ud800", *PASSWORD, *string.digits]), max_size=60))
def test_f7_no_text_is_too_odd(text: str) -> None:
    made = scrubber()
    assert PASSWORD not in made.scrub(f"{text}{PASSWORD}{text}")


def test_f7_the_latest_tokens_are_known_and_the_others_cost_nothing() -> None:
    made = Scrubber(most_tokens=20)
    made.add("token-000")
    for number in range(50):
        made.add_token(f"token-{number:03}")
    size = len(made._forms), len(made._grams)
    assert [made.scrub(f"token-{number:03}") == MASK for number in range(50)] == [True, *[False] * 29, *[True] * 20]
    for number in range(50, 100):
        made.add_token(f"token-{number:03}")
    assert (len(made._forms), len(made._grams)) <= (size[0] + 5, size[1] + 20)


def test_f7_the_cost_does_not_grow_with_the_secrets_and_grows_with_the_text_only() -> None:
    few, many = scrubber(), scrubber()
    for number in range(700):
        many.add_token(secrets.token_urlsafe(24))
        many.add_token(f"eyJhbGciOiJIUzI1NiJ9.{number:030}")
    text = "eyJhbGciOiJIUzI1NiJ9. The requested operation cannot be carried out: the value %20 of it is not in the list. " * 10

    def seconds(made: Scrubber, text: str) -> float:
        best = float("inf")
        for _ in range(5):
            began = time.thread_time()
            for _ in range(10):
                made.scrub(text)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(many, text) < 4 * seconds(few, text)
    assert seconds(many, text * 10) < 20 * seconds(many, text)


def test_f7_clean_masks_before_it_cuts_and_after_it_joins() -> None:
    SECRETS.add("Kestrel-Harrier-77")
    for before in range(60):
        assert "Kestrel" not in clean("x" * before + " Kestrel-Harrier-77", 32)
    SECRETS.add("Merlin Hobby 78")
    assert clean("a Merlin\tHobby\n78 b") == f"a {MASK} b"
    assert clean("x" * 250 + "Kestrel-Harrier-77", 32 * 8) == "x" * 250 + MASK
    for between in ("\u200b", "\u202e", "\x1b", "\x00", "\u00ad"):
        assert clean(f"a Kestrel{between}-Harrier-77 b") == f"a {MASK} b"
        assert clean(f"a{between}b") == "a b"
    assert "Kestrel" not in clean(" " * (32 * 8 - 9) + "Kestrel-Harrier-77", 32)


HOST = "f21-h17-000-r650.scale.example.com"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("token", [HOST, HOST.upper(), "h17-000-r650", "example.com", "0-r650.scale.ex"])
def test_a_token_that_is_part_of_a_name_masks_no_name(token: str, first: bool) -> None:
    """A server that hands out a host's name as its cookie must not hide who is meant."""
    known = scrubber(PASSWORD)
    if first:
        known.spare([HOST])
    known.add_token(token)
    known.add_token(TOKEN)
    known.spare([HOST, "f21-h18-000-r650.scale.example.com"])
    assert known.scrub(f"no answer from {HOST}, {TOKEN}") == f"no answer from {HOST}, {MASK}"
    assert PASSWORD not in known.scrub(PASSWORD)
    known.add_token("another-token-of-h17")
    assert known.scrub("another-token-of-h17") == MASK


def test_a_password_is_masked_whatever_names_it_is_part_of() -> None:
    known = scrubber("example.com")
    known.spare([HOST])
    known.add_token("example.com")
    assert known.scrub(HOST) == f"f21-h17-000-r650.scale.{MASK}"


def test_f7_a_name_that_is_compared_stays_as_it_is() -> None:
    SECRETS.add("kestrel-harrier-78")
    assert clean("kestrel-harrier-78.example.com", compared=True) == "kestrel-harrier-78.example.com"
    assert clean("kestrel-harrier-78.example.com") == f"{MASK}.example.com"
