# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What another release would change on a host: files of the code, and what its units are told.

Only read: check mode shows it. Values of secrets are masked.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base.files import read_bytes, read_text, reason_of
from ..base.redact import is_secret_name, redact
from ..base.text import list_some, visible
from ..switching import unit_files
from ..switching.releases import FOUND, Releases
from ..switching.switch import Switcher
from . import code_digest, environment_file
from .building import unit_texts
from .code_digest import DigestError
from .settings import App

#: Names of files that a message has, and a diff.
_IN_MESSAGE: t.Final = 10
_IN_DIFF: t.Final = 200
#: Seconds for the code of both releases.
_SECONDS: t.Final = 30.0
_LARGEST: t.Final = 1 << 20
_VARIABLE: t.Final = re.compile(r'^(?P<start>(?:Environment="?)?)(?P<name>[A-Za-z_]\w*)=')


@dataclass(frozen=True)
class FileChanges:
    """Paths within the code that another release changes, adds and removes.

    ``problem`` is why they are not known, '' when they are.
    """

    changed: Sequence[str] = ()
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    same: int = 0
    problem: str = ""

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        if self.problem:
            return f"Files are not compared: {self.problem}."

        counts = (
            f"{len(self.changed)} changed, {len(self.added)} added, {len(self.removed)} removed,"
            f" {self.same} the same"
        )
        names = [
            *(f"{name} changed" for name in self.changed),
            *(f"{name} added" for name in self.added),
            *(f"{name} removed" for name in self.removed),
        ]

        return f"Files: {counts}{f' ({list_some(names, _IN_MESSAGE)})' if names else ''}."

    def answer(self) -> dict[str, t.Any]:
        """Return it as the module's answer has it."""
        return {
            "changed": list(self.changed),
            "added": list(self.added),
            "removed": list(self.removed),
            "same": self.same,
        }

    def texts(self) -> tuple[str, str]:
        """Return the files that differ, before and after, as the sides of a diff."""
        before = [*(f"{name} (old)" for name in self.changed), *self.removed]
        after = [*(f"{name} (new)" for name in self.changed), *self.added]

        return _listed(before), _listed(after)


def compared(before: Mapping[str, str], after: Mapping[str, str]) -> FileChanges:
    """Return what differs between two sets of name -> checksum."""
    both = before.keys() & after.keys()
    changed = sorted(name for name in both if before[name] != after[name])

    return FileChanges(
        changed=[visible(name) for name in changed],
        added=[visible(name) for name in sorted(after.keys() - before.keys())],
        removed=[visible(name) for name in sorted(before.keys() - after.keys())],
        same=len(both) - len(changed),
    )


def file_changes(
    app: App, releases: Releases, release: str, files: Mapping[str, str] | None = None
) -> FileChanges:
    """Return what a release changes in the code that serves.

    ``files`` is what the code of a release has that is not on the host yet, name -> checksum.
    """
    try:
        before = _serving(app, releases)
        on_host = releases.get(release) is not None
        after = _code(app, releases, release) if on_host else _given(app, files or {})
    except DigestError as error:
        return FileChanges(problem=str(error))

    return compared(before, after)


def configuration(
    app: App, releases: Releases, release: str, switcher: Switcher
) -> tuple[str, str]:
    """Return units, sockets and environment file as they are before and after a release."""
    current = releases.current()
    if releases.get(release) is not None:
        new = {unit: _unit(releases, release, unit) for unit in app.units}
    else:
        new = unit_texts(app, releases, release, app.command, takes_socket=True)

    pairs = [
        (unit, _general(_unit(releases, current, unit), current), _general(text, release))
        for unit, text in new.items()
    ]
    if release != FOUND:
        pairs += [
            (name, _content(f"{unit_files.UNITS}/{name}"), text)
            for name, text in switcher.socket_files().items()
        ]
    pairs += _environment_file(app)

    parts = [(name, *_masked(before, after)) for name, before, after in pairs if before != after]

    return (
        "".join(f"{name}:\n{before}" for name, before, _ in parts),
        "".join(f"{name}:\n{after}" for name, _, after in parts),
    )


def _serving(app: App, releases: Releases) -> dict[str, str]:
    """Return name -> checksum of the code that serves; raises DigestError."""
    current = releases.current()
    if current:
        return _code(app, releases, current)

    return _of_found(app, [path.rstrip("/") for path in app.found])


def _code(app: App, releases: Releases, release: str) -> dict[str, str]:
    """Return name -> checksum of the code of a release; raises DigestError."""
    if release == FOUND:
        names = [path.rstrip("/").rpartition("/")[2] for path in app.found]
        kept = [releases.path(FOUND, "code", f"{at}-{name}") for at, name in enumerate(names)]
        return _of_found(app, kept)

    folder = "/".join(filter(None, (releases.path(release, "code"), app.folder)))
    files = code_digest.digests([folder], _SECONDS)

    return {path.removeprefix(f"{folder}/"): digest for path, digest in files.items()}


def _of_found(app: App, places: Sequence[str]) -> dict[str, str]:
    """Return name -> checksum of what ran before the first release, or of its copy.

    The first place has what the folder has that units start in, each other one lies in there by its
    name. Raises DigestError.
    """
    if not places:
        raise DigestError("what ran before the first release is not named (found)")

    found: dict[str, str] = {}
    for at, (place, path) in enumerate(zip(places, app.found, strict=True)):
        name = path.rstrip("/").rpartition("/")[2]
        for file, digest in code_digest.digests([place], _SECONDS).items():
            rest = file.removeprefix(place).strip("/")
            found["/".join(filter(None, (name if at or not rest else "", rest)))] = digest

    return found


def _given(app: App, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the folder in which units start, without those never compared."""
    if not files:
        raise DigestError("the files of the release are not known here")

    start = f"{app.folder}/" if app.folder else ""

    return {
        name.removeprefix(start): digest
        for name, digest in files.items()
        if name.startswith(start) and not _is_left_out(name)
    }


def _is_left_out(name: str) -> bool:
    return any(
        fnmatch.fnmatchcase(part, pattern)
        for part in name.split("/")
        for pattern in code_digest.LEFT_OUT
    )


def _unit(releases: Releases, release: str, unit: str) -> str:
    return _content(releases.path(release, "units", f"{unit}.conf")) if release else ""


def _content(path: str) -> str:
    try:
        return read_text(path, _LARGEST)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"# it cannot be read: {reason_of(error)}\n"


def _general(text: str, release: str) -> str:
    """Return what a release says about a unit without the id that every release has."""
    return text.replace(f"/releases/{release}", "/releases/{release}").replace(
        f'"UPKEEP_RELEASE={release}"', '"UPKEEP_RELEASE={release}"'
    )


def _environment_file(app: App) -> list[tuple[str, str, str]]:
    """Return the names, not the values, of the variables that a new environment file changes."""
    if not app.environment_file:
        return []
    try:
        new = read_bytes(f"{app.environment_file}.new", environment_file.LARGEST, owner=0)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [(app.environment_file, "", f"# it cannot be read: {reason_of(error)}\n")]

    before = environment_file.variables(_content(app.environment_file))
    after = environment_file.variables(new.decode("utf-8", "replace"))
    old = [f"{name}=(a value)\n" for name in before]
    now = [
        f"{name}=({'a value' if before.get(name, value) == value else 'another value'})\n"
        for name, value in after.items()
    ]

    return [(app.environment_file, "".join(old), "".join(now))]


def _masked(before: str, after: str) -> tuple[str, str]:
    """Return two texts without secrets; one that changes is seen to change."""
    old, new = (_secrets(text) for text in (before, after))
    changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}

    return _without_secrets(before, changed, "old"), _without_secrets(after, changed, "new")


def _secrets(text: str) -> dict[str, str]:
    """Return the lines of variables that hold secrets, by name."""
    return {
        found["name"]: line
        for line in text.splitlines()
        if (found := _VARIABLE.match(line)) and _is_secret(found["name"], line)
    }


def _is_secret(name: str, line: str) -> bool:
    return is_secret_name(name) or redact(line) != line


def _without_secrets(text: str, changed: set[str], side: str) -> str:
    lines = []
    for line in text.splitlines():
        found = _VARIABLE.match(line)
        if found and _is_secret(found["name"], line):
            note = f"(secret, {side})" if found["name"] in changed else "(secret)"
            lines.append(f"{found['start']}{found['name']}={note}")
        else:
            lines.append(redact(line))

    return "".join(f"{visible(line)}\n" for line in lines)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _IN_DIFF
    lines = [f"  {name}\n" for name in names[:_IN_DIFF]]

    return "".join([*lines, f"  and {more} more\n"] if more > 0 else lines)
