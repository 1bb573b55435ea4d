# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs in a pipe: all of them bounded by one deadline, the exit status of each looked at."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..base import isolated
from ..base.deadline import Deadline
from ..base.memory_files import MAX_BYTES, is_in_memory
from ..base.owner import Owner
from ..base.text import visible
from .manifest import Stage

#: Who reads and writes what needs no rights, when we are root.
NOBODY: t.Final = "nobody"
_PAUSE: t.Final = 0.02
_CHUNK: t.Final = 1 << 20
#: A program that complains more than this is ended, bytes.
_MOST_COMPLAINTS: t.Final = 1 << 20
_TAIL: t.Final = 400
_VARIABLES: t.Final = ("PATH", "TZ")


class ProgramError(Exception):
    """A program failed, hung or is missing; the message says which and why."""


class ProgramMissingError(ProgramError):
    """A program cannot be started at all: nothing is known of what it would have read."""


@dataclass(frozen=True)
class Program:
    """A program to run. ``run_as`` is the account it gets, None for ours.

    ``accepted`` are the exit statuses that are no failure.
    """

    argv: tuple[str, ...]
    run_as: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[int, ...] = (0,)

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.argv[0].rpartition("/")[2]


def compressing() -> Program:
    """Return the program that compresses, with a checksum over what it was given.

    In one thread: the other processors belong to the application.
    """
    return Program(("zstd", "-q", "--check", "-1", "--single-thread", "-c"), harmless())


def expanding() -> Program:
    """Return the program that gives back what ``compressing`` was given."""
    return Program(("zstd", "-q", "-d", "-c", "--memory=128MB"), harmless())


def harmless() -> str | None:
    """Return the account without rights, None when we cannot become it anyway."""
    return NOBODY if os.geteuid() == 0 else None


def harmless_owner() -> Owner | None:
    """Return who reads what may be damaged: that account, None when we cannot become it."""
    name = harmless()
    if name is None:
        return None
    account = isolated.account_of(name)

    return Owner(account.pw_uid, account.pw_gid)


class Pipeline:
    """Programs that run, the output of each being the input of the next."""

    def __init__(self, programs: Sequence[Program], source: int | None, out: int) -> None:
        """Start them from a descriptor to a descriptor; raises ProgramError."""
        self._programs = programs
        self._started = time.monotonic()
        self._seconds: dict[int, float] = {}
        self._complaints: list[int] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._failure: ProgramError | None = None
        own: int | None = None

        try:
            for number, program in enumerate(programs):
                last = number == len(programs) - 1
                read_end, write_end = (None, out) if last else _wide_pipe()
                self._start(program, source if number == 0 else own, write_end)
                if own is not None:
                    os.close(own)
                if not last:
                    os.close(write_end)
                own = read_end
        except BaseException:
            if own is not None:
                os.close(own)
            self.kill()
            raise

    def _start(self, program: Program, source: int | None, out: int) -> None:
        complaints = os.memfd_create("complaints", os.MFD_CLOEXEC)
        self._complaints.append(complaints)
        rights: dict[str, t.Any] = {}
        try:
            if program.run_as:
                rights = isolated.program_rights(isolated.account_of(program.run_as))
            self._processes.append(
                subprocess.Popen(  # noqa: S603 - argv list, no shell
                    _limited(program.argv) if is_in_memory(out) else program.argv,
                    stdin=subprocess.DEVNULL if source is None else source,
                    stdout=out,
                    stderr=complaints,
                    env=_environment(program),
                    cwd="/",
                    process_group=0,
                    **rights,
                )
            )
        except (OSError, isolated.IsolatedError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ProgramMissingError(f"{program.name} cannot be started: {reason}") from error

    def check(self) -> None:
        """Raise ProgramError when a program has failed already or complains without an end."""
        for number, process in enumerate(self._processes):
            if process.poll() is not None and number not in self._seconds:
                self._seconds[number] = time.monotonic() - self._started
            if os.fstat(self._complaints[number]).st_size > _MOST_COMPLAINTS:
                raise ProgramError(f"{self._programs[number].name} complains without an end")

    @property
    def has_ended(self) -> bool:
        """Whether all programs have ended."""
        return all(process.poll() is not None for process in self._processes)

    def finish(self, deadline: Deadline) -> list[Stage]:
        """Wait for all; raises ProgramError when one fails or the time is over.

        Whoever feeds a pipe that failed meets the same failure each time.
        """
        if self._failure is not None:
            raise self._failure

        try:
            while True:
                self.check()
                if len(self._seconds) == len(self._processes):
                    break
                if deadline.is_over():
                    raise ProgramError(self._too_slow(deadline))
                time.sleep(_PAUSE)
            self._raise_failure()
            return [
                Stage(program.name, round(self._seconds[number], 3), self._status(number))
                for number, program in enumerate(self._programs)
            ]
        except ProgramError as error:
            self._failure = error
            raise
        finally:
            self.kill()

    def refuse_more(self, deadline: Deadline) -> t.NoReturn:
        """Raise ProgramError: the first program reads no more, because it failed or just so."""
        self.finish(deadline)
        self._failure = ProgramError(f"{self._programs[0].name} stopped reading")

        raise self._failure

    def kill(self) -> None:
        """End what still runs, and forget all of it."""
        for process in self._processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(isolated.GRACE)
        for descriptor in self._complaints:
            os.close(descriptor)
        self._complaints, self._processes = [], []

    def _too_slow(self, deadline: Deadline) -> str:
        running = [
            program.name
            for number, program in enumerate(self._programs)
            if number not in self._seconds
        ]
        return f"{' and '.join(running)} took more than {deadline.seconds:g} s"

    def _raise_failure(self) -> None:
        """Name the first program that failed by itself, not one that lost its reader to it."""
        failed = [
            number
            for number, program in enumerate(self._programs)
            if self._status(number) not in program.accepted
        ]
        by_itself = [one for one in failed if self._status(one) != -signal.SIGPIPE]
        if not failed:
            return

        number = (by_itself or failed)[0]
        if self._status(number) == -signal.SIGXFSZ:
            name = self._programs[number].name
            raise ProgramError(f"{name} wrote more than {MAX_BYTES >> 20} MiB, too much for memory")
        complaint = self._complaint(number)
        text = f"{self._programs[number].name} ended with {self._status(number)}"
        raise ProgramError(f"{text}: {complaint}" if complaint else text)

    def _status(self, number: int) -> int:
        return t.cast(int, self._processes[number].returncode)

    def _complaint(self, number: int) -> str:
        """Return the first line of the program's standard error."""
        data = os.pread(self._complaints[number], _TAIL, 0)
        lines = data.decode("utf-8", "replace").strip().splitlines()

        return visible(lines[0]) if lines else ""


def _wide_pipe() -> tuple[int, int]:
    """Return a pipe that holds much, so that its two programs wait less for each other."""
    read_end, write_end = os.pipe()
    with contextlib.suppress(OSError):  # an account may have so many of them only
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _CHUNK)

    return read_end, write_end


def _limited(argv: Sequence[str]) -> Sequence[str]:
    """Return a command that ends when it writes more than memory is for."""
    return ("prlimit", f"--fsize={MAX_BYTES}", *argv)


def run(
    programs: Sequence[Program], out: int, deadline: Deadline, source: int | None = None
) -> list[Stage]:
    """Run a pipe of programs from a descriptor to a descriptor; raises ProgramError."""
    return Pipeline(programs, source, out).finish(deadline)


def run_together(programs: Sequence[Program], deadline: Deadline) -> None:
    """Run programs beside each other, without input, and drop their output; raises ProgramError."""
    pipelines: list[Pipeline] = []
    nothing = os.memfd_create("output", os.MFD_CLOEXEC)
    try:
        for program in programs:
            pipelines.append(Pipeline([program], None, nothing))
        for pipeline in pipelines:
            pipeline.finish(deadline)
    finally:
        for pipeline in pipelines:
            pipeline.kill()
        os.close(nothing)


@contextlib.contextmanager
def writing(
    programs: Sequence[Program], out: int, deadline: Deadline, stages: list[Stage]
) -> Iterator[Callable[[bytes], int]]:
    """Yield a function that feeds a pipe of programs; ``stages`` gets what ran.

    Raises ProgramError, TimeoutError.
    """
    read_end, write_end = os.pipe()
    try:
        pipeline = Pipeline(programs, read_end, out)
    except ProgramError:
        os.close(write_end)
        raise
    finally:
        os.close(read_end)

    os.set_blocking(write_end, False)

    def feed(data: bytes) -> int:
        left = memoryview(data)
        while left:
            if not _ready(write_end, select.POLLOUT, deadline):
                deadline.remaining()
                pipeline.check()
                continue
            try:
                left = left[os.write(write_end, left) :]
            except BrokenPipeError:
                pipeline.refuse_more(deadline)
        return len(data)

    try:
        yield feed
    except BaseException:
        os.close(write_end)
        pipeline.kill()
        raise
    os.close(write_end)
    stages += pipeline.finish(deadline)


def reading(
    programs: Sequence[Program],
    source: int | None,
    deadline: Deadline,
    stages: list[Stage] | None = None,
) -> Iterator[bytes]:
    """Yield what a pipe of programs makes of a descriptor; raises ProgramError, TimeoutError."""
    read_end, write_end = os.pipe()
    try:
        pipeline = Pipeline(programs, source, write_end)
    except ProgramError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)

    try:
        while True:
            if not _ready(read_end, select.POLLIN, deadline):
                deadline.remaining()
                pipeline.check()
                continue
            if not (chunk := os.read(read_end, _CHUNK)):
                break
            yield chunk
    except BaseException:
        pipeline.kill()
        raise
    finally:
        os.close(read_end)

    ran = pipeline.finish(deadline)
    if stages is not None:
        stages += ran


def _ready(descriptor: int, event: int, deadline: Deadline) -> bool:
    poller = select.poll()
    poller.register(descriptor, event)
    return bool(poller.poll(min(deadline.left, 1.0) * 1000))


def _environment(program: Program) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _VARIABLES if name in os.environ}

    return {"LC_ALL": "C.UTF-8", **kept, **program.environment}
