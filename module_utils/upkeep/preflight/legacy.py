# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the jobs that older, hand-written instructions left on a host."""

from __future__ import annotations

import os
import re
import stat
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding, finding
from ansible.module_utils.upkeep.preflight.crontab import (
    crontab_jobs,
    logrotate_sections,
    script_lines,
)

Kind = t.Literal["crontab", "user_crontab", "cron_file", "script", "logrotate"]
#: cron and run-parts skip names with a dot, logrotate skips this ending: one suffix silences a file
#: for all of them.
ADOPTED_SUFFIX: t.Final = ".upkeep-adopted.disabled"
ADOPTED_MARK: t.Final = "# upkeep-adopted: "
#: First words of what Upkeep itself writes; those files are not somebody's old job.
OURS: t.Final = "# Managed by Ansible (Upkeep"
_CRON_NAME = re.compile(r"[A-Za-z0-9_-]+")
_UNREAD_BY_LOGROTATE: t.Final = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new", ".dpkg-old",
    ".dpkg-tmp", ".rpmnew", ".rpmorig", ".rpmsave", ".swp", ".ucf-dist", ".ucf-new", ".ucf-old", "~",
)  # fmt: skip
_MAX_BYTES: t.Final = 1024 * 1024

_SECRETS: t.Final = (
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), r"\1:***@"),
    (re.compile(r"(?i)\b(authorization:\s*\w+\s+)[^\s'\"]+"), r"\1***"),
    (
        re.compile(
            r"(?i)([\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credential)[\w-]*)([=:]\s*|\s+)(\S+)"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?<!\S)(-p)(?=\S)[^\s-]\S*"), r"\1***"),
    (re.compile(r"(?<!\S)(-u\s*[^\s:]+):\S+"), r"\1:***"),
)


@dataclass(frozen=True)
class Place:
    """A file that cron or logrotate reads, with its text."""

    path: str
    kind: Kind
    text: str
    link: bool


@dataclass(frozen=True)
class Hit:
    """A place with an old job; ``lines`` are the numbers of the crontab lines that match (from 0).

    ``whole`` tells that nothing but old jobs is in the file, so that the file as a whole may go.
    """

    place: Place
    lines: tuple[int, ...]
    shown: tuple[str, ...]
    whole: bool


@dataclass
class Scan:
    """What was read, what was found, and what could not be read."""

    read: int = 0
    hits: list[Hit] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def redact(text: str) -> str:
    """Return ``text`` without what looks like a password, token or key."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def scan(patterns: list[re.Pattern[str]], root: Path = Path("/")) -> Scan:
    """Return all places below ``root`` where a job matches one of ``patterns``."""
    result = Scan()
    if not patterns:
        return result

    for path, kind in sorted(_candidates(root)):
        try:
            place = _read(path, kind)
        except FileNotFoundError:  # gone since the folder was listed, or a link that leads nowhere
            continue
        except OSError:
            result.unreadable.append(str(path))
            continue

        if place is None or place.text.startswith(OURS):
            continue

        result.read += 1
        hit = _match(place, patterns)
        if hit is not None:
            result.hits.append(hit)

    return result


def _candidates(root: Path) -> t.Iterator[tuple[Path, Kind]]:
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


def _read(path: Path, kind: Kind) -> Place | None:
    """Return the place, none when it is not a file; raises OSError.

    A large file is cut: jobs are short.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return None

    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES)

    return Place(str(path), kind, data.decode("utf-8", "surrogateescape"), path.is_symlink())


def _match(place: Place, patterns: list[re.Pattern[str]]) -> Hit | None:
    def matches(text: str) -> bool:
        return any(pattern.search(text) for pattern in patterns)

    if place.kind in ("crontab", "cron_file", "user_crontab"):
        jobs = crontab_jobs(place.text, with_user=place.kind != "user_crontab")
        found = [job for job in jobs if matches(job.command)]
        shown = tuple(f"{job.when} {job.command}" for job in found)
        whole = place.kind == "cron_file" and len(found) == len(jobs)
        return Hit(place, tuple(job.line for job in found), shown, whole) if found else None

    if place.kind == "logrotate":
        sections = logrotate_sections(place.text)
        named = [section for section in sections if matches(section)]
        return Hit(place, (), tuple(named), whole=len(named) == len(sections)) if named else None

    lines = [line for line in (place.path, *script_lines(place.text)) if matches(line)]

    return Hit(place, (), tuple(lines), whole=True) if lines else None


def printable(text: str, limit: int = 200) -> str:
    """Return ``text`` on one line, without secrets or control characters, cut to ``limit`` characters."""
    clean = "".join(char if char.isprintable() else "?" for char in redact(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def legacy_findings(result: Scan) -> list[Finding]:
    """Return one warning for each place with old jobs, and one finding for the search itself."""
    return [*(_hit_finding(hit) for hit in result.hits), _scan_finding(result)]


def _hit_finding(hit: Hit) -> Finding:
    more = f" and {len(hit.shown) - 1} more" if len(hit.shown) > 1 else ""
    message = (
        f"An old job still runs here: {printable(hit.shown[0])}{more}. "
        "Take it over with -e preflight_legacy=adopt, or remove it with -e preflight_legacy=remove."
    )
    check = f"legacy:{printable(hit.place.path)}"

    return finding(check, "warning", message, observed=len(hit.shown), expected=0, unit="jobs")


def _scan_finding(result: Scan) -> Finding:
    if result.unreadable:
        message = f"Not every place of old jobs could be read: {printable(result.unreadable[0])}. Does the play use become?"
        return finding(
            "legacy:scan",
            "unknown",
            message,
            observed=len(result.unreadable),
            expected=0,
            unit="files",
        )

    message = f"Looked for old jobs in {result.read} files of cron and logrotate."
    return finding("legacy:scan", "ok", message, observed=len(result.hits), unit="files")
