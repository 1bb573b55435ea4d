# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``filesystem``: space and inodes, one finding for each path."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...base.options import option
from ...findings import Finding, Limits, Subject
from ..check import Check, CheckError, ProbeError
from ..clients import mounts
from ..kind import Kind, Row, limit_options, limit_words

MOUNTINFO = Path("/proc/self/mountinfo")
ALL: t.Final = "all"
#: A host may have thousands of mounts, bytes.
_LARGEST: t.Final = 16 << 20


def space_percent(counts: os.statvfs_result) -> float:
    """Return the used share as df shows it: blocks kept for root count as used."""
    used = counts.f_blocks - counts.f_bfree

    return _percent(used, used + counts.f_bavail)


def inodes_percent(counts: os.statvfs_result) -> float | None:
    """Return the used share of inodes; None where the file system makes them as it goes."""
    return _percent(counts.f_files - counts.f_ffree, counts.f_files) if counts.f_files else None


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield space and inodes of each path as soon as they are known.

    One dead mount must not hide the others.
    """
    paths = check.options["paths"]
    if _takes_all(check.options):
        paths = _all_mounts(check.options["exclude"])
        if not paths:
            message = "this host shows no local file system; name the paths instead of 'all'"
            raise ProbeError("unknown", message)

    for path in paths:
        deadline.remaining()
        yield from _judge_path(check, path)


def describe(check: Check) -> Iterator[Row]:
    """Yield a row for each path, and one for its inodes where they have limits of their own."""
    options = check.options
    limits = limit_words(Limits.of(options), " %")
    for name, place in _described_paths(options):
        if options["inodes"]:
            yield Row(name, f"space in use of {place}", *limits)
            own = limit_words(Limits.of(options["inodes"]), " %")
            yield Row(f"{name}.inodes", f"inodes in use of {place}", *own)
        else:
            yield Row(name, f"space and inodes in use of {place}", *limits)


def _described_paths(options: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    if _takes_all(options):
        excluded = ", ".join(f"`{path}`" for path in options["exclude"])
        without = f" without {excluded}" if excluded else ""
        yield "filesystem:*", f"every local file system{without}"
    else:
        yield from ((f"filesystem:{path}", f"`{path}`") for path in options["paths"])


def _judge_path(check: Check, path: str) -> Iterator[Finding]:
    subject = Subject(f"filesystem:{path}", check.requirements)
    try:
        counts = os.statvfs(path)
    except OSError as error:
        yield subject.finding("unknown", f"{path} cannot be read: {error.strerror}")
        return

    if not counts.f_blocks:
        yield subject.finding("unknown", f"{path} is on a file system without blocks of its own")
        return

    advice = check.advice or "clean up or make it larger"
    space = space_percent(counts)
    free = f"{counts.f_bavail * counts.f_frsize / 2**30:.1f} GiB free"
    message = f"{space:g} % of the space of {path} is used, {free}"
    yield subject.measured(space, Limits.of(check.options), message, advice, unit="%")

    inodes = inodes_percent(counts)
    if inodes is not None:
        limits = Limits.of(check.options["inodes"] or check.options)
        message = f"{inodes:g} % of the inodes of {path} are used"
        yield subject.measured(inodes, limits, message, advice, aspect="inodes", unit="%")


def _all_mounts(exclude: Sequence[str]) -> list[str]:
    found = mounts.local(mounts.parse(read_kernel(MOUNTINFO, _LARGEST)))

    # Containers mount single files of their host; those are not this host's file systems.
    return [
        mount.point
        for mount in found
        if mount.point not in exclude and not Path(mount.point).is_file()
    ]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _takes_all(options: Mapping[str, t.Any]) -> bool:
    return options["paths"] in (ALL, [ALL])


def _named_paths(check: Check) -> list[str]:
    return [] if _takes_all(check.options) else list(check.options["paths"])


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"filesystem:{path}" for path in _named_paths(check))


def _validate(check: Check) -> None:
    paths, exclude = check.options["paths"], check.options["exclude"]
    if not _takes_all(check.options) and not (isinstance(paths, list) and paths):
        raise CheckError("paths must be a list of paths, or 'all'")
    if exclude and not _takes_all(check.options):
        raise CheckError("exclude makes sense only with paths: all")

    for path in (*exclude, *_named_paths(check)):
        if not isinstance(path, str) or not path.startswith("/"):
            raise CheckError(f"paths and exclude: {path!r} does not start with '/'")


def _validate_all(checks: Sequence[Check]) -> list[Check]:
    """Return the checks with each path judged once, since findings carry the path.

    ``paths: all`` leaves out what another check names, so that a mount can have its own limits.
    """
    owner: dict[str, str] = {}

    for check in checks:
        for path in _names(check) or ("filesystem:*",):
            if path in owner:
                raise CheckError(
                    f"'{check.name}' ({check.kind}): duplicate path"
                    f" {path.removeprefix('filesystem:')!r}, '{owner[path]}' has it already"
                )
            owner[path] = check.name

    named = [path for check in checks for path in _named_paths(check)]

    return [_without(check, named) if _takes_all(check.options) else check for check in checks]


def _without(check: Check, paths: list[str]) -> Check:
    return replace(check, options={**check.options, "exclude": [*check.options["exclude"], *paths]})


KIND = Kind(
    description="space and inodes in use, as `df` shows them to a service",
    gives="`filesystem:PATH`, `filesystem:PATH.inodes`",
    options={
        "paths": option(
            "raw",
            [
                "List of paths to judge, each as C(filesystem:PATH) and C(filesystem:PATH.inodes).",
                "V(all) takes every local file system that no other check names.",
            ],
            required=True,
        ),
        "exclude": option(
            "list", "Mount points that V(all) leaves out.", elements="str", default=[]
        ),
        **limit_options("percent in use", 80.0, 90.0),
        "inodes": option(
            "dict",
            "Limits for inodes; those for space when not given.",
            options=limit_options("percent in use"),
        ),
    },
    probe=probe,
    describe=describe,
    names=_names,
    validate=_validate,
    validate_all=_validate_all,
)
