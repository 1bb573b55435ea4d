# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manifest of a backup set, format 1: what is in the set, and from where.

docs/backup-format.md describes it for people. Every later version must read format 1.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

FORMAT: t.Final = 1
FILE_NAME: t.Final = "manifest.json"
#: A larger manifest was not written by us, bytes.
MAX_BYTES: t.Final = 64 << 20
#: Key of the hash over its rows in the facts of a table.
TABLE_HASH: t.Final = "hash"
#: Fact with the tables that the profile has hashed and the database does not have.
MISSING: t.Final = "hashed_missing"
#: The fact with the names of the server's superusers; missing in older sets.
SUPERUSERS: t.Final = "superusers"
#: The fact of a SQLite file with the number of its rows that refer to a row that is not there.
BROKEN_REFERENCES: t.Final = "broken_references"
#: Fact with the folders of other file systems, which are not in an archive.
MOUNTS: t.Final = "mounts"
_STAMP: t.Final = "%Y%m%dT%H%M%SZ"
_MOMENT: t.Final = "%Y-%m-%dT%H:%M:%SZ"
_SET_NAME: t.Final = re.compile(r"\d{8}T\d{6}Z")
_PART: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHA256: t.Final = re.compile(r"[0-9a-f]{64}")

Facts = Mapping[str, t.Any]


class ManifestError(ValueError):
    """A manifest that cannot be believed; the message says why."""


class UnknownFormatError(ManifestError):
    """A manifest of another version, which says nothing about the set."""


@dataclass(frozen=True)
class SetFile:
    """One file of a set; ``path`` is ``artefact/name``, ``encryption`` '' or ``age``."""

    path: str
    bytes: int
    sha256: str
    encryption: str = ""


@dataclass(frozen=True)
class Stage:
    """One program or step that made an artefact: how long it took, s, and its exit status."""

    name: str
    seconds: float
    status: int


@dataclass(frozen=True)
class Artefact:
    """One thing that was backed up; ``facts`` depend on its kind."""

    name: str
    kind: str
    files: tuple[SetFile, ...]
    facts: Facts
    stages: tuple[Stage, ...] = ()
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackupManifest:
    """What a set holds; ``created`` is when the first artefact was begun."""

    name: str
    system: str
    host: str
    reason: str
    created: datetime
    finished: datetime
    source: Facts
    artefacts: tuple[Artefact, ...]

    @property
    def files(self) -> tuple[SetFile, ...]:
        """The files of all artefacts."""
        return tuple(file for artefact in self.artefacts for file in artefact.files)

    @property
    def bytes(self) -> int:
        """The size of all files, bytes."""
        return sum(file.bytes for file in self.files)

    def artefact(self, name: str) -> Artefact | None:
        """Return the artefact of this name, None when the set has none."""
        return next((one for one in self.artefacts if one.name == name), None)


def set_name(moment: datetime) -> str:
    """Return the name of a set that was begun at a moment."""
    return moment.astimezone(UTC).strftime(_STAMP)


def is_set_name(name: str) -> bool:
    """Return whether a whole name is that of a published set."""
    return moment_of(name) is not None


def moment_of(name: str) -> datetime | None:
    """Return when a set of this name was begun, None for the name of anything else."""
    if not _SET_NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def moment_text(moment: datetime) -> str:
    """Return a moment as manifests and records write it: UTC, to the second."""
    return moment.astimezone(UTC).strftime(_MOMENT)


def read_moment(text: str) -> datetime:
    """Return the moment of a text; raises ValueError."""
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)


def dump(manifest: BackupManifest) -> bytes:
    """Return the manifest as the bytes of its file."""
    content = {
        "format": FORMAT,
        "set": manifest.name,
        "system": manifest.system,
        "host": manifest.host,
        "reason": manifest.reason,
        "created": moment_text(manifest.created),
        "finished": moment_text(manifest.finished),
        "source": dict(manifest.source),
        "artefacts": [asdict(artefact) for artefact in manifest.artefacts],
    }
    content["checksum"] = _checksum(content)

    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def load(data: bytes, name: str) -> BackupManifest:
    """Return the manifest of the set ``name``; raises ManifestError for anything unexpected."""
    try:
        content = json.loads(data)
        checksum = content.pop("checksum")
        if content["format"] != FORMAT:
            raise UnknownFormatError(
                f"its format is {content['format']!r}; this version knows {FORMAT}"
            )
        if checksum != _checksum(content):
            raise ManifestError("its checksum does not fit its content")
        manifest = _manifest(content)
    except ManifestError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(f"it is damaged ({type(error).__name__})") from error

    if manifest.name != name:
        raise ManifestError(f"it is the manifest of the set {manifest.name!r}")

    return manifest


def _manifest(content: Mapping[str, t.Any]) -> BackupManifest:
    artefacts = tuple(_artefact(entry) for entry in content["artefacts"])
    paths = [file.path for artefact in artefacts for file in artefact.files]
    if len(set(paths)) < len(paths):
        raise ManifestError("it lists a file twice")

    return BackupManifest(
        name=content["set"],
        system=content["system"],
        host=content["host"],
        reason=content["reason"],
        created=read_moment(content["created"]),
        finished=read_moment(content["finished"]),
        source=content["source"],
        artefacts=artefacts,
    )


def _artefact(entry: Mapping[str, t.Any]) -> Artefact:
    if not entry["files"]:
        raise ManifestError(f"the artefact {entry['name']!r} has no files")

    return Artefact(
        name=entry["name"],
        kind=entry["kind"],
        files=tuple(_file(file, entry["name"]) for file in entry["files"]),
        facts=dict(entry["facts"]),
        stages=tuple(Stage(**stage) for stage in entry["stages"]),
        requirements=tuple(entry["requirements"]),
    )


def _file(entry: Mapping[str, t.Any], artefact: str) -> SetFile:
    file = SetFile(**entry)
    folder, _, name = file.path.partition("/")
    if folder != artefact or not _PART.fullmatch(folder) or not _PART.fullmatch(name):
        raise ManifestError(f"the path {file.path!r} does not lie in its artefact")
    if type(file.bytes) is not int or file.bytes < 0 or not _SHA256.fullmatch(file.sha256):
        raise ManifestError(f"size or checksum of {file.path!r} cannot be")
    if file.encryption not in ("", "age"):
        raise ManifestError(f"the encryption of {file.path!r} is not known")

    return file


def _checksum(content: Mapping[str, t.Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    return hashlib.sha256(canonical.encode()).hexdigest()
