# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record: everything in it comes from the log, whatever the log holds and wherever it ends."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.upkeep import run_log as log
from upkeep import PROJECT
from upkeep.run import events as event_log
from upkeep.run import record

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads((PROJECT / "upkeep/run/record.schema.json").read_text())
)


def fold(events: list[log.Event], **known: t.Any) -> dict[str, t.Any]:
    """Return the record as a reader of its JSON gets it, after the schema agreed."""
    folded = json.loads(json.dumps(record.fold(events, **known), allow_nan=False))
    VALIDATOR.validate(folded)
    return folded


def by_check(folded: dict[str, t.Any], check: str) -> dict[str, t.Any]:
    return next(finding for finding in folded["findings"] if finding["check"] == check)


def test_a_whole_run_says_when_what_and_how_it_ended():
    folded = fold(log.weekly())

    assert (folded["run_id"], folded["playbook"]) == (log.RUN_ID, "playbooks/weekly.yml")
    assert (folded["started"], folded["finished"]) == (
        "2026-03-01T04:00:00.000Z",
        "2026-03-01T04:01:00.000Z",
    )
    assert (folded["seconds"], folded["outcome"], folded["check_mode"]) == (60.0, "ok", False)
    assert folded["log"] == {"events": 13, "unknown": 0, "unreadable": 0}


def test_the_second_look_wins_and_remembers_the_first():
    api = by_check(fold(log.weekly()), "http:api")
    assert (api["status"], api["observed"], api["play"]) == ("ok", 200, "Look again")
    assert (api["first_status"], api["first_observed"]) == ("critical", 502)


def test_a_third_look_still_remembers_the_first_and_forgets_it_once_it_is_back():
    worse = [
        log.seen("unit:x", status, "Look.", observed=status)
        for status in ("warning", "critical", "ok")
    ]

    assert by_check(fold(worse), "unit:x")["first_status"] == "warning"
    assert by_check(fold([*worse, worse[0]]), "unit:x")["first_status"] is None


def test_a_changed_value_alone_is_no_change_of_status():
    looks = [log.seen("http:api.latency", observed=value) for value in (12, 14)]
    latency = by_check(fold(looks), "http:api.latency")

    assert (latency["observed"], latency["first_status"], latency["first_observed"]) == (
        14,
        None,
        None,
    )


def test_an_acknowledged_finding_is_shown_but_counts_as_fine():
    folded = fold(log.weekly())
    assert by_check(folded, "database:hyperopt.vacuum")["acknowledged"]["owner"] == "on-call"
    system = folded["systems"]["hyperopt"]
    area = {"status": "ok", "findings": 1, "acknowledged": 1, "notes": 0}
    assert system["areas"] == {"health_check": area}
    assert system["status"] == "ok"
    assert system["counts"]["warning"] == 0
    assert system["acknowledged"] == 1


def test_a_note_counts_as_fine_and_is_counted():
    system = record.fold([log.seen("a", "info"), log.seen("b")])["systems"]["fairedge"]
    assert system["areas"]["health_check"]["status"] == "ok"
    assert system["areas"]["health_check"]["notes"] == 1
    assert system["status"] == "ok"
    assert system["notes"] == 1


def test_the_numbers_behind_a_limit_are_kept():
    limits = {"warning": 80, "critical": None, "side": "above"}
    [kept] = record.fold([log.seen("a", limits=limits)])["findings"]
    assert kept["limits"] == limits


@pytest.mark.parametrize("limits", [None, "x", {}, {"side": "left"}, {"warning": 1}])
def test_limits_that_do_not_fit_are_none(limits: t.Any):
    event = log.seen("a")
    event["finding"]["limits"] = limits
    [kept] = record.fold([event])["findings"]
    assert kept["limits"] is None


def test_changes_roles_hosts_and_plays_are_counted():
    folded = fold(log.weekly())

    assert folded["changes"] == [
        {
            "host": "fairedge",
            "system": "fairedge",
            "role": "log_rotation",
            "task": "Write the file",
            "diff": "-old\n+new",
        }
    ]
    assert folded["roles"][0] == {
        "role": "health_check",
        "seconds": 2.5,
        "seconds_by_host": {"fairedge": 2.5, "hyperopt-db": 1.25},
        "remote_tasks_by_host": {"fairedge": 1, "hyperopt-db": 1},
    }
    assert folded["hosts"]["fairedge"] == {
        "system": "fairedge",
        "ok": 2,
        "changed": 1,
        "failed": 0,
        "unreachable": 0,
        "remote_tasks": 2,
        "missing": False,
    }
    assert [(play["name"], play["seconds"]) for play in folded["plays"]] == [
        ("Look", 19.5),
        ("Change", 10.0),
        ("Look again", 30.0),
    ]


@pytest.mark.parametrize(
    ("tail", "outcome"),
    [
        ([], "interrupted"),
        ([log.verdict("ok")], "interrupted"),
        ([log.run_finished()], "incomplete"),
        ([log.verdict("ok"), log.run_finished()], "ok"),
        ([log.verdict("findings"), log.run_finished()], "findings"),
        ([log.verdict("unreachable"), log.run_finished()], "unreachable"),
        ([log.verdict("a word of tomorrow"), log.run_finished()], "incomplete"),
        ([log.verdict("interrupted"), log.run_finished()], "incomplete"),
        ([log.verdict("ok"), log.run_finished(fairedge=log.counts(failures=1))], "failed"),
        ([log.verdict("ok"), log.run_finished(fairedge=log.counts(unreachable=1))], "unreachable"),
        ([log.verdict("findings"), log.run_finished(fairedge=log.counts(failures=1))], "findings"),
    ],
)
def test_the_outcome_never_reads_better_than_the_log(tail: list[log.Event], outcome: str):
    assert fold([log.run_started(), *tail])["outcome"] == outcome


def test_an_interrupted_run_has_no_end_but_lasts_until_the_last_thing_known():
    folded = fold(log.weekly()[:8])
    assert (folded["outcome"], folded["finished"], folded["seconds"]) == ("interrupted", None, 20.0)


def test_the_verdicts_own_failure_does_not_make_the_controller_a_failed_host():
    said = log.task("localhost", "", "verdict", "Judge", "verdict")
    end = log.run_finished(localhost=log.counts(ok=1, failures=1))
    folded = fold([log.run_started(), said, log.verdict("findings"), end])
    assert folded["hosts"]["localhost"]["failed"] == 0
    assert (folded["failed_tasks"], folded["systems"]) == ([], {})


def test_the_controller_is_listed_only_when_there_is_something_to_tell():
    task = log.task("localhost", "", "", "Make the inventory")

    assert fold([log.run_started(), task])["systems"] == {}

    changed = fold([log.run_started(), {**task, "status": "changed"}])["systems"]

    assert list(changed) == [""]
    assert changed[""]["status"] == "ok"

    failed = fold([log.run_started(), {**task, "status": "failed"}])["systems"]

    assert failed[""]["status"] == "critical"


def test_failed_unreachable_and_ignored_tasks_are_listed_with_their_message():
    statuses = ("failed", "unreachable", "ignored")
    tasks = [
        log.task("fairedge", "fairedge", "lock", f"T {s}", s, message=f"because {s}")
        for s in statuses
    ]
    folded = fold([log.run_started(), *tasks])

    assert [(task["status"], task["message"]) for task in folded["failed_tasks"]] == [
        (status, f"because {status}") for status in statuses
    ]

    host = folded["hosts"]["fairedge"]

    assert (host["failed"], host["unreachable"], host["ok"]) == (1, 1, 1)
    assert folded["systems"]["fairedge"]["status"] == "critical"


def test_a_host_that_nobody_saw_makes_its_system_unknown():
    events = log.weekly()
    events[-2]["missing_hosts"] = ["hyperopt-db", "hyperopt-api2"]
    folded = fold(events)

    assert folded["hosts"]["hyperopt-db"]["missing"] is True
    assert folded["hosts"]["hyperopt-api2"]["missing"] is True
    assert folded["systems"]["hyperopt"]["status"] == "unknown"


def test_without_a_verdict_the_expected_hosts_tell_who_is_missing():
    expected = ["fairedge", "hyperopt-db", "hyperopt-api1"]
    folded = fold([log.run_started(expected=expected), *log.weekly()[1:5]])
    assert [name for name, host in folded["hosts"].items() if host["missing"]] == ["hyperopt-api1"]


def test_a_play_without_hosts_is_marked_once():
    empty = [
        log.event("play_started", play="Change", hosts=[]),
        log.event("no_hosts", play="Change"),
    ]

    assert fold(empty)["plays"] == [
        {"name": "Change", "hosts": [], "seconds": 0.0, "no_hosts": True}
    ]


def test_a_finding_about_the_inventory_is_no_host():
    folded = fold(
        [
            log.seen(
                "inventory:hosts",
                "critical",
                "No host.",
                system="unknown",
                host="inventory",
                area="run",
            )
        ]
    )

    assert (folded["hosts"], folded["systems"]["unknown"]["status"]) == ({}, "critical")


def test_what_a_newer_version_writes_is_counted_not_understood():
    newer = [
        {**log.seen("unit:x"), "v": 2},
        log.event("mood"),
        log.task("a", "", "", "T", "dreamt"),
        {"v": 1},
    ]
    folded = fold([log.run_started(), *newer], unreadable=3)

    assert folded["log"] == {"events": 1, "unknown": 4, "unreadable": 3}


def test_a_status_nobody_knows_is_unknown_never_ok():
    odd = log.seen("unit:x")
    odd["finding"]["status"] = "splendid"
    assert fold([odd])["findings"][0]["status"] == "unknown"


def test_hostile_text_is_shortened_and_made_printable():
    event = log.seen("http:api", "critical", "x")
    event["finding"]["message"] = "\x1b[2J\x00\u202egnp\ud800" + "m" * 1_000_000
    event["finding"]["observed"] = float("nan")
    event["finding"]["expected"] = {"nested": ["value"]}
    finding = fold([event])["findings"][0]

    assert len(finding["message"]) < 4_100
    assert finding["message"].startswith("\ufffd[2J\ufffd\ufffdgnp\ufffdmmm")
    assert finding["message"].endswith("(996010 more characters)")
    assert (finding["observed"], finding["expected"]) == ("NaN", '{"nested": ["value"]}')


def test_reading_a_log_skips_and_counts_what_is_no_event(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    deep = b"[" * 100_000
    path.write_bytes(
        log.lines([log.run_started()])
        + b'\n\xff\xfe\n[1]\n"text"\n'
        + deep
        + b'\n{"v": 1, "event": "ta'
    )
    events, unreadable = event_log.read_log(path)

    assert ([event["event"] for event in events], unreadable) == (["run_started"], 5)


def test_text_that_is_not_utf8_keeps_its_event(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(log.lines([log.seen("unit:x", "warning", "QQ")]).replace(b"QQ", b"caf\xe9"))
    events, unreadable = event_log.read_log(path)
    assert (fold(events)["findings"][0]["message"], unreadable) == ("caf\ufffd", 0)


WEEKLY = log.lines(log.weekly())


@settings(deadline=None, max_examples=100)
@given(cut=st.integers(0, len(WEEKLY)))
def test_a_log_cut_at_any_byte_still_yields_a_record(
    tmp_path_factory: pytest.TempPathFactory, cut: int
):
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    path.write_bytes(WEEKLY[:cut])
    events, unreadable = event_log.read_log(path)
    folded = fold(events, run_id="cut", unreadable=unreadable)

    # Only the closing line (its last byte is the line feed) makes a run whole.
    assert (folded["outcome"] == "interrupted") == (cut < len(WEEKLY) - 1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted({field for event in log.weekly() for field in event} | {"expected", "message"})


@settings(deadline=None, max_examples=150)
@given(position=st.integers(0, 12), field=st.sampled_from(FIELDS), value=ANYTHING)
def test_any_field_may_hold_anything(position: int, field: str, value: t.Any):
    events = copy.deepcopy(log.weekly())
    events[position][field] = value
    fold(events)


@settings(deadline=None, max_examples=100)
@given(
    field=st.sampled_from(
        ["system", "host", "area", "check", *record.rt.FoldedFinding.__annotations__]
    ),
    value=ANYTHING,
)
def test_any_field_of_a_finding_may_hold_anything(field: str, value: t.Any):
    event = log.seen("http:api", "critical", "x")
    event["finding"][field] = value
    fold(
        [
            event,
            log.verdict(
                acknowledged={
                    event["finding"]["fingerprint"] if field != "fingerprint" else "": value
                }
            ),
        ]
    )


def test_the_schema_is_closed_and_names_every_key_of_the_types():
    def closed(schema: t.Any) -> t.Iterator[bool]:
        if isinstance(schema, dict):
            if "properties" in schema:
                yield schema.get("additionalProperties") is False
                yield sorted(schema["required"]) == sorted(schema["properties"])
            for value in schema.values():
                yield from closed(value)

    assert all(closed(VALIDATOR.schema))
    assert set(VALIDATOR.schema["properties"]) == set(record.rt.RunRecord.__annotations__)
    assert set(VALIDATOR.schema["$defs"]["finding"]["properties"]) == set(
        record.rt.FoldedFinding.__annotations__
    )
