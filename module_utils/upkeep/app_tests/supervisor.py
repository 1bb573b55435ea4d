# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry out one suite: as the service user, in a scratch folder, bounded in time, memory and space.

Then clear up.

A process between the module and the suite does it. When the module is killed, it ends the suite and
removes the folder nevertheless; when the suite breaks it, the module is still there to say so.
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

from ..base import isolated
from . import command, junit, processes
from .errors import ReportError

#: Bytes of what a suite prints that are kept, from the end.
KEPT: t.Final = 4096
#: Seconds between two looks at how much space is used.
INTERVAL: t.Final = 0.5
#: Seconds beyond a suite's own limit after which its supervisor itself is ended.
SLACK: t.Final = 2 * processes.GRACE + 20.0
LARGEST_COVERAGE: t.Final = 64 << 20
#: Lines of lcov's format that say how many lines of a file there are, and how many of them were
#: run.
COUNTS: t.Final = (b"LF", b"LH")
PREFIX: t.Final = "upkeep-tests-"


@dataclass(frozen=True)
class Job:
    """One suite to carry out.

    ``build`` makes command and environment once the scratch folder is known.
    """

    account: pwd.struct_passwd
    build: t.Callable[[Path], tuple[list[str], dict[str, str]]]
    chdir: str
    seconds: float
    memory_mb: int
    space_mb: int
    coverage: bool


@dataclass
class Outcome:
    """What came of a suite.

    ``ended`` is itself, time, space, not_started or lost; ``why`` explains the last two.
    ``problem`` says why there is no report, ``tail`` the end of what was printed, ``others`` how
    many processes were left to be ended.
    """

    ended: str
    why: str = ""
    code: int = 0
    seconds: float = 0.0
    report: junit.Report | None = None
    problem: str = ""
    coverage: float | None = None
    coverage_problem: str = ""
    tail: str = ""
    others: int = 0
    running: int = 0
    remains: str = ""


def carry_out(job: Job) -> Outcome:
    """Carry a suite out and return what came of it; never raises because of the suite."""
    parent = os.getpid()

    def work() -> Iterator[dict[str, t.Any]]:
        processes.become_supervisor(parent)
        yield dataclasses.asdict(supervise(job))

    answers, problem = isolated.run(work, job.seconds, grace=SLACK)
    if not answers:
        return Outcome("lost", why=f"what watched it is lost: {problem}")

    said = answers[0]
    if said["report"]:
        figures = {
            name: junit.Measured(*value) for name, value in said["report"].pop("figures").items()
        }
        said["report"] = junit.Report(**said["report"], figures=figures)

    return Outcome(**said)


def supervise(job: Job) -> Outcome:
    """Carry a suite out in this process, which must be its supervisor."""
    if shutil.disk_usage(tempfile.gettempdir()).free < 2 * (job.space_mb << 20):
        return Outcome(
            "not_started", why=f"{tempfile.gettempdir()} has less than {2 * job.space_mb} MB free"
        )

    with _scratch(job) as (scratch, left):
        outcome = _run(job, scratch)

    outcome.remains = left[0] if left else ""

    return outcome


@contextlib.contextmanager
def _scratch(job: Job) -> Iterator[tuple[Path, list[str]]]:
    """Give a folder of the service user, and a list that names it afterwards should it not be removable."""
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

    It may have taken rights away, which only stops non-root.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    if scratch.exists() and os.geteuid() != 0:
        for folder, _, _ in os.walk(scratch):
            os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101 - os.walk gives text
        shutil.rmtree(scratch, ignore_errors=True)


def _run(job: Job, scratch: Path) -> Outcome:
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
            **isolated.program_rights(job.account),
        )
    except OSError as error:
        return Outcome(
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
    outcome = Outcome(
        ended, code=process.returncode or 0, seconds=seconds, others=others, running=running
    )
    outcome.tail = tail.text()
    if ended == "itself":
        _read_reports(job, scratch, outcome)

    return outcome


@dataclass
class Tail:
    """The end of what comes out of a pipe.

    The rest is read too, so that the writer never waits, and forgotten.
    """

    pipe: int
    kept: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """Let no reader wait."""
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
                    # Half a word might be half a secret, which nobody would recognise.
                    self.kept = self.kept[-KEPT:].partition(b" ")[2]

        return True

    def text(self) -> str:
        """Return the last line that says something."""
        lines = [line.strip() for line in self.kept.decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line.strip("= ")), "")


def _watch(process: subprocess.Popen[bytes], job: Job, scratch: Path, tail: Tail) -> str:
    """Wait until a suite ends or must be ended; return which."""
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


def _read_reports(job: Job, scratch: Path, outcome: Outcome) -> None:
    try:
        outcome.report = junit.parse(_content(scratch / command.REPORT, junit.LARGEST))
    except ReportError as error:
        outcome.problem = str(error)

    if job.coverage:
        try:
            outcome.coverage = covered(_content(scratch / command.COVERAGE, LARGEST_COVERAGE))
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


def _content(path: Path, largest: int) -> bytes:
    """Return a file that a suite wrote; raises ReportError. Follows no link, waits for no FIFO."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ReportError(f"{path.name} is no regular file")
            return stream.read(largest + 1)
    except FileNotFoundError as error:
        raise ReportError("it wrote no report") from error
    except OSError as error:
        raise ReportError(f"{path.name} cannot be read ({error.strerror})") from error
