# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The releases of an application on a host: folders beside each other and a link to one of them.

``ROOT/releases/<id>`` is complete once it has ``release.json``, which is written last.
``ROOT/current`` leads to the one that serves. ``ROOT/switching`` is there from before a switch
until it is confirmed or taken back. All of it belongs to root: a service user only reads.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import typing as t
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..base.files import read_text, unlink_beneath, write_atomic
from ..base.folders import Folder
from . import new_environment
from .new_environment import NewEnvironment
from .options import RESTART

#: The release that was there before the first deployment.
FOUND: t.Final = "0"
RELEASE_ID: t.Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")
_LARGEST: t.Final = 1 << 20
_SEAL: t.Final = "release.json"
_GOOD: t.Final = "confirmed"


class ReleaseError(Exception):
    """A release that cannot be used; the message is a sentence without a full stop."""


@dataclass(frozen=True)
class Release:
    """A complete release.

    ``takes_socket`` is whether it serves on sockets that it is handed, ``strategy`` on which ones.
    """

    id: str
    commit: str = ""
    version: str = ""
    takes_socket: bool = True
    strategy: str = RESTART
    digest: str = ""
    facts: Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Switching:
    """A switch that was begun: to which release, from which, and when (seconds since 1970).

    ``environment`` is the environment file that it replaces.
    """

    release: str
    previous: str
    began: float
    environment: NewEnvironment | None = None


class Releases:
    """The releases below one root."""

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, release: str, *parts: str) -> str:
        """Return a path in a release."""
        if not RELEASE_ID.fullmatch(release):
            raise ReleaseError(f"{release!r} is not the id of a release")

        return "/".join((self.root, "releases", release, *parts))

    def opened(self) -> Folder:
        """Return the root as a folder, made when it is missing."""
        return Folder.owned(self.root, make=True)

    def ids(self) -> list[str]:
        """Return the ids of the complete releases, oldest first."""
        try:
            with Folder.owned(f"{self.root}/releases") as folder:
                names = [name for name in folder.names() if RELEASE_ID.fullmatch(name)]
        except FileNotFoundError:
            return []

        return sorted((name for name in names if self.get(name)), key=self._made)

    def get(self, release: str) -> Release | None:
        """Return a complete release, None when there is none of this id."""
        content = self._json(self.path(release, _SEAL))
        if content is None:
            return None

        return Release(
            id=release,
            commit=str(content.get("commit", "")),
            version=str(content.get("version", "")),
            takes_socket=bool(content.get("takes_socket", True)),
            strategy=str(content.get("strategy", RESTART)),
            digest=str(content.get("digest", "")),
            facts=content.get("facts") or {},
        )

    def require(self, release: str) -> Release:
        """Return a complete release; raises ReleaseError with those that there are."""
        found = self.get(release) if RELEASE_ID.fullmatch(release) else None
        if found is None:
            known = ", ".join(self.ids()) or "none"
            raise ReleaseError(f"there is no complete release '{release}'; there are: {known}")

        return found

    def seal(self, release: Release) -> None:
        """Make a release complete."""
        content = {
            "id": release.id,
            "commit": release.commit,
            "version": release.version,
            "takes_socket": release.takes_socket,
            "strategy": release.strategy,
            "digest": release.digest,
            "facts": dict(release.facts),
            "made": time.time(),
        }
        write_atomic(self.path(release.id, _SEAL), json.dumps(content, indent=1) + "\n", 0o644)

    def current(self) -> str:
        """Return the id of the release that serves, '' before the first one."""
        try:
            with Folder.owned(self.root) as folder:
                return folder.target("current").removeprefix("releases/")
        except FileNotFoundError:
            return ""

    def point_to(self, release: str) -> None:
        """Let ``current`` lead to a release, in one step."""
        self.require(release)
        with self.opened() as folder:
            folder.link("current", f"releases/{release}")

    def confirm(self, release: str) -> None:
        """Note that a release has proved itself."""
        write_atomic(self.path(release, _GOOD), f"{time.time():.0f}\n", 0o644)

    def doubt(self, release: str, target: str) -> None:
        """Note that a release was left for an older one: it is not what anybody goes back to.

        Deployed once more it can prove itself again. One that was left for a newer one stays good.
        """
        if self._made(release) > self._made(target):
            with contextlib.suppress(FileNotFoundError):
                unlink_beneath(self.path(release, _GOOD))

    def is_confirmed(self, release: str) -> bool:
        """Return whether a release has proved itself; the one that was found has."""
        if release == FOUND:
            return True

        with contextlib.suppress(OSError):
            return bool(read_text(self.path(release, _GOOD), 100))

        return False

    def last_good(self, other_than: str) -> str:
        """Return the newest release that has proved itself, '' when there is no other one."""
        good = [one for one in self.ids() if one != other_than and self.is_confirmed(one)]

        return good[-1] if good else ""

    def switching(self) -> Switching | None:
        """Return the switch that was begun and neither confirmed nor taken back."""
        return self._switch("switching")

    def undone(self) -> Switching | None:
        """Return the switch that the host itself took back."""
        return self._switch("undone")

    def begin(self, switching: Switching) -> None:
        """Note that a switch begins."""
        environment = switching.environment.note() if switching.environment else None
        content = json.dumps({**switching.__dict__, "environment": environment})
        write_atomic(f"{self.root}/switching", content + "\n", 0o644)

    def end(self) -> None:
        """Note that a switch is over."""
        unlink_beneath(f"{self.root}/switching")
        unlink_beneath(f"{self.root}/undone")

    def discard(self, release: str) -> None:
        """Delete a release, complete or not."""
        self.path(release)
        with contextlib.suppress(FileNotFoundError), Folder.owned(f"{self.root}/releases") as all_:
            # What is half deleted is no release.
            with contextlib.suppress(FileNotFoundError):
                unlink_beneath(self.path(release, _SEAL))
            all_.remove(release)

    def prune(self, keep: int, used: Collection[str]) -> list[str]:
        """Delete all but the newest releases; return their ids.

        Never ``used`` ones, the current one, the last good one, or the one that was found.
        """
        current = self.current()
        held = {*used, current, self.last_good(current), FOUND}
        spare = [one for one in self.ids() if one not in held]
        gone = spare[: max(len(spare) + len(held & set(self.ids())) - keep, 0)]
        for release in gone:
            self.discard(release)

        return gone

    def unfinished(self) -> list[str]:
        """Return the names of release folders that are not complete."""
        try:
            with Folder.owned(f"{self.root}/releases") as folder:
                names = folder.names()
        except FileNotFoundError:
            return []

        return [one for one in names if not RELEASE_ID.fullmatch(one) or not self.get(one)]

    def _switch(self, name: str) -> Switching | None:
        content = self._json(f"{self.root}/{name}")
        if content is None:
            return None

        try:
            return Switching(
                str(content["release"]),
                str(content["previous"]),
                float(content["began"]),
                new_environment.from_note(content.get("environment")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"'{self.root}/{name}' is damaged; remove it by hand") from error

    def _made(self, release: str) -> float:
        if release == FOUND:  # kept at the first switch, when the first release is built already
            return 0.0

        content = self._json(self.path(release, _SEAL)) or {}
        made = content.get("made")

        return float(made) if isinstance(made, int | float) else 0.0

    @staticmethod
    def _json(path: str) -> dict[str, t.Any] | None:
        try:
            content = json.loads(read_text(path, _LARGEST))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ReleaseError(f"'{path}' cannot be read: {error}") from error

        return content if isinstance(content, dict) else None
