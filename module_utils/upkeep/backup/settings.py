# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what backups take; ``parse`` and ``parse_verify`` are the ways to it."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import options
from ..base.login import Login
from ..base.redis_client import RedisLogin, redis_login
from ..base.text import duplicates
from .options import OPTIONS, VERIFY_OPTIONS


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class DumpSettings:
    """How a PostgreSQL database is dumped."""

    database: str
    login: Login
    run_as: str | None
    globals: bool
    uncounted: frozenset[str]
    hashed: frozenset[str]
    program_folder: str


@dataclass(frozen=True)
class SqliteCopySettings:
    """Which SQLite file is copied."""

    path: str


@dataclass(frozen=True)
class SnapshotSettings:
    """Which Redis server is asked for a snapshot, and whose its files are."""

    login: RedisLogin
    account: str


@dataclass(frozen=True)
class ArchiveSettings:
    """Which files are archived."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    least_files: int


@dataclass(frozen=True)
class CommandSettings:
    """Which program's output is kept."""

    argv: tuple[str, ...]
    run_as: str
    least_bytes: int


@dataclass(frozen=True)
class JournalSettings:
    """Which entries of the journal are kept."""

    units: tuple[str, ...]
    days: int


Source = (
    DumpSettings
    | SqliteCopySettings
    | SnapshotSettings
    | ArchiveSettings
    | CommandSettings
    | JournalSettings
)


@dataclass(frozen=True)
class ArtefactSettings:
    """One artefact; ``kind`` says which of the sources it has."""

    name: str
    kind: str
    source: Source
    encrypt: bool
    max_seconds: int
    reasons: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class RetentionSettings:
    """Which sets are kept."""

    last: int
    days: int
    weekly: int
    monthly: int
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackupSettings:
    """All that one call of ``backup`` is given.

    ``artefacts`` are those of the set to be made. ``listed`` names all that the profile has, for
    whatever reason, and ``scheduled`` those that a set of the schedule holds.
    """

    system: str
    root: str
    artefacts: tuple[ArtefactSettings, ...]
    without_key: tuple[ArtefactSettings, ...]
    listed: tuple[str, ...]
    scheduled: tuple[str, ...]
    reason: str
    state: str
    set: str
    due_hours: float
    promised_hours: float
    recipient: str
    hold: str
    mount: str
    free_percent: float
    shrunk_percent: float
    staging: str
    retention: RetentionSettings | None
    require_acceptance: bool
    accepted_file: Path
    requirements: tuple[str, ...]
    max_seconds: int


@dataclass(frozen=True)
class VerifySettings:
    """All that one call of ``backup_verify`` is given."""

    system: str
    root: str
    promised_hours: float
    staging: str
    reread_days: float
    release: tuple[str, ...]
    legacy: tuple[str, ...]
    artefact_seconds: int
    requirements: tuple[str, ...]
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> BackupSettings:
    """Return the settings for the values of the options; raises SettingsError."""
    filled = _filled(OPTIONS, values)
    problems: list[str] = []
    artefacts = []

    for entry in filled["artefacts"]:
        kinds = [kind for kind in _SOURCES if entry[kind] is not None]
        if len(kinds) == 1:
            artefacts.append(_artefact(entry, kinds[0]))
        else:
            given = " and ".join(kinds) or "none of them"
            named = ", ".join(_SOURCES)
            problems.append(f"artefacts '{entry['name']}' has {given}; give it one of {named}")

    problems += [
        f"artefacts: duplicate name {name!r}; give each artefact a name of its own"
        for name in duplicates(entry["name"] for entry in filled["artefacts"])
    ]
    problems += [
        f"artefacts '{one.name}'.encrypt is true; {one.kind} needs copies on a disk, so it can"
        " only be used with files, command and journal"
        for one in artefacts
        if one.encrypt and one.kind not in _IN_MEMORY
    ]
    problems += [
        f"artefacts '{one.name}'.files.paths has '{path}', in which root lies: each set would hold"
        f" all sets before it, and a restore would move them away; list what lies beside"
        f" '{filled['root']}', or keep the sets elsewhere"
        for one in artefacts
        if isinstance(one.source, ArchiveSettings)
        for path in one.source.paths
        if f"{filled['root']}/".startswith(f"{path.rstrip('/')}/")
    ]
    if not _RECIPIENT.fullmatch(filled["recipient"]):  # which is not shown: it may be the other one
        problems.append("recipient is not a public key as age-keygen prints it (age1...)")
    if filled["due_hours"] > filled["promised_hours"]:
        problems.append(
            f"due_hours is {filled['due_hours']:g}; at most promised_hours"
            f" ({filled['promised_hours']:g}), or the promise would be broken before a set is due"
        )
    if filled["mount"] and not f"{filled['root']}/".startswith(f"{filled['mount'].rstrip('/')}/"):
        problems.append(f"mount is '{filled['mount']}'; it must be root or a folder above it")
    if problems:
        raise SettingsError("\n".join(problems))

    kept = filled["retention"]
    chosen = [one for one in artefacts if filled["reason"] in one.reasons]
    has_key = bool(filled["recipient"])
    values = {key: value for key, value in filled.items() if key not in _CONVERTED}

    return BackupSettings(
        **values,
        artefacts=tuple(one for one in chosen if has_key or not one.encrypt),
        without_key=tuple(one for one in chosen if one.encrypt and not has_key),
        listed=tuple(one.name for one in artefacts),
        scheduled=tuple(
            one.name
            for one in artefacts
            if "schedule" in one.reasons and (has_key or not one.encrypt)
        ),
        retention=_retention(kept) if kept else None,
        accepted_file=Path(filled["accepted_file"]),
        requirements=tuple(filled["requirements"]),
    )


def parse_verify(values: Mapping[str, t.Any]) -> VerifySettings:
    """Return the settings of a verification; raises SettingsError."""
    filled = _filled(VERIFY_OPTIONS, values)

    lists = {name: tuple(filled[name]) for name in ("requirements", "release", "legacy")}

    return VerifySettings(**{**filled, **lists})


def _retention(kept: Mapping[str, t.Any]) -> RetentionSettings:
    return RetentionSettings(**{**kept, "requirements": tuple(kept["requirements"])})


def _filled(declared: options.Options, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    try:
        return options.parse(declared, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None


def _artefact(entry: Mapping[str, t.Any], kind: str) -> ArtefactSettings:
    return ArtefactSettings(
        name=entry["name"],
        kind=kind,
        source=_SOURCES[kind](entry[kind]),
        encrypt=entry["encrypt"],
        max_seconds=entry["max_seconds"],
        reasons=tuple(entry["reasons"]),
        requirements=tuple(entry["requirements"]),
    )


def _dump(entry: Mapping[str, t.Any]) -> DumpSettings:
    return DumpSettings(
        database=entry["database"],
        login=Login.of(entry),
        run_as=entry["run_as"] or None,
        globals=entry["globals"],
        uncounted=frozenset(entry["uncounted"]),
        hashed=frozenset(entry["hashed"]),
        program_folder=entry["program_folder"],
    )


#: The keys of which an artefact has one, each with how its settings are made.
_SOURCES: t.Final[Mapping[str, t.Callable[[Mapping[str, t.Any]], Source]]] = {
    "postgresql": _dump,
    "sqlite": lambda entry: SqliteCopySettings(entry["path"]),
    "redis": lambda entry: SnapshotSettings(redis_login(entry), entry["account"]),
    "files": lambda entry: ArchiveSettings(
        tuple(entry["paths"]), tuple(entry["exclude"]), entry["least_files"]
    ),
    "command": lambda entry: CommandSettings(
        tuple(entry["argv"]), entry["run_as"], entry["least_bytes"]
    ),
    "journal": lambda entry: JournalSettings(tuple(entry["units"]), entry["days"]),
}
#: Kinds whose files may be made and read back without any copy on a disk.
_IN_MEMORY: t.Final = ("files", "command", "journal")
_RECIPIENT: t.Final = re.compile("(age1[02-9ac-hj-np-z]{58})?")
_CONVERTED: t.Final = ("artefacts", "retention", "requirements", "accepted_file")
