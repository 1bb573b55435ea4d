# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job of a host outlives the connection, says a line a minute, and answers as its module does."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.upkeep.backup.options import OPTIONS

from upkeep.actions import long_job
from upkeep.actions.long_job import GRACE, LINE_SECONDS, SILENT_SECONDS, LongJobAction

HOST = {"inventory_hostname": "shop-1"}
RUNNING = {"started": True, "finished": False, "ansible_job_id": "j1.2"}
DONE = {**RUNNING, "finished": True, "changed": True, "made": "20260301T020000Z"}
Answer = dict[str, t.Any] | Exception


def boot(kernel: str, first_process: str = "") -> str:
    """Return what a host says of its boot."""
    return f"upkeep_boot={kernel}:{first_process}\n"


class FakeJob(LongJobAction):
    """An action with a host that answers what a test says; nothing of Ansible is started."""

    OPTIONS = OPTIONS
    MAX_SECONDS = 3600

    def __init__(self, answers: Iterator[Answer], check_mode: bool = False) -> None:
        self._answers = answers
        self._task = SimpleNamespace(
            check_mode=check_mode, async_val=0, action="backup", no_log=False
        )
        self._connection = SimpleNamespace(
            _shell=SimpleNamespace(tmpdir="/tmp/x"),  # noqa: S108 - no file is made
            reset=lambda: self.calls.append("reset"),
        )
        self._display = SimpleNamespace(display=lambda text: self.lines.append(text))
        self.calls: list[str] = []
        self.lines: list[str] = []
        self.limits: list[int] = []
        self.boots: Iterator[str] = itertools.repeat(boot("a", "7"))

    def _low_level_execute_command(self, command: str, sudoable: bool) -> dict[str, t.Any]:
        return {"rc": 0, "stdout": next(self.boots)}

    def get_shell_option(self, name: str, default: str) -> str:
        return default

    def progress(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> str:
        return "database, 1 of 2, has 40 MiB\x1b[2K"

    def _execute_module(self, **call: t.Any) -> dict[str, t.Any]:
        if call.get("wrap_async"):
            self.limits.append(self._task.async_val)
            self.calls.append("start")
            return RUNNING
        if "module_name" not in call:
            self.calls.append("call")
            return {"changed": False}
        mode = call["module_args"]["mode"]
        self.calls.append(mode)
        if mode == "cleanup":
            return {}
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put the clock in the place of the real one."""
    made = Clock()
    monkeypatch.setattr(long_job, "time", made)

    return made


def lost() -> AnsibleConnectionFailure:
    """Return what a connection that breaks raises."""
    return AnsibleConnectionFailure("Connection closed by 192.0.2.1")


def run(
    answers: list[Answer] | Callable[[], Iterator[Answer]], **args: t.Any
) -> tuple[FakeJob, dict[str, t.Any]]:
    """Run a job and return it with its answer."""
    job = FakeJob(answers() if callable(answers) else iter(answers))

    return job, job.call_as_job(args, HOST)


def test_it_answers_as_the_module_does() -> None:
    job, answer = run([RUNNING, DONE], max_seconds="600")

    assert answer == {"changed": True, "made": "20260301T020000Z"}
    assert job.calls == ["start", "status", "status", "cleanup"]
    assert job.limits == [600 + GRACE]
    assert job._task.async_val == 0
    assert job._connection._shell.tmpdir is None


def test_a_short_job_is_not_waited_for_long(clock: Clock) -> None:
    run([DONE])

    assert clock.now - 1000 < 2


def test_a_module_that_fails_fails_the_task() -> None:
    _, answer = run([{**DONE, "failed": True, "msg": "the root is not mounted"}])

    assert answer["failed"]
    assert answer["msg"] == "the root is not mounted"


def test_what_the_host_says_records_nothing_by_itself() -> None:
    _, answer = run([{**DONE, "upkeep_recorded": [1], "ansible_facts": {"x": 1}}])

    assert answer == {"changed": True, "made": "20260301T020000Z"}


@pytest.mark.parametrize(
    "answers",
    [[RUNNING, lost(), RUNNING], [RUNNING] * 20],
    ids=["the connection was lost", "so fast that nothing was lost"],
)
@pytest.mark.parametrize(
    "boots",
    [(boot("a", "7"), boot("b", "7")), (boot("a", "7"), boot("a", "90"))],
    ids=["host", "container"],
)
def test_a_job_that_ended_with_a_boot_is_not_waited_for(
    clock: Clock, boots: tuple[str, str], answers: list[Answer]
) -> None:
    """Its file still says that it runs, and the run would hold its lock for hours."""
    job = FakeJob(iter(answers))
    job.boots = iter(boots)

    answer = job.call_as_job({}, HOST)

    assert answer == {"failed": True, "msg": "The host booted, which ended the job j1.2."}
    assert clock.now - 1000 < 2 * LINE_SECONDS


@pytest.mark.parametrize(
    "boots",
    [
        ("", boot("b", "7")),
        (boot("a", "7"), ""),
        (boot("a", "7"), boot("a")),
        (boot("a"), boot("a", "7")),
        (f"It is 02:00\n{boot('a', '7')}", f"It is 03:00\r\n{boot('a', '7')}"),
    ],
    ids=["before", "after", "a part after", "a part before", "a shell that says something"],
)
def test_a_boot_that_is_not_known_ends_no_job(boots: tuple[str, str]) -> None:
    job = FakeJob(iter([RUNNING, lost(), RUNNING, DONE]))
    job.boots = iter(boots)

    assert job.call_as_job({}, HOST)["made"] == "20260301T020000Z"


def test_a_lost_connection_ends_neither_the_job_nor_the_run() -> None:
    job, answer = run([RUNNING, lost(), lost(), DONE])

    assert answer["made"] == "20260301T020000Z"
    assert job.calls.count("start") == 1
    assert job.calls.count("reset") == 2
    assert "the connection is lost, the job goes on" in job.lines[0]


def test_a_host_that_stays_away_is_given_up(clock: Clock) -> None:
    def never() -> Iterator[Answer]:
        while True:
            yield lost()

    with pytest.raises(AnsibleConnectionFailure):
        run(never)

    assert SILENT_SECONDS < clock.now - 1000 < SILENT_SECONDS + 60


def test_a_line_a_minute_says_how_far_it_is() -> None:
    job, _ = run([*[RUNNING] * 40, DONE])
    minutes = int((0.5 + 1 + 1 + 2 + 3 + 5 + 10 * 34) // LINE_SECONDS)

    assert minutes - 1 <= len(job.lines) <= minutes
    assert job.lines[0].startswith("shop-1: backup goes on, 1 min: database, 1 of 2, has 40 MiB")
    assert "\x1b" not in job.lines[0]


def test_a_job_that_never_ends_fails(clock: Clock) -> None:
    def never() -> Iterator[Answer]:
        while True:
            yield RUNNING

    _, answer = run(never, max_seconds=100)

    assert answer["failed"]
    assert "did not end within" in answer["msg"]
    assert clock.now - 1000 < 100 + 3 * GRACE


def test_check_mode_starts_no_job() -> None:
    job = FakeJob(iter(()), check_mode=True)

    assert job.call_as_job({}, HOST) == {"changed": False}
    assert job.calls == ["call"]


@pytest.mark.parametrize(
    "artefact",
    [
        {"name": "database", "postgresql": {"database": "shop", "login_password": "s3cret"}},
        {"name": "cache", "redis": {"password": "s3cret"}},
    ],
)
def test_a_password_is_in_no_job_whose_options_lie_in_a_file(artefact: dict[str, t.Any]) -> None:
    job = FakeJob(iter(()))

    job.call_as_job({"artefacts": [{"name": "files", "files": {}}, artefact]}, HOST)

    assert job.calls == ["call"]


def test_a_password_that_is_empty_is_none() -> None:
    job, _ = run([DONE], artefacts=[{"name": "cache", "redis": {"password": ""}}])

    assert job.calls[0] == "start"
