# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of logs as a configuration of logrotate."""

from __future__ import annotations

import re
import shlex
import typing as t
from collections.abc import Iterable, Mapping, Sequence

from .settings import DATE_FORMAT, LogSettings, ReopenSignal

#: Where Debian has it.
ZSTD: t.Final = "/usr/bin/zstd"

_HEAD: t.Final = (
    "# Managed by Ansible (Upkeep, role log_rotation): changes made here are overwritten.\n"
)
#: How logrotate is told to compress: from standard input to standard output.
COMPRESSION: t.Final[Mapping[str, Sequence[str]]] = {
    "zstd": (
        f"compresscmd {ZSTD}",
        "compressext .zst",
        "compressoptions -q -3 --check",
        f"uncompresscmd {ZSTD}",
    ),
    "gzip": (
        "compresscmd /bin/gzip",
        "compressext .gz",
        "compressoptions -9",
        "uncompresscmd /bin/gunzip",
    ),
}
_GLOB_CHARACTERS: t.Final = re.compile(r"([*?\[])")
#: What ends or changes a quoted name in logrotate's configuration, or a line of its output.
_UNUSABLE: t.Final = frozenset('"\\{}')


def is_usable(path: str) -> bool:
    """Return whether logrotate can be given a file by this name, and its answer be read."""
    return path.isprintable() and not _UNUSABLE.intersection(path)


def render(logs: Iterable[LogSettings]) -> str:
    """Return the configuration for logrotate's timer, which looks for files by their patterns."""
    return _HEAD + "".join(_section(log, log.paths, log.paths) for log in logs)


def render_files(logs: Iterable[LogSettings], files: Mapping[str, Sequence[str]]) -> str:
    """Return the configuration for exactly these files, by name of the log.

    A log without files has no section.
    """
    return _HEAD + "".join(
        _section(
            log, [_literal(path) for path in files[log.name]], map(shlex.quote, files[log.name])
        )
        for log in logs
        if files.get(log.name)
    )


def _literal(path: str) -> str:
    """Return the pattern that matches this one path."""
    return _GLOB_CHARACTERS.sub(r"[\1]", path)


def _section(log: LogSettings, paths: Sequence[str], words: Iterable[str]) -> str:
    """Return the section of one log; every directive is given, so that no global default counts.

    The names stand in one line with the brace: logrotate repeats what comes before the brace in its
    messages, and a line break would cut them in two. ``words`` are the same for a shell.
    """
    lines = [
        f"su {log.su_user} {log.su_group}",
        log.cadence,
        # Days decide, not a count: maxage removes, and the count must never come first.
        f"maxage {log.keep_days}",
        "rotate -1",
        "dateext",
        f"dateformat {DATE_FORMAT}",
        "missingok",
        "notifempty",
        "nomail",
        "noolddir",
        "compress",
        *COMPRESSION[log.compression],
        "nodelaycompress" if log.compress_after_days == 0 else "delaycompress",
    ]
    if log.max_size is not None:
        lines.append(f"maxsize {log.max_size}")

    lines += _new_file(log)
    if log.archive:
        lines += _copy_first(log, words)
    names = " ".join(f'"{path}"' for path in paths)
    body = "".join(f"    {line}\n" for line in lines)

    return f"\n# {log.name}\n{names} {{\n{body}}}\n"


def _copy_first(log: LogSettings, words: Iterable[str]) -> list[str]:
    """Copy a file before it is rotated; where that fails logrotate leaves the file as it is.

    It is read with the rights of the folder's user, who may have put a link in its place. The copy
    gets its name when it was read to its end. A script of several files gets their pattern as
    logrotate has it, which no shell understands.
    """
    account = f"--reuid={log.su_user} --regid={log.su_group} --init-groups"
    program, suffix = (ZSTD, "zst") if log.compression == "zstd" else ("/bin/gzip", "gz")
    files = '"$1"' if _is_called_for_each_file(log) else " ".join(words)

    return [
        "prerotate",
        "    set -e",
        "    umask 077",
        f"    mkdir -p '{log.archive}'",
        f"    for file in {files}; do",
        '        [ -s "$file" ] || continue',
        '        stamp=$(basename -- "$file")-$(date -u +%Y%m%dT%H%M%SZ)',
        f'        copy="{log.archive}/{log.name}-$stamp"',
        f'        setpriv {account} {program} -q -c -- "$file" > "$copy.part"',
        f'        {program} -q -t < "$copy.part"',
        '        sync "$copy.part"',
        f'        mv "$copy.part" "$copy.{suffix}"',
        "    done",
        f"    find '{log.archive}' -maxdepth 1 -type f -name '{log.name}-*'"
        f" -mtime +{log.keep_days} -delete",
        "endscript",
    ]


def _is_called_for_each_file(log: LogSettings) -> bool:
    return not log.copytruncate and log.reopen is None


def _new_file(log: LogSettings) -> list[str]:
    """Return how the new log file is made, and how its writer comes to it."""
    if log.copytruncate:
        return ["copytruncate", "sharedscripts"]
    if log.reopen is None:
        return ["nocopytruncate", *_beside_a_watching_writer(log)]

    return [
        "nocopytruncate",
        f"create {log.mode} {log.owner} {log.group}",
        *_signal(log.reopen),
    ]


def _beside_a_watching_writer(log: LogSettings) -> list[str]:
    """Make the file unless the writer was faster, with the rights of the folder's user.

    So no link leads root astray. The directive ``create`` cannot stand beside a writer that makes
    the file itself: logrotate moves the writer's new file to a name with hour precision, where
    nothing ever compresses or removes it and the next one overwrites it.
    """
    mask = f"{0o666 & ~int(log.mode, 8):04o}"
    new = (
        f'umask {mask}; : >> "$1" && chmod {log.mode} "$1" && chown -h {log.owner}:{log.group} "$1"'
    )
    account = f"--reuid={log.su_user} --regid={log.su_group} --init-groups"

    return [
        "nocreate",
        "nosharedscripts",
        "postrotate",
        f"    setpriv {account} sh -c '{new}' sh \"$1\"",
        "endscript",
    ]


def _signal(reopen: ReopenSignal) -> list[str]:
    """Signal the unit once for all files.

    A stopped one has nothing to reopen and must not fail the rotation.
    """
    return [
        "sharedscripts",
        "postrotate",
        f"    if systemctl --quiet is-active '{reopen.unit}'; then",
        f"        systemctl kill --kill-whom=main --signal={reopen.signal} '{reopen.unit}'",
        "    fi",
        "endscript",
    ]
