# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Timers start runs on a control host, a run that is ended leaves its report, and all goes away."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

CADENCES = (
    "quarter_hourly",
    "hourly",
    "refresh_caches",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
)
UNITS = "/etc/systemd/system"
KEPT = "/var/lib/upkeep-schedule"
RUNS = "/home/upkeep/store/runs"
LEASE = "/var/lib/upkeep/locks/fairedge.json"
#: How a run of another controller holds the lock.
OTHER_RUN = {
    "run_id": "other",
    "owner": "somebody",
    "controller": "elsewhere.example.org",
    "process": "1:1",
    "taken_at": 0.0,
    "expires_at": 9e9,
    "machine": "",
}
Play = Callable[..., t.Any]


def unit(cadence: str, ending: str = "service") -> str:
    return f"upkeep-{cadence}-fairedge.{ending}"


def until(condition: Callable[[], bool], seconds: float = 90) -> bool:
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.5)

    return condition()


def kept(host: t.Any, playbook: str) -> list[dict[str, t.Any]]:
    """Return the records of a playbook, oldest first."""
    found = host.run(f"cat {RUNS}/*-{playbook}-*/record.json").stdout
    decoder, position, read = json.JSONDecoder(), 0, []
    while position < len(found):
        record, position = decoder.raw_decode(found, position)
        read.append(record)
        while position < len(found) and found[position].isspace():
            position += 1

    return sorted(read, key=lambda record: str(record["started"]))


@pytest.mark.parametrize("cadence", CADENCES)
def test_each_timer_waits_for_its_next_start(host: t.Any, cadence: str) -> None:
    timer = host.service(unit(cadence, "timer"))

    assert timer.is_enabled
    assert timer.is_running
    host.check_output("systemd-analyze verify %s/%s", UNITS, unit(cadence))


def test_findings_name_timers_and_what_somebody_else_wrote(records: t.Any) -> None:
    found = records("converge")[1]["findings"]
    status = {finding["check"]: finding["status"] for finding in found}

    assert status == {
        **{f"schedule:{cadence}-fairedge": "ok" for cadence in CADENCES},
        "schedule:foreign": "warning",
    }


def test_the_second_run_changed_nothing_and_check_mode_foretold_the_first(records: t.Any) -> None:
    check, first, second = records("converge")[:3]

    assert [change["host"] for change in check["changes"]] == ["fairedge-1"]
    assert [change["host"] for change in first["changes"]] == ["fairedge-1"]
    assert second["changes"] == []


def test_a_timer_that_somebody_switched_off_or_changed_is_named(
    host: t.Any, play: Play, record: t.Any
) -> None:
    host.check_output("systemctl disable --now %s", unit("daily", "timer"))
    drop_in = f"{UNITS}/{unit('weekly', 'timer')}.d"
    content = "[Timer]\\nOnCalendar=Sun 11:11"
    host.check_output(f"mkdir {drop_in} && printf '{content}' > {drop_in}/time.conf")
    host.check_output("systemctl daemon-reload")

    assert "daily-fairedge never starts" in play("converge", "--check").stdout

    assert play("converge").returncode == 0
    found = {finding["check"]: finding["status"] for finding in record("converge")["findings"]}
    assert found["schedule:daily-fairedge"] == "ok"
    assert found["schedule:daily-fairedge.was_off"] == "warning"
    assert found["schedule:weekly-fairedge.changed_elsewhere"] == "warning"
    host.check_output(f"rm -r {drop_in} && systemctl daemon-reload")


def test_debian_13_runs_its_own_ansible_core(host: t.Any) -> None:
    """Debian 12 has one that is too old, so there it comes from the folder of wheels."""
    [start] = host.file(f"{UNITS}/{unit('daily')}").content_string.split("ExecStart=")[1:]
    program = PurePosixPath(start.split()[0]).with_name("ansible-playbook")

    of_the_distribution = host.run("dpkg --search %s", str(program)).rc == 0

    assert of_the_distribution is (host.system_info.codename == "trixie")


def test_a_start_that_the_host_was_off_for_is_made_up_for(
    host: t.Any, reboot: Callable[[str], None]
) -> None:
    timer = unit("hourly", "timer")
    host.check_output("touch --date=yesterday /var/lib/systemd/timers/stamp-%s", timer)
    before = len(kept(host, "hourly"))  # one where an hour began meanwhile

    reboot("fairedge-1")

    assert all(host.service(unit(cadence, "timer")).is_running for cadence in CADENCES)
    assert until(lambda: len(kept(host, "hourly")) > before, 150), host.run(
        f"journalctl -u {unit('hourly')} --no-pager | tail -40"
    ).stdout
    assert kept(host, "hourly")[-1]["outcome"] != "interrupted"
    assert kept(host, "hourly")[-1]["systems"].keys() == {"fairedge"}


def test_a_run_that_is_ended_says_so_and_the_next_one_goes_through(host: t.Any) -> None:
    """It is ended while it waits for a run that holds the lock."""
    service = unit("weekly")
    host.check_output("mkdir -p /var/lib/upkeep/locks")
    host.check_output(f"printf %%s %s > {LEASE}", json.dumps(OTHER_RUN))
    host.check_output("systemctl start --no-block %s", service)
    waits = f"grep -l 'Start nothing on a frozen day' {RUNS}/*-weekly-*/events.jsonl"
    assert until(lambda: host.run(waits).rc == 0), host.run(f"journalctl -u {service}").stdout
    time.sleep(3)

    host.check_output("systemctl stop %s", service)

    assert until(lambda: host.run("pgrep --uid upkeep --full ansible-playbook").rc == 1, 10)
    host.check_output("rm %s", LEASE)
    host.run(f"systemctl start {service}")

    first, second = kept(host, "weekly")
    assert first["outcome"] == "interrupted"
    assert second["outcome"] != "interrupted"
    assert {f["check"]: f["status"] for f in second["findings"]}["lock:system"] in ("ok", "info")


def test_a_run_that_meets_another_waits_for_it(host: t.Any) -> None:
    service = unit("daily")
    host.check_output(f"printf %%s %s > {LEASE}", json.dumps(OTHER_RUN))
    host.check_output("systemctl start --no-block %s", service)
    began = f"ls -d {RUNS}/*-daily-*"
    assert until(lambda: host.run(began).rc == 0), host.run(f"journalctl -u {service}").stdout
    time.sleep(5)
    assert kept(host, "daily") == []

    host.check_output("rm %s", LEASE)

    assert until(lambda: bool(kept(host, "daily")), 180)
    [run] = kept(host, "daily")
    assert {f["check"]: f["status"] for f in run["findings"]}["lock:system"] == "ok"
    assert run["seconds"] > 10


def test_what_a_run_printed_is_kept_for_its_user_alone_and_rotated(host: t.Any) -> None:
    folder = host.file(f"{KEPT}/weekly-fairedge/artifacts")
    for _ in range(2):
        host.run(f"systemctl start {unit('quarter_hourly')}")
    host.run(f"systemctl start {unit('quarter_hourly')}")

    assert host.file(KEPT).mode == 0o700
    assert host.file(KEPT).user == "upkeep"
    assert folder.is_directory
    assert len(host.file(f"{KEPT}/quarter_hourly-fairedge/artifacts").listdir()) == 2


def test_a_failure_is_in_the_journal(host: t.Any) -> None:
    service = unit("monthly")
    host.check_output("mv /opt/upkeep/playbooks/monthly.yml /opt/upkeep/monthly.yml")
    try:
        assert host.run(f"systemctl start {service}").rc != 0
        line = f"Failed, see journalctl -u {service}"
        told = "journalctl -t upkeep-failed -p err --no-pager"
        assert until(lambda: line in host.check_output(told), 20)
    finally:
        host.check_output("mv /opt/upkeep/monthly.yml /opt/upkeep/playbooks/monthly.yml")


def test_a_frozen_day_starts_nothing(host: t.Any) -> None:
    today = host.check_output("date -u +%Y-%m-%d")
    command = (
        f"printf 'frozen_days: [{{first: {today}, last: {today}, reason: fair}}]\\n'"
        " > /opt/upkeep/schedule.yml"
    )
    host.check_output("cp /opt/upkeep/schedule.yml /opt/upkeep/schedule.kept")
    host.check_output(command)
    before = len(kept(host, "daily"))

    try:
        assert host.run(f"systemctl start {unit('daily')}").rc == 0
        said = host.check_output("journalctl -u %s --no-pager", unit("daily"))
        assert "daily is left out today: fair" in said
        assert len(kept(host, "daily")) == before
    finally:
        host.check_output("mv /opt/upkeep/schedule.kept /opt/upkeep/schedule.yml")


def test_absent_leaves_nothing(host: t.Any, play: Play, record: t.Any) -> None:
    """The last one: other tests need the timers."""
    gone = ("-e", "schedule_state=absent")
    assert play("converge", *gone).returncode == 0

    left = [name for name in host.file(UNITS).listdir() if name.startswith("upkeep-")]
    assert left == ["upkeep-daily.timer"]
    assert host.run("ls /var/lib/systemd/timers/stamp-upkeep-*").rc != 0
    assert not host.file(KEPT).exists
    listed = host.run("systemctl list-unit-files 'upkeep-*-fairedge*'").stdout
    assert "\n0 unit files listed" in listed
    assert host.run("find /etc/systemd -name 'upkeep-*-fairedge*'").stdout == ""

    assert play("converge", *gone).returncode == 0
    assert record("converge")["changes"] == []
