"""QUADS' export by its dates: only what is due is taken, the rest is named; a date that cannot be used says where it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quads_tui.inputs import InputError, Zone, load_assignment, load_site, next_start
from quads_tui.inputs.times import zone_named
from tests.inputs.test_errors import SITE, written

BERLIN = zone_named("Europe/Berlin")
NOON = datetime.fromisoformat("2031-05-14 12:00")  # of every test's own day, in Berlin
AT = BERLIN.first(NOON)
HOSTS = [f"a01-h{n:02}-000-r650.example.com" for n in range(40)]
HEAD = """clouds:
  cloud02: {ccuser: [asmith], description: new, owner: jdoe, qinq: 0, ticket: '3753', vlan: null, wipe: true}
  cloud07: {ccuser: [asmith], description: between, owner: jdoe, qinq: 0, ticket: '3754', vlan: null, wipe: true}
current_schedules:
"""


def day(days: float) -> str:
    return f"{NOON + timedelta(days=days):%Y-%m-%d %H:%M:%S}"


def line(host: int, start: object, end: object, *, cloud: str = "cloud02", **more: object) -> str:
    dates = [day(moment) if isinstance(moment, int | float) else moment for moment in (start, end)]
    members = {"build_end": "null", "build_start": "null", "moved": "false", **more}
    told = ", ".join(f"{name}: {value}" for name, value in members.items())
    return f"- {{cloud: {cloud}, host: {HOSTS[host]}, start: {dates[0]}, end: {dates[1]}, {told}}}\n"


def export(directory: Path, *lines: str) -> Path:
    return written(directory, HEAD + "".join(lines), "export.yaml")


def taken(path: Path, at: float = AT, zone: Zone = BERLIN, cloud: str = "cloud02") -> tuple[list[str], str]:
    found = load_assignment(path, cloud=cloud, at=at, zone=zone)
    return [host.name for host in found.hosts], "\n".join(found.notes)


def refusal(path: Path, at: float = AT, zone: Zone = BERLIN, cloud: str = "cloud02") -> str:
    with pytest.raises(InputError) as error:
        load_assignment(path, cloud=cloud, at=at, zone=zone)
    return str(error.value)


def test_b2_schedules_of_the_future_and_the_past_are_left_out_and_named_with_their_dates(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, 22, 46), line(1, -1, 13), line(2, -30, -2), line(3, -1, 13, cloud="cloud07"))
    hosts, notes = taken(path)
    assert hosts == [HOSTS[1]]
    assert notes == (
        f"2 hosts left out, not due at 2031-05-14 12:00 (Europe/Berlin): {HOSTS[0]} (2031-06-05 12:00 to 2031-06-29 12:00), "
        f"{HOSTS[2]} (2031-04-14 12:00 to 2031-05-12 12:00)"
    )
    assert load_assignment(path, cloud="cloud02", at=AT, zone=BERLIN).schedule == (
        "2031-05-13 12:00 to 2031-05-27 12:00 (Europe/Berlin)"
    )


def test_b2_nothing_is_due_weeks_early(tmp_path: Path) -> None:
    said = refusal(export(tmp_path, line(0, 22, 46), line(1, 22, 46)))
    assert said.endswith(
        "export.yaml:4: current_schedules: no schedule of cloud02 is due at 2031-05-14 12:00 (Europe/Berlin): "
        "2031-06-05 12:00 to 2031-06-29 12:00; expected a schedule that has begun; --at schedule waits for the next start"
    )


def test_b2_with_at_the_schedules_of_that_time_count(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, 22, 46), line(1, -1, 13))
    assert taken(path, AT + 23 * 86_400)[0] == [HOSTS[0]]
    assert next_start(path, "cloud02", BERLIN, AT) == (AT + 22 * 86_400, "")
    assert next_start(path, "cloud02", BERLIN, AT + 23 * 86_400) is None


def test_b2_a_schedule_is_due_from_its_start_until_before_its_end(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, 0, 1), line(1, -1, 2))
    assert taken(path, AT - 1)[0] == [HOSTS[1]]
    assert taken(path, AT)[0] == HOSTS[:2]
    assert taken(path, AT + 86_400 - 1)[0] == HOSTS[:2]
    assert taken(path, AT + 86_400)[0] == [HOSTS[1]]


def test_b2_the_dates_are_of_the_quads_servers_clock(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, 0, 1))
    assert taken(path, AT, zone_named("Asia/Kolkata"))[0] == [HOSTS[0]]
    assert "no schedule of cloud02 is due at 2031-05-14 06:00 (America/New_York)" in refusal(
        path, AT, zone_named("America/New_York")
    )


def test_b2_an_offset_in_a_date_is_believed(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, "2031-05-14T10:00:00Z", "2031-05-15 12:00:00+02:00"))
    assert taken(path, AT, zone_named("America/New_York"))[0] == [HOSTS[0]]
    assert "no schedule" in refusal(path, AT - 1, zone_named("America/New_York"))


def test_b2_as_quads_api_writes_them_the_dates_are_local_whatever_they_call_themselves(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, "'Wed, 14 May 2031 12:00:00 GMT'", "'Thu, 15 May 2031 12:00:00 GMT'"))
    assert taken(path)[0] == [HOSTS[0]]
    assert "no schedule" in refusal(path, AT - 1)


def test_b2_ten_are_named_and_how_many_more(tmp_path: Path) -> None:
    _, notes = taken(export(tmp_path, line(39, -1, 1), *(line(n, 5, 6) for n in range(25))))
    assert notes.startswith("25 hosts left out, not due")
    assert [host in notes for host in HOSTS[:25]] == [True] * 10 + [False] * 15
    assert notes.endswith("and 15 more")


def test_b2_moved_alone_does_not_say_that_a_host_is_there_by_this_schedule(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        line(0, -1, 13, moved="true"),  # out of the spare pool, but in another cloud
        line(1, -1, 13, moved="true", build_start=day(-1), build_end=day(-0.9)),  # moved for this schedule
        line(2, -1, 13, moved="false", build_start=day(-1), build_end=day(-0.9)),  # back in the spare pool since
        line(3, -1, 13, moved="null", build_end=day(-0.9)),  # tools of before say nothing of moved
        line(4, 5, 13, moved="true", build_end=day(-0.9)),  # of the future: not due whatever it says
        line(5, -1, 13, moved="true", build_start=day(-1)),  # begun and not ended
    )
    hosts, notes = taken(path)
    assert hosts == [HOSTS[0], HOSTS[2], HOSTS[5]]
    assert f"2 hosts left out, because QUADS has already moved and built them for this schedule: {HOSTS[1]}, {HOSTS[3]}" in notes
    assert (
        f"included, although QUADS has marked them as moved: without a build_end, they are not built for this schedule: {HOSTS[0]}"
        in notes
    )
    assert f"1 host left out, not due at 2031-05-14 12:00 (Europe/Berlin): {HOSTS[4]}" in notes


def test_b2_when_all_are_there_already_there_is_nothing_to_do(tmp_path: Path) -> None:
    said = refusal(export(tmp_path, line(1, -1, 13, moved="true", build_end=day(-0.9))))
    assert "all hosts that are due in cloud02 are there already" in said


def test_b2_the_same_host_twice_counts_where_both_are_due(tmp_path: Path) -> None:
    assert taken(export(tmp_path, line(0, -9, -1), line(0, -1, 1), line(0, 1, 9)))[0] == [HOSTS[0]]
    assert "is listed twice, first in export.yaml:5" in refusal(export(tmp_path, line(0, -2, 1), line(0, -1, 2)))
    said = refusal(export(tmp_path, line(0, -2, 1), line(0, -1, 2, cloud="cloud07")))
    assert f"{HOSTS[0]} is also scheduled for cloud07 at the same time (line 6); expected one cloud" in said


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2031-02-29 22:00:00", 1, 'start: "2031-02-29 22:00:00" is not a time; expected a time such as "2026-11-29 22:00"'),
        (-1, "2031-13-01 00:00:00", 'end: "2031-13-01 00:00:00" is not a time'),
        ("soon", 1, 'start: "soon" is not a time'),
        ("2031-05-14", 1, 'start: "2031-05-14" is not a time'),
        (20310514, 1, "start: found a number; expected a time"),
        ("[1]", 1, "start: found a list; expected a time"),
        ("0001-01-01 00:00:00", 1, "start: \"0001-01-01 00:00:00\" has the year 1; expected one from 1970 to 9999"),
        (2, 1, "end: is 2031-05-15 12:00, not after the start 2031-05-16 12:00; expected a later date"),
        (1, 1, "not after the start"),
    ],
)  # fmt: skip
def test_b2_bad_dates_are_errors_with_file_line_and_key(tmp_path: Path, start: object, end: object, says: str) -> None:
    if start == 20310514:
        start = "20310514"
    said = refusal(export(tmp_path, line(1, -1, 1), line(0, start, end)))
    assert "export.yaml:6: current_schedules[1]." in said
    assert says in said


@pytest.mark.parametrize("end", ["9999-12-31 23:59:59", "9999-12-31T23:59:59.999999+00:00", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_b2_a_schedule_to_the_end_of_all_years_is_due(tmp_path: Path, end: str) -> None:
    path = export(tmp_path, line(0, -1, f'"{end}"'), line(1, f'"{end}"', "null"))
    hosts, notes = taken(path)
    assert hosts == [HOSTS[0]]
    assert f"{HOSTS[1]} (has no end in QUADS)" in notes
    assert "to 9999-12-31 23:59" in load_assignment(path, cloud="cloud02", at=AT, zone=BERLIN).schedule


@pytest.mark.parametrize("shape", ["{}.000000{}", "{}.000{}", "{}{}"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_b2_a_fraction_of_a_second_may_stand_before_an_offset(tmp_path: Path, shape: str, quote: str) -> None:
    def told(text: str, offset: str) -> str:
        return quote + shape.format(text, offset) + quote

    begun = line(0, told("2031-05-14T10:00:00", "Z"), told("2031-05-20T10:00:00", "+02:00"))  # 12:00 in Berlin
    path = export(tmp_path, begun, line(1, told("2031-05-14T10:01:00", "+00:00"), told("2031-05-20T10:00:00", "Z")))
    hosts, notes = taken(path)
    assert hosts == [HOSTS[0]]
    assert f"{HOSTS[1]} (2031-05-14 12:01 to 2031-05-20 12:00)" in notes


def test_b2_a_date_that_is_not_there_at_all_is_an_error_and_null_is_never_due(tmp_path: Path) -> None:
    without = "- {cloud: cloud02, host: a01-h01-000-r650.example.com, end: 2031-06-01 00:00:00}\n"
    assert "export.yaml:5: current_schedules[0].start: the key is missing; expected a time" in refusal(export(tmp_path, without))
    hosts, notes = taken(export(tmp_path, line(0, "null", 1), line(1, -1, "null"), line(2, -1, 1)))
    assert hosts == [HOSTS[2]]
    assert f"{HOSTS[0]} (has no start in QUADS), {HOSTS[1]} (has no end in QUADS)" in notes


def test_b2_a_leap_day_is_a_day(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, "2032-02-29 22:00:00", "2032-03-01 22:00:00"))
    assert taken(path, BERLIN.first(datetime.fromisoformat("2032-02-29 22:30")))[0] == [HOSTS[0]]


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_b3_a_start_that_clocks_skip_counts_from_the_first_moment_after(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, "2027-03-28 02:30:00", "2027-04-28 02:30:00"))
    assert "no schedule" in refusal(path, utc("2027-03-28 00:59:59"))
    hosts, notes = taken(path, utc("2027-03-28 01:00:00"))
    assert hosts == [HOSTS[0]]
    assert notes == "start 2027-03-28 02:30 does not exist in Europe/Berlin: clocks go from 02:00 to 03:00 that day"


def test_b3_a_start_that_comes_twice_counts_the_second_time_and_an_end_the_first(tmp_path: Path) -> None:
    path = export(
        tmp_path, line(0, "2027-10-31 02:30:00", "2027-11-28 02:30:00"), line(1, "2027-10-01 02:30:00", "2027-10-31 02:30:00")
    )
    assert taken(path, utc("2027-10-31 00:29:59"))[0] == [HOSTS[1]]
    assert "no schedule" in refusal(path, utc("2027-10-31 00:30:00"))
    hosts, notes = taken(path, utc("2027-10-31 01:30:00"))
    assert hosts == [HOSTS[0]]
    assert "start 2027-10-31 02:30 occurs twice in Europe/Berlin: clocks go back that day" in notes


def test_b3_a_time_zone_that_does_not_exist_is_an_error_with_file_line_and_key(tmp_path: Path) -> None:
    def site(name: str) -> Path:
        text = SITE.replace("  password: {env: QUADS_PASSWORD}\n", f"  password: {{env: QUADS_PASSWORD}}\n  timezone: {name}\n")
        return written(tmp_path, text, "site.yaml")

    assert load_site(site("Europe/Berlin")).quads_zone == BERLIN
    for name, hint in (("Europe/Berlim", "did you mean Europe/Berlin"), ("Europe", "expected"), ("../../etc/passwd", "expected")):
        with pytest.raises(InputError) as error:
            load_site(site(name))
        assert f'site.yaml:17: quads.timezone: "{name}" is not a time zone of this machine\'s database; ' in str(error.value)
        assert hint in str(error.value)
    with pytest.raises(InputError, match=r"site.yaml:17: quads.timezone: found a number"):
        load_site(site("1"))


def test_b2_the_sample_is_due_whenever_it_is_tried() -> None:
    sample = Path(__file__).parents[2] / "sample_assignments" / "quads-export.yaml"
    for year in (2025, 2026, 2038, 2100):
        at = datetime(year, 6, 1, tzinfo=UTC).timestamp()
        assert len(load_assignment(sample, cloud="cloud03", at=at).hosts) == 5
