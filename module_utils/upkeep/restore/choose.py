# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which set is restored, and what of it; and that its bytes are those that were published."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from datetime import datetime

from ..backup.artefacts.kind import UnfinishedError, Workplace
from ..backup.catalogue import BackupCatalogue, BackupSet
from ..backup.hashing import hash_of
from ..backup.manifest import Artefact, BackupManifest
from ..backup.retention import CLOCK_TOLERANCE
from ..backup.verify import artefact_problems, layout_problems
from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.text import list_some

#: Kinds that are restored. The others are exports for people: they are read, not put back.
RESTORED: t.Final = ("postgresql", "redis", "sqlite", "files")
#: Of an encrypted dump of globals nothing is needed: roles are made by their names.
_GLOBALS: t.Final = ("/globals.sql.zst.age", "/globals.sql.age")


class RestoreError(Exception):
    """A restore is not possible as asked; the message says why and what to do."""


class NotPutBackError(RestoreError):
    """What was begun to be replaced could not be put back; what stands beside it must stay."""


class ChosenSet(t.NamedTuple):
    """A set with a manifest that can be believed."""

    one: BackupSet
    manifest: BackupManifest


def choose_set(
    catalogue: BackupCatalogue,
    name: str,
    now: datetime | None = None,
    artefacts: Sequence[str] = (),
) -> ChosenSet:
    """Return the set of this name, or the newest verified one that has these artefacts.

    Raises RestoreError.

    With ``now``, one from the future is not taken unless it is named: where a clock jumped, it may
    be older than others.
    """
    if name:
        try:
            one = catalogue.set(name)
        except KeyError:
            known = list_some([each.name for each in reversed(catalogue.sets())], 5) or "none"
            raise RestoreError(f"there is no set {name}; there are: {known}") from None
    else:
        newest = catalogue.newest_verified(artefacts) or catalogue.newest_verified()
        if newest is None:
            raise RestoreError(
                f"'{catalogue.root}' has no verified set; verify what is there with"
                " playbooks/verify_backups.yml, or name a set"
            )
        if now and newest.created > now + CLOCK_TOLERANCE:
            raise RestoreError(
                f"the newest set, {newest.name}, is from the future, so it may not be the newest:"
                " look at the clock, and name the set"
            )
        one = newest

    problems = [one.problem] if one.problem else list(one.record.problems if one.record else ())
    if one.manifest is None or problems:
        text = list_some(problems, 3)
        raise RestoreError(f"the set {one.name} is damaged and is not restored: {text}")

    return ChosenSet(one, one.manifest)


def choose_artefacts(
    manifest: BackupManifest, names: Sequence[str], *, has_key: bool
) -> list[Artefact]:
    """Return the artefacts of these names, without names all that can be put back.

    Without a key that is nothing encrypted. Raises RestoreError.
    """
    if not names:
        found = [
            one
            for one in manifest.artefacts
            if one.kind in RESTORED and (has_key or not is_sealed(one))
        ]
        if not found:
            raise RestoreError(f"the set {manifest.name} holds nothing that can be put back")
        return found

    known = {one.name: one for one in manifest.artefacts}
    if unknown := [name for name in names if name not in known]:
        there = list_some(sorted(known))
        raise RestoreError(f"the set {manifest.name} has no artefact {unknown[0]}; it has {there}")

    chosen = [known[name] for name in names]
    for one in chosen:
        if one.kind not in RESTORED:
            raise RestoreError(
                f"{one.name} ({one.kind}) is not put back by this version; read"
                f" {one.files[0].path} of the set"
            )
        if is_sealed(one) and not has_key:
            raise RestoreError(f"{one.name} is encrypted; give the private key as age_identity")

    return chosen


def is_sealed(artefact: Artefact) -> bool:
    """Return whether what is restored of an artefact is encrypted; roles are not part of that."""
    return any(file.encryption for file in artefact.files if not file.path.endswith(_GLOBALS))


def require_bytes(
    catalogue: BackupCatalogue,
    chosen: ChosenSet,
    artefacts: Sequence[Artefact],
    place: Workplace,
) -> None:
    """Raise RestoreError unless the bytes of the artefacts are those that were published.

    What the bytes mean is compared once they are restored. A set that came without a record, as to
    a new host, is read as a verification does.
    """
    name = chosen.one.name
    problems = layout_problems(chosen.manifest, catalogue.paths_in(name))
    if not problems:
        for artefact in artefacts:
            problems += _problems(catalogue, chosen, artefact, place)

    if problems:
        text = list_some(problems, 3)
        raise RestoreError(f"the set {name} is damaged and is not restored: {text}")


def _problems(
    catalogue: BackupCatalogue, chosen: ChosenSet, artefact: Artefact, place: Workplace
) -> list[str]:
    name = chosen.one.name
    try:
        if chosen.one.record is None and not is_sealed(artefact):
            return artefact_problems(artefact, lambda file: catalogue.open_file(name, file), place)
        return _hash_problems(catalogue, name, artefact, place.deadline)
    except UnfinishedError as error:
        raise RestoreError(f"the set {name} cannot be read: {error}") from error
    except OSError as error:
        return [f"{artefact.name}: {reason_of(error)}"]


def _hash_problems(
    catalogue: BackupCatalogue, name: str, artefact: Artefact, deadline: Deadline
) -> list[str]:
    problems = []
    for file in artefact.files:
        with catalogue.open_file(name, file) as stream:
            found = hash_of(stream, deadline)
        if found != (file.bytes, file.sha256):
            problems.append(f"{file.path} is not what was written: its sha256 differs")

    return problems
