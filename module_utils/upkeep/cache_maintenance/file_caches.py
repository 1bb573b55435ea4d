# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One folder of cached files: looked at and swept by a process with the rights of its owner."""

from __future__ import annotations

import fnmatch
import gc
import operator
import os
import re
import time
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ..base import files, isolated
from ..base.ownership import OwnedPath, owned_path
from ..base.text import percentile
from .settings import EntryClass, FileCache
from .sweeping import LIVES, CacheEntry, SweepPlan, plan_sweep
from .validation import change_in, fault_of

#: A larger entry is not read, bytes.
MOST_BYTES: t.Final = 16 << 20
#: Names that a report carries.
NAMED: t.Final = 5
#: Entries that are read to find the youngest valid one of a class.
MOST_READ: t.Final = 200

_AGE: t.Final = operator.itemgetter(CacheEntry._fields.index("age"))

#: Which entries a call removes: those past their time, those that are not valid, or all of some
#: classes; the last two only when they are older than a moment.
Removal = t.Literal["", "expired", "invalid", "everything"]


class FileCacheError(Exception):
    """A folder cannot be looked at; the message is a clause that says why."""


@dataclass
class ClassReport:
    """What was seen of one class; ages are seconds, sizes bytes.

    ``newest_valid`` is the age of the youngest valid entry, None without one. ``change`` is the age
    of the youngest entry that says that the source has changed.
    """

    count: int = 0
    size: int = 0
    stale: int = 0
    ages: list[float] = field(default_factory=list)
    newest_valid: float | None = None
    sampled: int = 0
    valid: int = 0
    invalid: list[str] = field(default_factory=list)
    due: int = 0
    removed: int = 0
    freed: int = 0
    removable: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    kept_count: int = 0
    reason: str = ""
    failed: list[str] = field(default_factory=list)
    change: float | None = None


@dataclass(frozen=True)
class Request:
    """What to do with a folder.

    ``sample`` entries of each class are validated. What ``removal`` names is removed unless it is a
    ``rehearsal``; of ``classes`` only, when there are some, and only what was written before
    ``before``, in seconds since 1970, when that is given.
    """

    sample: int = 0
    removal: Removal = ""
    rehearsal: bool = False
    classes: tuple[str, ...] = ()
    before: float | None = None


def visit(cache: FileCache, request: Request, seconds: float) -> dict[str, ClassReport]:
    """Return what was seen and done, by class; raises FileCacheError."""
    try:
        owned = locate(cache)
    except OSError as error:
        raise FileCacheError(files.reason_of(error)) from error

    values, problem = isolated.run(
        lambda: _visited(owned.path, cache, request), seconds, owned.owner, limits=isolated.PARSING
    )
    if problem or not values:
        raise FileCacheError(problem or "nothing came back")

    return {name: ClassReport(**fields) for name, fields in values[0].items()}


def locate(cache: FileCache) -> OwnedPath:
    """Return the real folder and who may change it; raises OSError when it is not below its root.

    Links are followed only where root alone could have made them.
    """
    found, root = owned_path(cache.folder), owned_path(cache.root)
    if not found.path.startswith(root.path.rstrip("/") + "/"):
        reason = f"leads to '{found.path}', which is not below '{root.path}'"
        raise files.UnsafeFileError(0, reason, cache.folder)

    return found


def _visited(
    folder: str, cache: FileCache, request: Request
) -> Iterator[dict[str, dict[str, t.Any]]]:
    """Yield the reports by class; runs in the isolated process."""
    gc.disable()  # the process ends with its work, and a hundred thousand names hold no cycles
    descriptor = files.open_folder(folder)
    try:
        now, names = time.time(), _names(descriptor, cache)
        yield {
            kind.name: asdict(_report(descriptor, folder, kind, names[kind.name], request, now))
            for kind in cache.classes
        }
    finally:
        os.close(descriptor)


def _names(descriptor: int, cache: FileCache) -> dict[str, list[str]]:
    """Return the names of the regular files of each class; hidden ones are being written.

    The highest inode comes first: most file systems give it to the file that was made last, so what
    is younger than the others is met early. All others stand as in the folder.
    """
    classes = [
        _ClassNames(re.compile(fnmatch.translate(kind.files)).match) for kind in cache.classes
    ]
    count = 0
    with os.scandir(descriptor) as inside:
        for item in inside:
            name = item.name
            if name[0] == "." or not item.is_file(follow_symlinks=False):
                continue

            count += 1
            if count > cache.max_files:
                raise isolated.IsolatedError(f"it holds more than {cache.max_files} files")

            for one in classes:
                if one.matches(name):
                    one.names.append(name)
                    inode = item.inode()
                    if inode > one.highest:
                        one.highest, one.place = inode, len(one.names) - 1
                    break

    return {kind.name: one.in_order() for kind, one in zip(cache.classes, classes, strict=True)}


@dataclass
class _ClassNames:
    """The names of a class, and at which place the highest inode is."""

    matches: Callable[[str], re.Match[str] | None]
    names: list[str] = field(default_factory=list)
    highest: int = -1
    place: int = 0

    def in_order(self) -> list[str]:
        """Return the names, that with the highest inode first."""
        if self.names:
            self.names.insert(0, self.names.pop(self.place))

        return self.names


def _entries(
    descriptor: int, names: Sequence[str], now: float, early: _EarlySweep | None
) -> list[CacheEntry]:
    """Return the entries with these names that stay for now, the youngest first.

    An entry from the future is as old as one of this moment. One that was removed since it was
    listed is left out.
    """
    entries: list[CacheEntry] = []
    left = iter(names)
    for entry in _looked_at(descriptor, left, now):
        entries.append(entry)
        if early and early.allows(entry):
            break

    entries += _swept(descriptor, left, now, early) if early else _looked_at(descriptor, left, now)
    entries.sort(key=_AGE)

    return entries


def _looked_at(descriptor: int, names: Iterable[str], now: float) -> Iterator[CacheEntry]:
    """Yield the entries that are there."""
    for name in names:
        try:
            seen = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            continue

        yield _entry(name, seen, now)


def _entry(name: str, seen: os.stat_result, now: float) -> CacheEntry:
    age = now - seen.st_mtime if seen.st_mtime < now else 0.0

    return CacheEntry(name, age, seen.st_size, (seen.st_ino, seen.st_mtime_ns))


def _swept(
    descriptor: int, names: Iterable[str], now: float, early: _EarlySweep
) -> list[CacheEntry]:
    """Remove expired entries; return those that are left.

    In one loop with few calls: a folder may hold a hundred thousand files. What cannot be removed
    is left to the plan, which tries it again and reports why not.
    """
    stat, unlink = os.stat, os.unlink
    oldest_kept = now - early.life
    kept: list[CacheEntry] = []
    removed: list[str] = []
    freed = 0
    for name in names:
        try:
            seen = stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            continue

        try:
            if seen.st_mtime < oldest_kept:
                unlink(name, dir_fd=descriptor)
                removed.append(name)
                freed += seen.st_size
                continue
        except FileNotFoundError:
            continue
        except OSError:
            pass
        kept.append(_entry(name, seen, now))

    early.note(removed, freed)

    return kept


@dataclass
class _EarlySweep:
    """Old entries of a class without keys may go at once when a younger valid one was met.

    Each is looked at in that moment, so it needs no second look. All others are left to the plan.
    """

    life: float
    is_valid: Callable[[CacheEntry], bool]
    report: ClassReport
    _read: int = 0

    def allows(self, entry: CacheEntry) -> bool:
        """Return whether this is a valid entry that old ones may go for."""
        if entry.age > self.life or self._read >= MOST_READ:
            return False

        self._read += 1

        return self.is_valid(entry)

    def note(self, names: Sequence[str], size: int) -> None:
        """Count entries that are gone."""
        self.report.due += len(names)
        self.report.removed += len(names)
        self.report.freed += size
        self.report.removable += names[:NAMED]


def _report(
    descriptor: int,
    folder: str,
    kind: EntryClass,
    names: Sequence[str],
    request: Request,
    now: float,
) -> ClassReport:
    report = ClassReport()
    is_valid = _validator(folder, kind, report)
    is_asked = not request.classes or kind.name in request.classes
    sweeps = is_asked and request.removal == "expired" and not request.rehearsal
    life = LIVES * kind.seconds
    early = _EarlySweep(life, is_valid, report) if sweeps and not kind.key else None
    entries = _entries(descriptor, names, now, early)
    if is_asked:
        plan = _plan(kind, entries, request, is_valid)
        gone = _remove(descriptor, plan, request, report)
        entries = [entry for entry in entries if entry.name not in gone]
        report.invalid = []

    ages = [entry.age for entry in entries]
    report.count, report.size = len(entries), sum(entry.size for entry in entries)
    report.stale = sum(age > kind.seconds for age in ages)
    report.ages = [percentile(ages, share) for share in (0, 50, 90, 100)] if ages else []
    newest = next((entry for entry in entries[:MOST_READ] if is_valid(entry)), None)
    report.newest_valid = newest.age if newest else None

    for entry in entries[: request.sample]:
        report.sampled += 1
        report.valid += is_valid(entry)
    if kind.changed_field:
        report.change = _change(folder, kind, entries[:MOST_READ])

    return report


def _validator(folder: str, kind: EntryClass, report: ClassReport) -> Callable[[CacheEntry], bool]:
    """Return whether an entry is valid, and note what is wrong; each is read once."""
    known: dict[str, str] = {}

    def is_valid(entry: CacheEntry) -> bool:
        name = entry.name
        if name not in known:
            known[name] = fault_of(kind, name, lambda name: _read(folder, name))
        text = f"{name} ({known[name]})"
        if known[name] and text not in report.invalid and len(report.invalid) < NAMED:
            report.invalid.append(text)

        return not known[name]

    return is_valid


def _read(folder: str, name: str) -> str | None:
    try:
        path = f"{folder}/{name}"
        return files.read_text(path, MOST_BYTES, root=folder, errors="surrogateescape")
    except OSError:
        return None


def _change(folder: str, kind: EntryClass, entries: Sequence[CacheEntry]) -> float | None:
    """Return the age of the youngest entry that says that the source has changed."""
    return next(
        (entry.age for entry in entries if change_in(kind, _read(folder, entry.name)) > 0), None
    )


def _plan(
    kind: EntryClass,
    entries: Sequence[CacheEntry],
    request: Request,
    is_valid: Callable[[CacheEntry], bool],
) -> SweepPlan:
    """Return what the request removes of a class."""
    if request.removal == "expired":
        return plan_sweep(kind, entries, is_valid)
    if not request.removal:
        return SweepPlan()

    since = time.time() - request.before if request.before is not None else -1.0
    chosen = [entry for entry in entries if entry.age > since]
    if request.removal == "invalid":
        chosen = [entry for entry in chosen if not is_valid(entry)]

    return SweepPlan(chosen)


def _remove(descriptor: int, plan: SweepPlan, request: Request, report: ClassReport) -> set[str]:
    """Remove the planned entries; return the names of those that are gone."""
    gone: set[str] = set()
    report.due += len(plan.remove)
    names = [entry.name for entry in plan.remove[:NAMED]]
    report.removable = [*report.removable, *names][:NAMED]
    report.kept = [entry.name for entry in plan.kept[:NAMED]]
    report.kept_count = len(plan.kept)
    report.reason = plan.reason
    for entry in () if request.rehearsal else plan.remove:
        problem = _unlink(descriptor, entry)
        if problem is None:
            gone.add(entry.name)
            report.removed += 1
            report.freed += entry.size
        elif problem and len(report.failed) < NAMED:
            report.failed.append(f"{entry.name}: {problem}")

    return gone


def _unlink(descriptor: int, entry: CacheEntry) -> str | None:
    """Remove an entry; return None, or why it is still there, '' when it was written anew.

    Between the second look and the removal a writer may put a fresh entry there: it is fetched
    again then, as after any miss.
    """
    try:
        status = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
        if (status.st_ino, status.st_mtime_ns) != entry.identity:
            return ""
        os.unlink(entry.name, dir_fd=descriptor)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return files.reason_of(error)

    return None


def totals(reports: Mapping[str, ClassReport]) -> ClassReport:
    """Return numbers and sizes over all classes."""
    return ClassReport(
        **{
            name: sum(getattr(report, name) for report in reports.values())
            for name in ("count", "size", "stale", "sampled", "valid", "due", "removed", "freed")
        }
    )
