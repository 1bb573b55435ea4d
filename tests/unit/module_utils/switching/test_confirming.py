# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a switch is confirmed: rounds, a window, latency, errors and visitors in the log."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.findings import Subject
from ansible.module_utils.upkeep.switching import log_tail
from ansible.module_utils.upkeep.switching.asking import ProbeAnswer, address_of
from ansible.module_utils.upkeep.switching.confirming import (
    Baseline,
    about_log,
    baseline,
    confirm,
)
from ansible.module_utils.upkeep.switching.log_tail import LogTail

from tests.unit.module_utils.switching.conftest import UNIT, Service


def confirmed(service: Service, before: Baseline | None = None, **more: t.Any) -> t.Any:
    """Return how what runs is confirmed."""
    server = service.server(**more)
    tail = LogTail(server.window, [UNIT])
    address = f"127.0.0.1:{service.port}"

    return confirm(server, address, before or Baseline(), tail, lambda: "")


def test_it_takes_the_window_and_the_rounds(service: Service) -> None:
    seen = confirmed(service, seconds=0.5, interval=0.1, needed=3)

    assert seen.problem == ""
    assert seen.rounds >= 3
    assert seen.seconds >= 0.5
    assert set(seen.medians) == {"health", "golden"}


def test_rounds_are_made_up_for_after_the_window(service: Service) -> None:
    assert confirmed(service, seconds=0.01, interval=0.001, needed=4).rounds >= 4


def test_before_the_switch_latency_and_answers_are_kept(service: Service) -> None:
    before = baseline(service.server(), f"127.0.0.1:{service.port}")

    assert before.answers["golden"].content["value"] == 1.5
    assert before.seconds["golden"] > 0


def test_what_does_not_answer_has_no_baseline(service: Service) -> None:
    service.systemd.stop(UNIT)

    assert baseline(service.server(), f"127.0.0.1:{service.port}") == Baseline()


def test_another_prediction_than_before_is_a_problem(service: Service) -> None:
    before = Baseline({"golden": ProbeAnswer("golden", 200, body='{"value": 2.5}')}, {})

    seen = confirmed(service, before)

    assert "'value' of its answer is 1.5, not 2.5 as before" in seen.problem
    assert [answer.probe for answer in seen.failed] == ["golden"]


def test_old_errors_and_rotated_logs_do_not_count(service: Service) -> None:
    service.log.write_text("ERROR of yesterday\n" * 3)
    tail = LogTail(service.server().window, [UNIT])
    service.log.write_text("INFO fine\n")
    tail.read()

    assert tail.error_count == 0


def test_new_errors_count_once_and_lose_their_secrets(service: Service) -> None:
    tail = LogTail(service.server().window, [UNIT])
    service.log.write_text("ERROR password=hunter22\nERROR half a li")
    tail.read()
    tail.read()

    assert tail.error_count == 1
    assert "hunter22" not in tail.errors[0]


def test_visitors_are_counted(service: Service) -> None:
    tail = LogTail(service.server(traffic_pattern="Request processed").window, [UNIT])
    service.log.write_text("INFO Request processed\nINFO other\nINFO Request processed\n")
    tail.read()

    assert tail.traffic == 2


def test_a_log_that_is_a_link_is_an_error(service: Service) -> None:
    service.folder.chmod(0o777)
    service.log.symlink_to("/etc/shadow")
    tail = LogTail(service.server().window, [UNIT])
    tail.read()

    assert "cannot be read" in tail.errors[0]


def journal_of(service: Service, monkeypatch: pytest.MonkeyPatch, script: str) -> LogTail:
    """Return what reads a journal by this script in the place of journalctl."""
    program = service.folder / "bin" / "journalctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> {service.folder}/asked\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return LogTail(replace(service.server().window, log=""), [UNIT])


def test_an_entry_of_the_journal_counts_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the reading ended is said by the journal itself, not by our clock."""
    tail = journal_of(service, monkeypatch, "echo ERROR one\necho '-- cursor: s=1;i=2'")
    tail.read()
    journal_of(service, monkeypatch, "")
    tail.read()
    tail.read()

    asked = (service.folder / "asked").read_text().splitlines()
    assert tail.error_count == 1
    assert tail.errors == ["ERROR one"]
    assert "--since=@" in asked[0]
    assert "--after-cursor=s=1;i=2" in asked[1]
    assert "--after-cursor=s=1;i=2" in asked[2]


def test_a_journal_that_is_slow_once_is_read_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = journal_of(service, monkeypatch, "echo ERROR one\nexec sleep 60")
    tail.read(0.5)
    unread = tail.unread
    journal_of(service, monkeypatch, "echo ERROR one\necho INFO two\necho '-- cursor: s=1'")
    tail.read()

    assert "more than 0.5 s" in unread
    assert tail.unread == ""
    assert tail.error_count == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 2", "journalctl ended with 2"),
        ("echo 'No space left' >&2; exit 1", "No space left"),
    ],
)
def test_a_journal_that_cannot_be_read_is_unknown_and_takes_nothing_back(
    service: Service, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    tail = journal_of(service, monkeypatch, script)
    server = service.server()

    seen = confirm(server, address_of(server.listen[0]), Baseline(), tail, lambda: "")
    [found] = about_log(Subject("release:shop", ()), seen, [UNIT])

    assert seen.problem == ""
    assert found["status"] == "unknown"
    assert found["check"] == "release:shop.log"
    assert reason in str(found["message"])


def test_a_journal_without_entries_is_in_order(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12 ends with 1 then, and says nothing."""
    tail = journal_of(service, monkeypatch, "exit 1")
    tail.read()

    assert tail.unread == ""
    assert tail.error_count == 0


def test_errors_of_a_journal_that_never_ends_count(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "i=0; while [ $i -lt 1500 ]; do echo ERROR x; i=$((i+1)); done; exec sleep 60"
    tail = journal_of(service, monkeypatch, script)
    tail.read(3)

    assert tail.unread
    assert tail.error_count >= 1000


def test_a_line_without_end_hides_nothing_behind_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "_MOST", 100)
    tail = LogTail(service.server().window, [UNIT])
    service.log.write_text("x" * 350)
    tail.read()
    service.log.write_text("x" * 350 + "\nERROR behind it\n" + "INFO\n" * 100)
    tail.read()

    assert tail.error_count == 1
