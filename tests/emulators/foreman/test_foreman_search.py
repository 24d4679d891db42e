"""The search language: its grammar as a table, its errors, and pages of what it finds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quads_tui.emulators.foreman.fields import host_fields, text
from quads_tui.emulators.foreman.search import NESTING, Field, Fields, QueryError, compiled

ROWS = [
    SimpleNamespace(name="f01.example.com", build=False, size=1, kind=0, note=None),
    SimpleNamespace(name="f02.example.com", build=True, size=2, kind=1, note="a b"),
    SimpleNamespace(name="g03.example.com", build=True, size=3, kind=3, note='say "hi"'),
]
FIELDS = Fields(
    {
        "name": text("name"), "note": text("note"), "build": Field("boolean", lambda row: row.build),
        "size": Field("integer", lambda row: row.size),
        "kind": Field("choice", lambda row: row.kind, {"built": 0, "pending": 1, "bad": 3}),
    },
    ("name", "note"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "123"),
        ("name = f01.example.com", "1"),
        ('name="f01.example.com"', "1"),
        ("name != f01.example.com", "23"),
        ("name <> f01.example.com", "23"),
        ("name ~ F0", "12"),
        ("name ~ f*com", "12"),
        ("name !~ f0", "3"),
        ("name like g0", "3"),
        ("name ^ (f01.example.com, g03.example.com)", "13"),
        ("name ^ (f01.example.com,g03.example.com)", "13"),
        ("name ^ f01.example.com, f02.example.com", "12"),
        ("name !^ (f01.example.com)", "23"),
        ("name in (f01.example.com)", "1"),
        ("name notin (f01.example.com)", "23"),
        ("build = true", "23"),
        ("build=true and size>2", "3"),
        ("build = true size < 3", "2"),
        ("build = false or size = 3", "13"),
        ("not build = true", "1"),
        ("! build = true", "1"),
        ("not (build = true and size = 3)", "12"),
        ("size = 1 or size = 2 and build = false", "1"),
        ("(size = 1 or size = 2) and build = true", "2"),
        ("size >= 2 && size <= 2 || size = 1", "12"),
        ("kind = pending", "2"),
        ("kind != pending", "13"),
        ("kind ^ (pending, bad)", "23"),
        ("has note", "23"),
        ("set? note", "23"),
        ("null? note", "1"),
        ("not has note", "1"),
        ("g03", "3"),
        ("f01 or g03", "13"),
        ('"a b"', "2"),
        (r'note = "say \"hi\""', "3"),
        ("NAME = f01.example.com AND Build = FALSE", "1"),
        ('name = "and"', ""),
        ('name = "f01.example.com', "1"),
    ],
)
def test_grammar(query, found):
    accepts = compiled(query, FIELDS)
    assert "".join(str(row.size) for row in ROWS if accepts(row)) == found


@pytest.mark.parametrize(
    "query",
    [
        "bogus = 1", "bogus ^ (1)", "has bogus", "size = many", "build = maybe", "kind = rotten", "kind > pending",
        "build ~ = 1",
        "(size = 1", "size = 1)", "size =", "and", "name ^ (", "name ^ (a", "not", "= 3", "size = (", "()",
        "(" * 5000, "not " * 5000,
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_a_query_error(query):
    with pytest.raises(QueryError):
        compiled(query, FIELDS)


def test_nesting_that_people_write_is_fine():
    deep = NESTING // 2
    assert compiled("(" * deep + "size = 1" + ")" * deep, FIELDS)(ROWS[0])


WORDS = [
    "and", "or", "not", "!", "(", ")", ",", "=", "!=", "~", "^", "!^", "<", ">=", "has", "null?", "name", "build", "size", "kind",
    "bogus", "true", "1", "pending", '"', '"a b"', "\\", "*", "params.x", "&", "|", "é", "\x00",
]  # fmt: skip
HOST_WORDS = [*WORDS, "installed_at", "2026-01-01", "owner", "cloud01", "build_status"]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
@example('"')
@example("name ^")
@example("size = 99999999999999999999999")
def test_no_query_raises_anything_but_its_own_error(query):
    try:
        accepts = compiled(query, FIELDS)
    except QueryError:
        return
    for row in ROWS:
        assert accepts(row) in (True, False)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(HOST_WORDS), max_size=10).map(" ".join))
def test_nor_does_one_over_real_hosts(query):
    host = SimpleNamespace(
        id=1, name="f01", build=True, managed=True, stored_status=1, owner_id=11, owner_type="User", os=None, model="R650",
        mac="04", comment=None, nics=[SimpleNamespace(ip="10.1.0.1")], installed_at=None, parameters={},
    )  # fmt: skip
    fields = host_fields(SimpleNamespace(owner_login=lambda row: "cloud01"))
    try:
        accepts = compiled(query, fields)
    except QueryError:
        return
    assert accepts(host) in (True, False)


async def test_host_fields_of_the_api(lab):
    place = await lab(hosts=4)
    first, second = place.names[:2]
    await place.put(second, build=True, owner_id=12, owner_type="User", operatingsystem_name="RHEL 9.4")
    for query, found in {
        "owner = cloud02": [second], "user.login = cloud02": [second], "owner_id = 12": [second],
        "owner ^ (cloud02, cloud03)": [second],
        "build = true and owner = cloud02": [second], "build_status = pending": [second], "os_title = \"RHEL 9.4\"": [second],
        f"name ^ ({first}, {second}, nobody.example.com)": [first, second], "params.overcloud = true and build = true": [second],
        "params.nothing = 1": [], "installed_at > 2001-01-01 and build = true": [second],
        "mac = 04:3f:72:00:00:00": [first],
    }.items():  # fmt: skip
        assert await place.names_of(query) == found, query


async def test_errors_of_a_search_are_bad_requests(lab):
    place = await lab()
    reply = await place.call("GET", "/api/hosts", params={"search": "notarightterm=1"})
    wrong = {"message": "Field 'notarightterm' not recognized for searching!", "class": "ScopedSearch::QueryNotSupported"}
    assert (reply.status, reply.body) == (400, {"error": wrong})
    assert (await place.call("GET", "/api/media", params={"search": "(name=x"})).status == 400
    assert (await place.call("GET", "/api/hosts", params={"order": "shoe DESC"})).status == 400


async def test_pages_are_of_twenty_unless_asked_otherwise(lab):
    place = await lab(hosts=45)
    page = await place.get("/api/hosts", thin="1")
    assert (page["total"], page["subtotal"], page["page"], page["per_page"], len(page["results"])) == (45, 45, 1, 20, 20)
    third = await place.get("/api/hosts", thin="1", page="3")
    assert [row["name"] for row in third["results"]] == place.names[40:]
    assert (await place.get("/api/hosts", thin="1", page="4"))["results"] == []
    whole = await place.get("/api/hosts", thin="1", per_page="all")
    assert (whole["per_page"], len(whole["results"])) == (45, 45)
    many = await place.get("/api/hosts", thin="1", per_page="4294967296", search="name ~ f01")
    assert (many["per_page"], many["total"], many["subtotal"], many["search"]) == (4294967296, 45, 1, "name ~ f01")
    order = await place.get("/api/hosts", thin="1", per_page="2", order="name DESC")
    assert [row["name"] for row in order["results"]] == place.names[:-3:-1]
    assert order["sort"] == {"by": "name", "order": "DESC"}


async def test_thin_is_thin_whatever_its_value(lab):
    place = await lab()
    for value in ("1", "true", "false", ""):
        page = await place.get("/api/hosts", thin=value)
        assert all(set(row) == {"id", "name"} for row in page["results"])
    assert "build_status" in (await place.get("/api/hosts"))["results"][0]
    more = (await place.call("GET", "/api/hosts?include[]=parameters&include[]=all_parameters&per_page=1")).body["results"][0]
    assert more["parameters"][0]["name"] == more["all_parameters"][0]["name"] == "overcloud"


async def test_the_usual_target_hides_behind_the_first_page(lab):
    place = await lab()
    first = await place.get("/api/operatingsystems")
    assert "RHEL 9.4" not in [row["title"] for row in first["results"]] and first["total"] > 20
    assert "RHEL 9.4" in [row["title"] for row in (await place.get("/api/operatingsystems", per_page="all"))["results"]]
