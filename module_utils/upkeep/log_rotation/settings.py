# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wanted for each log, and how that is said to logrotate."""

from __future__ import annotations

import fnmatch
import glob
import re
import typing as t
from dataclasses import dataclass

from ..base.text import duplicates

CADENCE_DAYS: t.Final = {"daily": 1, "weekly": 7, "monthly": 31}
#: The time is part of the name, so that two rotations on one day never meet. Local time, as
#: logrotate writes it.
DATE_FORMAT: t.Final = "-%Y%m%d-%H%M%S"
_SAMPLE_STAMP: t.Final = "-20000101-000000"

# Names go into a configuration that knows quotes, braces, comments and globs, so only harmless
# characters pass.
_PATH = re.compile(r"/[A-Za-z0-9._@%+=:,/*?\[\]-]+")
_BRACKETS = re.compile(r"\[(.)[^]]*\]")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service")
_MODE = re.compile(r"0[0-7]{3}")
_SIZE = re.compile(r"([1-9][0-9]*)([kMG]?)")
_SIZE_UNITS: t.Final = {"": 1, "k": 1024, "M": 1024**2, "G": 1024**3}
_SIGNALS: t.Final = frozenset({"HUP", "USR1", "USR2", "WINCH"})


class SpecError(ValueError):
    """A wish that cannot be taken over.

    The message names the entry, the value and what to change.
    """


@dataclass(frozen=True)
class Reopen:
    """Tell one unit, by signal, to open its log files again."""

    unit: str
    signal: str


@dataclass(frozen=True)
class LogSpec:
    """How the files of one log are rotated; sizes are bytes, times are days."""

    name: str
    paths: tuple[str, ...]
    cadence: str
    keep_days: int
    max_size: int | None
    compress_after_days: int
    owner: str
    group: str
    mode: str
    su_user: str
    su_group: str
    copytruncate: bool
    reopen: Reopen | None
    requirements: tuple[str, ...]

    def files(self) -> dict[str, list[str]]:
        """Return for each pattern the paths that it matches now, in order."""
        return {pattern: _matching(pattern) for pattern in self.paths}


def _matching(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern))  # noqa: PTH207 - leaves hidden files out, as logrotate does and Path.glob does not


def parse_specs(entries: list[dict[str, t.Any]]) -> list[LogSpec]:
    """Return the specs for the module's ``logs`` option.

    Raises SpecError for the first entry that does not fit.
    """
    specs = [_parse(entry) for entry in entries]
    if again := duplicates(spec.name for spec in specs):
        raise SpecError(f"log name(s) {again} appear more than once; give every entry its own name")
    return specs


def _parse(entry: dict[str, t.Any]) -> LogSpec:
    name = _fitting(
        _WORD, entry["name"], "name", entry["name"], "letters, digits, '.', '_' and '-'"
    )
    owner = _fitting(_ACCOUNT, entry["owner"], "owner", name, "the name of an account")
    group = _fitting(_ACCOUNT, entry["group"], "group", name, "the name of a group")
    if not entry["paths"]:
        raise SpecError(f"log '{name}' has no paths; name at least one file or pattern")
    if entry["cadence"] not in CADENCE_DAYS:
        raise SpecError(
            f"cadence {entry['cadence']!r} of log '{name}' must be one of {sorted(CADENCE_DAYS)}"
        )
    if entry["keep_days"] < 1 or entry["compress_after_days"] < 0:
        raise SpecError(
            f"log '{name}' needs keep_days of at least 1 and compress_after_days of at least 0"
        )

    copytruncate, reopen = _parse_reopen(entry["reopen"], name)

    return LogSpec(
        name=name,
        paths=tuple(_parse_path(path, name) for path in entry["paths"]),
        cadence=entry["cadence"],
        keep_days=entry["keep_days"],
        max_size=parse_size(entry["max_size"], name),
        compress_after_days=entry["compress_after_days"],
        owner=owner,
        group=group,
        mode=_fitting(
            _MODE, entry["mode"], "mode", name, "four octal digits in quotes, such as '0640'"
        ),
        su_user=_fitting(
            _ACCOUNT, entry.get("su_user") or owner, "su_user", name, "the name of an account"
        ),
        su_group=_fitting(
            _ACCOUNT, entry.get("su_group") or group, "su_group", name, "the name of a group"
        ),
        copytruncate=copytruncate,
        reopen=reopen,
        requirements=tuple(entry.get("requirements") or ()),
    )


def _fitting(pattern: re.Pattern[str], value: t.Any, field: str, name: str, wanted: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SpecError(f"{field} {value!r} of log {name!r} is refused; use {wanted}")
    return value


def _parse_path(path: t.Any, name: str) -> str:
    wanted = "an absolute path of letters, digits and . _ @ % + = : , - with the wildcards * ? [ ]"
    clean = _fitting(_PATH, path, "path", name, wanted)
    if ".." in clean.split("/") or clean.endswith("/"):
        raise SpecError(f"path {clean!r} of log '{name}' is refused; name files, without '..'")

    sample = _BRACKETS.sub(r"\1", clean)

    for segment in (sample + _SAMPLE_STAMP, sample + _SAMPLE_STAMP + ".gz"):
        if fnmatch.fnmatchcase(segment, clean):
            raise SpecError(
                f"path {clean!r} of log '{name}' matches its own rotated files; end it in a suffix such as *.log"
            )

    return clean


def parse_size(text: str | None, name: str = "") -> int | None:
    """Return the bytes of a size such as ``100M`` as logrotate reads it (k, M, G by 1024).

    None for no limit.
    """
    if not text:
        return None

    match = _SIZE.fullmatch(text)
    if match is None:
        raise SpecError(
            f"max_size {text!r} of log '{name}' is refused; write a number with k, M or G, such as 100M"
        )

    return int(match[1]) * _SIZE_UNITS[match[2]]


def _parse_reopen(value: t.Any, name: str) -> tuple[bool, Reopen | None]:
    """Return whether to copy and truncate, and whom to tell."""
    if value in (None, "none"):
        return False, None
    if value == "copytruncate":
        return True, None
    if not isinstance(value, dict) or set(value) != {"unit", "signal"}:
        raise SpecError(
            f"reopen {value!r} of log '{name}' must be none, copytruncate or a mapping with unit and signal"
        )
    if value["signal"] not in _SIGNALS:
        raise SpecError(
            f"reopen signal {value['signal']!r} of log '{name}' must be one of {sorted(_SIGNALS)}"
        )

    unit = _fitting(
        _UNIT,
        value["unit"],
        "reopen unit",
        name,
        "the full name of a service unit, such as nginx.service",
    )

    return False, Reopen(unit, value["signal"])


def render(specs: list[LogSpec]) -> str:
    """Return the logrotate configuration.

    Every directive is said, so that global defaults do not leak in.
    """
    head = "# Managed by Ansible (Upkeep, role log_rotation): changes made here are overwritten.\n"
    return head + "".join(_section(spec) for spec in specs)


def _section(spec: LogSpec) -> str:
    lines = [
        f"su {spec.su_user} {spec.su_group}",
        spec.cadence,
        # Days decide, not a count: maxage removes, and the count must never come first.
        f"maxage {spec.keep_days}",
        "rotate -1",
        "dateext",
        f"dateformat {DATE_FORMAT}",
        "missingok",
        "notifempty",
        "nomail",
        "noolddir",
        "compress",
        "nodelaycompress" if spec.compress_after_days == 0 else "delaycompress",
    ]
    if spec.max_size is not None:
        lines.append(f"maxsize {spec.max_size}")

    lines += _new_file(spec)
    names = "\n".join(f'"{path}"' for path in spec.paths)
    body = "".join(f"    {line}\n" for line in lines)

    return f"\n# {spec.name}\n{names}\n{{\n{body}}}\n"


def _new_file(spec: LogSpec) -> list[str]:
    """Return how the new log file comes to be, and how the writer comes to it."""
    if spec.copytruncate:
        return ["copytruncate", "sharedscripts"]
    if spec.reopen is None:
        return ["nocopytruncate", *_beside_a_watching_writer(spec)]

    return [
        "nocopytruncate",
        f"create {spec.mode} {spec.owner} {spec.group}",
        *_signal(spec.reopen),
    ]


def _beside_a_watching_writer(spec: LogSpec) -> list[str]:
    """Make the file unless the writer was faster, with the rights of the folder's user, so that no link leads astray.

    The directive ``create`` cannot stand beside a writer that makes the file itself: logrotate
    moves the writer's new file to a name with hour precision, where nothing ever compresses or
    removes it and the next one overwrites it.
    """
    mask = f"{0o666 & ~int(spec.mode, 8):04o}"
    new = f'umask {mask}; : >> "$1" && chmod {spec.mode} "$1" && chown -h {spec.owner}:{spec.group} "$1"'
    account = f"--reuid={spec.su_user} --regid={spec.su_group} --init-groups"

    return [
        "nocreate",
        "nosharedscripts",
        "postrotate",
        f"    setpriv {account} sh -c '{new}' sh \"$1\"",
        "endscript",
    ]


def _signal(reopen: Reopen) -> list[str]:
    """Tell the unit once for all files.

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
