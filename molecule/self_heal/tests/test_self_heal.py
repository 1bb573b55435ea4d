# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is down comes back, as often as it may.

What a restart cannot help is left alone and named.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

Finding = dict[str, t.Any]
Runs = Callable[[str], list[Path]]
CHECK, FIRST, SECOND = 0, 1, 2
COUNTS = "/var/lib/upkeep/self_heal.json"


def findings_of(run: Path) -> dict[str, Finding]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return {e["finding"]["check"]: e["finding"] for e in events if e["event"] == "finding"}


def restarts(host: t.Any) -> dict[str, list[float]]:
    kept: dict[str, list[float]] = json.loads(host.file(COUNTS).content_string)["restarts"]
    return kept


@pytest.mark.requirement("R-racing-59")
@pytest.mark.parametrize(
    ("check", "status", "words"),
    [
        ("heal:nginx", "ok", "is up again"),
        (
            "heal:nginx.was_down",
            "warning",
            "inactive (dead); restarted (restart 1 of at most 3 in 60 minutes)",
        ),
        ("heal:hanging", "ok", "is up again"),
        ("heal:hanging.was_down", "warning", "runs but does not answer (http:hanging)"),
        ("heal:crashing", "critical", "after the restart: see journalctl -u crashing.service"),
        ("heal:crashing.was_down", "warning", "restart 1 of at most 1"),
        ("heal:masked", "critical", "is masked"),
        ("heal:needy", "warning", "so is what it needs: tcp:nobody"),
        ("heal:spent", "critical", "was restarted 2 times in 60 minutes already"),
        ("heal:api", "ok", "nothing to do"),
        ("heal:absent", "critical", "does not exist"),
    ],
)
def test_the_first_run_says_what_was_and_what_is(
    runs: Runs, check: str, status: str, words: str
) -> None:
    found = findings_of(runs("converge")[FIRST])
    assert (found[check]["status"], words in found[check]["message"]) == (status, True), found[
        check
    ]


def test_units_of_other_components_are_left_out(runs: Runs) -> None:
    assert "heal:elsewhere" not in findings_of(runs("converge")[FIRST])


def test_check_mode_tells_and_leaves_alone(runs: Runs) -> None:
    found = findings_of(runs("converge")[CHECK])
    assert "would be restarted (restart 1 of at most 3" in found["heal:nginx"]["message"]
    assert found["heal:nginx"]["status"] == "critical"
    assert not [name for name in found if name.endswith(".was_down")]


def test_the_second_run_restarts_nothing(runs: Runs, host: t.Any) -> None:
    found = findings_of(runs("converge")[SECOND])

    assert not [name for name in found if name.endswith(".was_down")]
    assert "was restarted 1 times in 60 minutes already" in found["heal:crashing"]["message"]
    assert found["heal:nginx"]["status"] == "ok"

    counted = {unit: len(moments) for unit, moments in restarts(host).items()}

    assert counted == {
        "nginx.service": 1,
        "hanging.service": 1,
        "crashing.service": 1,
        "spent.service": 2,
    }


def test_what_may_not_run_does_not_run(host: t.Any) -> None:
    for unit in ("cron", "needy", "spent"):
        assert host.run(f"systemctl is-active {unit}.service").stdout.strip() == "inactive", unit
    assert host.service("nginx").is_running
    assert host.run("curl --fail --silent --max-time 10 http://127.0.0.1:4711/").rc == 0


def test_one_call_does_it(runs: Runs) -> None:
    lines = (runs("converge")[SECOND] / "events.jsonl").read_text().splitlines()
    tasks = [event for event in map(json.loads, lines) if event["event"] == "task"]
    assert sum(event["remote"] for event in tasks) == 1


def test_nothing_is_restarted_when_the_count_is_damaged_or_forbidden(
    host: t.Any, play: t.Any, runs: Runs
) -> None:
    before = host.file(COUNTS).content_string
    host.check_output("systemctl stop nginx.service")
    try:
        host.check_output(f"echo '{{' > {COUNTS}")
        play("converge")
        found = findings_of(runs("converge")[-1])["heal:nginx"]

        assert (found["status"], "is damaged" in found["message"]) == ("unknown", True), found
        assert not host.service("nginx").is_running

        host.check_output(f"cat > {COUNTS} <<'END'\n{before}\nEND")
        play("converge", "-e", json.dumps({"self_heal_forbidden": "another run holds the lock"}))
        found = findings_of(runs("converge")[-1])["heal:nginx"]

        assert (found["status"], "not restarted: another run" in found["message"]) == (
            "warning",
            True,
        ), found
        assert not host.service("nginx").is_running
    finally:
        host.check_output("systemctl start nginx.service")


def test_a_hung_stop_does_not_hang_us(host: t.Any, play: t.Any, runs: Runs) -> None:
    # Neither start nor stop of this one ever ends by itself.
    unit = "[Service]\nType=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n"
    host.check_output(
        f"printf '{unit}' > /etc/systemd/system/never.service && systemctl daemon-reload"
    )
    entry = {"name": "never", "unit": "never.service", "settle_seconds": 2, "stable_seconds": 1}
    done = play("converge", "-e", json.dumps({"self_heal_units": [entry]}))
    host.check_output("systemctl kill --signal=KILL never.service; systemctl stop never.service")
    found = findings_of(runs("converge")[-1])["heal:never"]

    assert (done.returncode, found["status"]) == (0, "critical"), done.stdout[-2000:]
    assert "did not start within 2 s" in found["message"]


@pytest.mark.requirement("R-racing-59")
def test_every_quarter_of_an_hour_heals_only_what_the_look_found_down(
    host: t.Any, play: t.Any, runs: Runs
) -> None:
    jobs = {cadence: [] for cadence in ("hourly", "daily", "weekly", "monthly", "quarterly")}
    asked = ("-e", json.dumps({"system_jobs": {"quarter_hourly": ["self_heal"], **jobs}}))
    host.check_output("systemctl stop nginx.service")
    try:
        play("quarter_hourly", *asked)
        assert host.service("nginx").is_running
    finally:
        host.check_output("systemctl start nginx.service")

    found = findings_of(runs("quarter-hourly")[-1])

    assert (found["heal:nginx.was_down"]["status"], found["heal:nginx"]["status"]) == (
        "warning",
        "ok",
    ), found
    # The last word on the unit is that of the look after it was healed, and the lock is free again.
    assert (found["unit:nginx"]["status"], found["lock:system"]["status"]) == ("ok", "ok")
    assert host.file("/var/lib/upkeep/locks").listdir() == ["fairedge.guard"], "no lease is left"

    play("quarter_hourly", *asked)
    found = findings_of(runs("quarter-hourly")[-1])

    assert {finding["area"] for finding in found.values()} == {"health_check"}, (
        "a system that is well is only looked at"
    )
