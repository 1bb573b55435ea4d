# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module's own deadline: it ends with all that it started, and its output is still an answer."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import bounded as bounding
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.processes import children


class FailedError(Exception):
    pass


class Module:
    """What AnsibleModule does at the end, without ending the test."""

    def fail_json(self, msg: str, **details: t.Any) -> t.NoReturn:
        raise FailedError(msg, details)


def test_the_result_comes_back() -> None:
    assert bounded(Module(), lambda: {"changed": False, "findings": [1]}, 10) == {
        "changed": False,
        "findings": [1],
    }


def test_an_expected_error_is_the_message() -> None:
    def refuse() -> dict[str, t.Any]:
        raise LookupError("units 'a' is not known")

    with pytest.raises(FailedError) as caught:
        bounded(Module(), refuse, 10, LookupError)

    assert caught.value.args == ("units 'a' is not known", {})


def test_another_error_keeps_its_traceback() -> None:
    def crash() -> dict[str, t.Any]:
        raise ValueError("surprise")

    with pytest.raises(FailedError) as caught:
        bounded(Module(), crash, 10, LookupError)

    message, details = caught.value.args
    assert message == "ValueError: surprise"
    assert "in crash" in details["exception"]


def test_a_result_that_is_not_json_is_refused() -> None:
    with pytest.raises(FailedError, match="not JSON serializable"):
        bounded(Module(), lambda: {"x": {1}}, 10)


@pytest.mark.parametrize("session", [False, True], ids=["in its group", "in a session of its own"])
def test_at_the_deadline_all_that_was_started_ends(tmp_path: Path, session: bool) -> None:
    marker = tmp_path / "pid"

    def hang() -> dict[str, t.Any]:
        # a shell that does not end by SIGTERM, and its child
        script = "trap '' TERM; sleep 300 & echo $! > $0; wait"
        subprocess.Popen(["sh", "-c", script, str(marker)], start_new_session=session)
        threading.Event().wait()
        return {}

    before = children()
    began = time.monotonic()
    with pytest.raises(FailedError, match="did not finish: it took more than 1 s and was ended"):
        bounded(Module(), hang, 1)

    assert time.monotonic() - began < 20
    assert children() == before
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_what_is_left_at_the_end_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "GRACE", 1.0)

    def leave() -> dict[str, t.Any]:
        return {"pid": subprocess.Popen(["sleep", "300"], start_new_session=True).pid}

    result = bounded(Module(), leave, 10)

    with pytest.raises(ProcessLookupError):
        os.kill(result["pid"], 0)


def test_processes_that_were_there_before_are_spared() -> None:
    server = subprocess.Popen(["sleep", "300"])
    try:
        bounded(Module(), dict, 10)
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()
