# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the jobs that older, hand-written instructions left on a host.

Users write some of these files, so all of this runs in a bounded process.
"""

from __future__ import annotations

import errno
import os
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..base import files
from .crontab import crontab_jobs, logrotate_names, logrotate_sections, script_lines

Kind = t.Literal["crontab", "user_crontab", "cron_file", "script", "logrotate"]
#: cron and run-parts skip names with a dot, logrotate skips this ending: one suffix silences a file
#: for all of them.
ADOPTED_SUFFIX: t.Final = ".upkeep-adopted.disabled"
ADOPTED_MARK: t.Final = "# upkeep-adopted: "
#: First words of what Upkeep itself writes; those files are not somebody's old job.
OURS: t.Final = "# Managed by Ansible (Upkeep"
#: Jobs are short: of a larger file only the beginning is read.
MAX_BYTES: t.Final = 1 << 20
_CRON_NAME: t.Final = re.compile(r"[A-Za-z0-9_-]+")
_UNREAD_BY_LOGROTATE: t.Final = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new",
    ".dpkg-old", ".dpkg-tmp", ".rpmnew", ".rpmorig", ".rpmsave", ".swp", ".ucf-dist", ".ucf-new",
    ".ucf-old", "~",
)  # fmt: skip


@dataclass(frozen=True)
class JobFile:
    """A file that cron or logrotate reads; ``is_cut`` when only the beginning was read.

    ``target`` is what a link leads to, '' for a file of its own.
    """

    path: str
    kind: Kind
    text: str
    is_link: bool
    is_cut: bool = False
    target: str = ""


@dataclass(frozen=True)
class LegacyJobs:
    """A file with old jobs; ``lines`` are the numbers of the matching crontab lines, from 0.

    ``commands`` are the jobs, for people. ``is_whole`` when nothing but old jobs is in the file, so
    that the file as a whole may go.
    """

    file: JobFile
    lines: tuple[int, ...]
    commands: tuple[str, ...]
    is_whole: bool


@dataclass
class LegacyScan:
    """How many files were read, what was found, and which files could not be read."""

    read: int = 0
    found: list[LegacyJobs] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, t.Any]:
        """Return the scan as plain data, for the way between two processes."""
        return asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, t.Any]) -> LegacyScan:
        """Return the scan that ``as_json`` gave."""
        found = [
            LegacyJobs(
                JobFile(**jobs["file"]),
                tuple(jobs["lines"]),
                tuple(jobs["commands"]),
                jobs["is_whole"],
            )
            for jobs in data["found"]
        ]
        return cls(data["read"], found, list(data["unreadable"]))


def scan(patterns: Sequence[re.Pattern[str]], root: Path = Path("/")) -> LegacyScan:
    """Return all files below ``root`` in which a job matches one of the patterns."""
    result = LegacyScan()
    if not patterns:
        return result

    for path, kind in sorted(_candidates(root)):
        try:
            file = _read(path, kind)
        except FileNotFoundError:  # gone since the folder was listed, or a link that leads nowhere
            continue
        except OSError as error:
            if error.errno != errno.EINVAL:  # what is not a regular file, cron does not read
                result.unreadable.append(str(path))
            continue

        if not file.text.startswith(OURS):
            result.read += 1
            if jobs := _matching(file, patterns):
                result.found.append(jobs)

    return result


def read_again(file: JobFile) -> bool:
    """Return whether the file still has the text that was scanned; raises OSError."""
    return _read(Path(file.path), file.kind).text == file.text


def _candidates(root: Path) -> Iterator[tuple[Path, Kind]]:
    etc = root / "etc"
    if (etc / "crontab").exists():
        yield etc / "crontab", "crontab"

    for path in _entries(etc / "cron.d"):
        if _CRON_NAME.fullmatch(path.name):
            yield path, "cron_file"

    for period in ("hourly", "daily", "weekly", "monthly"):
        for path in _entries(etc / f"cron.{period}"):
            if _CRON_NAME.fullmatch(path.name) and os.access(path, os.X_OK):
                yield path, "script"

    for path in _entries(root / "var/spool/cron/crontabs"):
        yield path, "user_crontab"

    for path in _entries(etc / "logrotate.d"):
        if not path.name.endswith(_UNREAD_BY_LOGROTATE):
            yield path, "logrotate"


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _read(path: Path, kind: Kind) -> JobFile:
    """Return the file; raises OSError, also for a link that somebody other than root made."""
    data = files.read_bytes(path, MAX_BYTES + 1, trusted_links=True, cut=True)
    text = data[:MAX_BYTES].decode("utf-8", "surrogateescape")

    target = os.path.realpath(path) if path.is_symlink() else ""

    return JobFile(str(path), kind, text, bool(target), len(data) > MAX_BYTES, target)


def _matching(file: JobFile, patterns: Sequence[re.Pattern[str]]) -> LegacyJobs | None:
    """Return the old jobs of a file, None without any."""

    def matches(text: str) -> bool:
        return any(pattern.search(text) for pattern in patterns)

    if file.kind in ("crontab", "cron_file", "user_crontab"):
        jobs = crontab_jobs(file.text, with_user=file.kind != "user_crontab")
        # Where the file itself lies in an old folder, all its jobs are old.
        old = [job for job in jobs if matches(job.command) or matches(file.target)]
        commands = tuple(f"{job.when} {job.command}" for job in old)
        is_whole = file.kind == "cron_file" and len(old) == len(jobs)
        numbers = tuple(job.line for job in old)
        return LegacyJobs(file, numbers, commands, is_whole) if old else None

    if file.kind == "logrotate":
        sections = logrotate_sections(file.text)
        named = tuple(section for section in sections if matches(section))
        # A file goes as a whole only when each log in it is old: the others would grow for ever.
        is_whole = all(matches(os.path.normpath(name)) for name in logrotate_names(file.text))
        return LegacyJobs(file, (), named, is_whole) if named else None

    lines = tuple(
        line for line in (file.path, file.target, *script_lines(file.text)) if matches(line)
    )

    return LegacyJobs(file, (), lines, is_whole=True) if lines else None
