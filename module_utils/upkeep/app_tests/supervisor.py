# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run one suite as the service user, in a scratch folder, limited in time, memory and space.

A process between the module and the suite does it. When the module is killed, it still ends the
suite and removes the folder; when the suite breaks it, the module still reports that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import select
import shutil
import stat
import subprocess
import tempfile
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files, isolated
from ..base.processes import adopting_orphans
from . import command, junit, processes
from .errors import ReportError

#: Bytes of what a suite prints that are kept, from the end.
KEPT: t.Final = 4096
#: Seconds between two measurements of the space used.
INTERVAL: t.Final = 0.5
#: Seconds beyond a suite's own limit after which its supervisor itself is ended.
SLACK: t.Final = 2 * processes.GRACE + 20.0
LARGEST_COVERAGE: t.Final = 64 << 20
#: Records of lcov's format with the number of lines of a file, and of those that ran.
COUNTS: t.Final = (b"LF", b"LH")
PREFIX: t.Final = "upkeep-tests-"


@dataclass(frozen=True)
class SuiteJob:
    """One suite to run.

    ``build`` makes command and environment once the scratch folder is known. ``figures`` are the
    names of those that are read from its report.
    """

    account: pwd.struct_passwd
    build: t.Callable[[Path], tuple[list[str], dict[str, str]]]
    chdir: str
    seconds: float
    memory_mb: int
    space_mb: int
    coverage: bool
    figures: tuple[str, ...]


@dataclass
class SuiteOutcome:
    """How a suite ended.

    ``ended`` is itself, time, space, not_started or lost; ``why`` explains the last two.
    ``problem`` is why there is no report, ``tail`` the end of what was printed, ``others`` how
    many processes it left that were ended, ``running`` those that cannot be ended, ``remains`` a
    scratch folder that cannot be removed.
    """

    ended: str
    why: str = ""
    code: int = 0
    seconds: float = 0.0
    report: junit.JunitReport | None = None
    problem: str = ""
    coverage: float | None = None
    coverage_problem: str = ""
    tail: str = ""
    others: int = 0
    running: int = 0
    remains: str = ""


def run_suite(job: SuiteJob) -> SuiteOutcome:
    """Run a suite and return how it ended; never raises because of the suite."""
    parent = os.getpid()

    def work() -> Iterator[dict[str, t.Any]]:
        processes.become_supervisor(parent)
        with adopting_orphans():
            yield dataclasses.asdict(supervise(job))

    answers, problem = isolated.run(work, job.seconds, grace=SLACK)
    if not answers:
        return SuiteOutcome("lost", why=f"its supervisor ended: {problem}")

    answer = answers[0]
    if report := answer["report"]:
        figures = {
            name: junit.MeasuredFigure(*value) for name, value in report.pop("figures").items()
        }
        answer["report"] = junit.JunitReport(**report, figures=figures)

    return SuiteOutcome(**answer)


def supervise(job: SuiteJob) -> SuiteOutcome:
    """Run a suite from this process, which must be its supervisor."""
    if shutil.disk_usage(tempfile.gettempdir()).free < 2 * (job.space_mb << 20):
        return SuiteOutcome(
            "not_started", why=f"{tempfile.gettempdir()} has less than {2 * job.space_mb} MB free"
        )

    with _scratch(job) as (scratch, left):
        outcome = _run(job, scratch)

    outcome.remains = left[0] if left else ""

    return outcome


@contextlib.contextmanager
def _scratch(job: SuiteJob) -> Iterator[tuple[Path, list[str]]]:
    """Give a folder of the service user, and a list that names it afterwards if it remains."""
    scratch = Path(tempfile.mkdtemp(prefix=PREFIX))
    left: list[str] = []
    try:
        for name in (command.HOME, command.TEMPORARY, command.WORK):
            (scratch / name).mkdir(mode=0o700)

        for path in (*scratch.iterdir(), scratch):
            os.chown(path, job.account.pw_uid, job.account.pw_gid)

        yield scratch, left
    finally:
        _remove(scratch)
        if scratch.exists():
            left.append(str(scratch))


def _remove(scratch: Path) -> None:
    """Remove a folder with all that a suite put there.

    Without root, rights that the suite took away are given back first.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    if scratch.exists() and os.geteuid() != 0:
        for folder, _, _ in os.walk(scratch):
            os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101 - os.walk gives text
        shutil.rmtree(scratch, ignore_errors=True)


def _run(job: SuiteJob, scratch: Path) -> SuiteOutcome:
    argv, environment = job.build(scratch)
    processes.limit(job.memory_mb, job.space_mb)
    begun = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - argv list from the profile
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=job.chdir or scratch / command.WORK,
            env=environment,
            start_new_session=True,
            umask=0o077,
            # This process has no threads, so that its copy may run Python before the exec.
            preexec_fn=lambda: processes.limit_memory(job.memory_mb),
            **isolated.program_rights(job.account),
        )
    except OSError as error:
        return SuiteOutcome(
            "not_started", why=f"'{argv[0]}' cannot be run as {job.account.pw_name} ({error})"
        )

    tail = Tail(t.cast(t.IO[bytes], process.stdout).fileno())
    others = running = 0

    try:
        ended = _watch(process, job, scratch, tail)
        seconds = time.monotonic() - begun
    finally:
        others, running = processes.end(process)

    tail.take()
    outcome = SuiteOutcome(
        ended, code=process.returncode or 0, seconds=seconds, others=others, running=running
    )
    outcome.tail = tail.text()
    if ended == "itself":
        _read_reports(job, scratch, outcome)

    return outcome


@dataclass
class Tail:
    """The end of what comes out of a pipe; the rest is read, so that the writer never waits."""

    pipe: int
    kept: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """Make reading non-blocking."""
        os.set_blocking(self.pipe, False)

    def take(self) -> bool:
        """Take what is there, at most a little each time; return whether more may come."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):
                block = os.read(self.pipe, 1 << 16)
                if not block:
                    return False

                self.kept += block
                if len(self.kept) > KEPT:
                    # Half a word might be half a secret, which would not be recognised.
                    self.kept = self.kept[-KEPT:].partition(b" ")[2]

        return True

    def text(self) -> str:
        """Return the last line with more than a rule of ``=``."""
        lines = [line.strip() for line in self.kept.decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line.strip("= ")), "")


def _watch(process: subprocess.Popen[bytes], job: SuiteJob, scratch: Path, tail: Tail) -> str:
    """Wait until a suite ends or must be ended; return what ended it."""
    handle = os.pidfd_open(process.pid)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.register(tail.pipe, select.POLLIN)
    give_up = time.monotonic() + job.seconds
    look_at = time.monotonic()

    try:
        while (now := time.monotonic()) < give_up:
            ready = dict(poller.poll(max(min(give_up, look_at) - now, 0) * 1000 + 1))
            if tail.pipe in ready and not tail.take():
                poller.unregister(tail.pipe)

            if handle in ready:
                return "itself"

            if time.monotonic() >= look_at:
                if processes.used(scratch, job.space_mb << 20) > job.space_mb << 20:
                    return "space"
                look_at = time.monotonic() + INTERVAL
        return "time"
    finally:
        os.close(handle)


def _read_reports(job: SuiteJob, scratch: Path, outcome: SuiteOutcome) -> None:
    try:
        outcome.report = junit.parse(_content(scratch, command.REPORT, junit.LARGEST), job.figures)
    except ReportError as error:
        outcome.problem = str(error)

    if job.coverage:
        try:
            outcome.coverage = covered(_content(scratch, command.COVERAGE, LARGEST_COVERAGE))
        except ReportError as error:
            outcome.coverage_problem = str(error)


def covered(content: bytes) -> float:
    """Return the covered share (%) of all lines that a report in the format of lcov gives.

    Raises ReportError.
    """
    counts = dict.fromkeys(COUNTS, 0)
    for line in content.split(b"\n"):
        name, _, number = line.strip().partition(b":")
        if name in COUNTS:
            if not number.isdigit():
                raise ReportError("the report on coverage is damaged")
            counts[name] += int(number)

    found, hit = counts.values()
    if not content.endswith(b"end_of_record\n") or not 0 <= hit <= found or not found:
        raise ReportError("the report on coverage is damaged, cut short or empty")

    return 100 * hit / found


def _content(scratch: Path, name: str, limit: int) -> bytes:
    """Return a file that a suite wrote; raises ReportError. Follows no link, waits for no FIFO."""
    try:
        return files.read_bytes(scratch / name, limit, root=scratch)
    except FileNotFoundError as error:
        raise ReportError("it wrote no report") from error
    except OSError as error:
        raise ReportError(f"{name} cannot be read: it {files.reason_of(error)}") from error
