# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page: complete, self-contained, safe, and fast enough for a big run."""

from __future__ import annotations

import json
import re
import time
import typing as t
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from tests.unit.upkeep import run_log as log
from upkeep import PROJECT
from upkeep.report import render as report
from upkeep.run import record

VOID = frozenset(("meta", "link", "input", "br", "img", "hr"))
SCHEMA = json.loads((PROJECT / "upkeep/run/record.schema.json").read_text())


class Page(HTMLParser):
    """A page as tags with attributes and text, and what does not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.misnested: list[str] = []
        self._open: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.misnested += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.misnested.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def page(events: t.Iterable[log.Event]) -> Page:
    return Page(report.page(record.fold(events)))


def test_rendering_writes_the_record_and_the_page(tmp_path: Path):
    run = log.write(tmp_path / log.RUN_ID, log.weekly())
    (run / "events.jsonl").chmod(0o640)
    path = report.render(run)

    assert path == run / "report.html"

    jsonschema.validate(json.loads((run / "record.json").read_text()), SCHEMA)

    assert sorted(entry.name for entry in run.iterdir()) == [
        "events.jsonl",
        "facts.json",
        "record.json",
        "report.html",
        "report.txt",
    ]
    assert {entry.stat().st_mode & 0o777 for entry in run.iterdir()} == {0o640}


def test_rendering_again_gives_the_same_bytes(tmp_path: Path):
    run = log.write(tmp_path / log.RUN_ID, log.weekly())
    first = report.render(run).read_bytes()
    assert report.render(run).read_bytes() == first


def test_a_failed_write_keeps_the_old_page_and_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = report.write_atomically(tmp_path / "report.html", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        report.write_atomically(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_log_without_a_single_event_has_a_page_too(tmp_path: Path):
    run = log.write(tmp_path / "empty", [])
    html = report.render(run).read_text()
    assert "This run was interrupted." in html
    assert "Nothing was recorded about any system." in html
    assert json.loads((run / "record.json").read_text())["run_id"] == "empty"


@pytest.mark.parametrize("cut", [0, 1, 4, 8, 12, 13])
def test_every_tag_is_closed_and_every_link_leads_somewhere(cut: int):
    seen = page(log.weekly()[:cut])
    assert seen.misnested == []
    ids = seen.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in seen.attributes("href") if link.startswith("#")} <= set(ids)


def test_nothing_is_loaded_from_anywhere():
    seen = page(log.weekly())
    links = [link for link in seen.attributes("href") if not link.startswith("#")]

    assert sorted(links) == ["data:,", "record.json"]
    assert seen.attributes("src") == []

    html = report.page(record.fold(log.weekly()))

    assert not re.search(r"https?://|@import|url\(", html)


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page():
    html = report.page(record.fold(log.weekly()))
    style, script = (
        re.search(f"<{tag}>(.*)</{tag}>", html, re.S)[1] for tag in ("style", "script")
    )
    allowed = next(a["content"] for _, a in page(log.weekly()).tags if "http-equiv" in a)

    assert allowed == report.policy(style, script)
    assert "unsafe" not in allowed
    assert page(log.weekly()).attributes("style") == []


def test_the_overview_links_each_status_word_to_its_detail():
    down = log.seen("unit:x", "critical")
    seen = page([*log.weekly()[:-2], down, *log.weekly()[-2:]])
    chips = [a for tag, a in seen.tags if tag == "a" and a.get("class", "").startswith("chip")]

    assert [(chip["class"], chip["href"]) for chip in chips] == [
        ("chip critical", "#system-fairedge"),
        ("chip ok", "#system-hyperopt"),
        ("chip critical", "#fairedge--health-check"),
        ("chip ok", "#hyperopt--health-check"),
    ]
    assert "1 acknowledged" in seen.text


def test_areas_that_are_fine_everywhere_are_one_line():
    seen = page(log.weekly())
    assert "Fine everywhere: health check" in seen.text
    assert "1 acknowledged: counted as fine" in seen.text


def test_a_finding_shows_all_that_is_known_of_it():
    text = page(log.weekly()).text
    for part in (
        "http:api",
        "was critical (502)",
        "R-fairedge-01",
        "expected 200",
        "9 days",
        "expected at most 7 days",
    ):
        assert part in text

    assert "Acknowledged by on-call until 2026-12-31: bigger disk is ordered" in text


def test_the_time_of_each_role_is_that_of_its_slowest_host():
    text = page(log.weekly()).text

    assert "Time and remote tasks" in text

    probing = log.task("fairedge-2", "fairedge", "health_check", "Probe", seconds=200.0)
    longer = page([*log.weekly()[:4], probing, *log.weekly()[4:]]).text

    assert "3 min 20 s" not in text
    assert "health_check 3 min 20 s" in longer


def test_changes_come_with_their_difference_and_check_mode_calls_them_predictions():
    text = page(log.weekly()).text

    assert (
        "What changed fairedge log_rotation: Write the file Show the difference -old +new" in text
    )
    assert "Check mode" not in text

    predicted = page([log.run_started(check=True), *log.weekly()[1:]]).text

    assert "Check mode: nothing was changed, changes are predictions" in predicted
    assert "What would change" in predicted


def test_failed_unreachable_and_missing_are_told_apart():
    failed = log.task(
        "fairedge", "fairedge", "lock", "Take it", "failed", message="held by another"
    )
    gone = log.task(
        "hyperopt-db", "hyperopt", "health_check", "Probe", "unreachable", message="timed out"
    )
    text = page([log.run_started(expected=["hyperopt-api1"]), failed, gone]).text

    assert "Failed task: fairedge lock: Take it (play Look) held by another" in text
    assert "Did not answer: hyperopt-db" in text
    assert "Never seen in this run hyperopt-api1 : expected" in text


@pytest.mark.parametrize(
    ("tail", "alarm"),
    [
        ([], "This run was interrupted."),
        ([log.run_finished()], "This run has no verdict."),
        ([log.verdict(), log.run_finished()], None),
    ],
)
def test_a_run_without_end_or_verdict_raises_an_alarm(tail: list[log.Event], alarm: str | None):
    seen = page([*log.weekly()[:-2], *tail])
    alarms = [a for _, a in seen.tags if a.get("role") == "alert"]
    assert len(alarms) == (alarm is not None)
    assert alarm is None or alarm in seen.text


def test_hostile_text_stays_text_everywhere():
    evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
    finding = log.seen("unit:x", "critical", evil)
    names = dict.fromkeys(
        ("system", "host", "area", "check", "unit", "observed", "expected", "fingerprint"), evil
    )
    finding["finding"].update(names, requirements=[evil])
    start = log.run_started(
        run_id=evil, playbook=evil, limit=evil, tags=[evil], core=evil, controller=evil
    )
    task = log.task(evil, evil, evil, evil, "failed", message=evil, play=evil)
    change = log.task(evil, evil, evil, evil, "changed", diff=evil)
    known = {evil: {"owner": evil, "reason": evil, "until": evil}}
    said = log.verdict(
        evil, messages=[evil], acknowledged=known, missing_hosts=[evil], fail_on=[evil]
    )
    seen = page(
        [start, log.event("play_started", play=evil, hosts=[evil]), finding, task, change, said]
    )

    assert seen.misnested == []
    assert [tag for tag, _ in seen.tags].count("script") == 1
    assert not any(tag == "img" or "onerror" in attributes for tag, attributes in seen.tags)
    assert "{{ 7*7 }}" in seen.text


def test_two_thousand_findings_and_five_thousand_tasks_take_less_than_two_seconds_to_render(
    tmp_path: Path,
):
    findings = [
        log.seen(
            f"unit:{n}",
            ("ok", "warning", "critical")[n % 3],
            "Look here.",
            host=f"h{n % 40}",
            system=f"s{n % 5}",
        )
        for n in range(2_000)
    ]
    status = ("ok", "ok", "changed", "failed")
    tasks = [
        log.task(
            f"h{n % 40}",
            f"s{n % 5}",
            f"role_{n % 9}",
            f"Task {n}",
            status[n % 4],
            diff="-a\n+b",
            message="m",
        )
        for n in range(5_000)
    ]
    run = log.write(
        tmp_path / "big", [log.run_started(), *findings, *tasks, log.verdict(), log.run_finished()]
    )
    start = time.process_time()
    report.render(run)

    assert time.process_time() - start < 2.0


def gate(host: str, message: str = "Nothing is changed on this system.") -> log.Event:
    return log.seen("gate:change", "critical", message, host=host, system="hyperopt", area="gate")


def test_what_holds_a_whole_system_is_listed_once_and_after_its_cause():
    cause = log.seen(
        "http:api", "critical", "The API answered 502.", host="hyperopt-api1", system="hyperopt"
    )
    text = page([gate("hyperopt-api1"), gate("hyperopt-db"), cause]).text
    listed = text[text.index("To look at") : text.index("Find ")]

    assert listed.count("Nothing is changed on this system.") == 1
    assert "gate:change hyperopt-api1, hyperopt-db" in listed
    assert listed.index("http:api") < listed.index("gate:change")


def test_what_was_only_worth_a_note_and_is_fine_now_stays_folded():
    noted = [log.seen("network:traffic", status) for status in ("info", "ok")]
    mended = [log.seen("http:api", status) for status in ("critical", "ok")]
    folded = record.fold([log.run_started(), *noted, *mended])

    assert {f["check"]: report.notable(f) for f in folded["findings"]} == {
        "network:traffic": False,
        "http:api": True,
    }
