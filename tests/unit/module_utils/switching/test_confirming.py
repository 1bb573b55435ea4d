# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a switch is confirmed: rounds, a window, latency, errors and visitors in the log."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.switching.asking import ProbeAnswer
from ansible.module_utils.upkeep.switching.confirming import Baseline, baseline, confirm
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
