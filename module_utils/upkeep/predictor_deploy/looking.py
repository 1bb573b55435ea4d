# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A look at what deployments left: drift, leftovers, a way back that is missing."""

from __future__ import annotations

import typing as t

from ..base import state_file, systemd
from ..base.deadline import Deadline
from ..base.folders import Folder
from ..base.state_file import StateFileError
from ..base.systemd import SystemdError
from ..base.text import list_some
from ..findings import Finding
from ..switching import unit_files
from ..switching.confirming import Baseline, ask_all
from ..switching.releases import FOUND, ReleaseError, Releases
from ..switching.settings import Server
from . import code_digest
from .code_digest import DigestError
from .settings import Settings

_VERSION: t.Final = 1


def look(settings: Settings, releases: Releases, check_mode: bool) -> list[Finding]:
    """Return the findings of a look; nothing but our own note of the code is written."""
    subject = settings.app.subject
    try:
        return [
            _drift(settings, releases, check_mode),
            _way_back(settings, releases),
            _left(settings, releases),
            *_front(settings, releases),
        ]
    except (ReleaseError, OSError) as error:
        return [subject.finding("unknown", f"the releases cannot be looked at: {error}")]


def _drift(settings: Settings, releases: Releases, check_mode: bool) -> Finding:
    """Return whether the code is what was deployed, or was first seen."""
    app, current = settings.app, releases.current()
    paths = app.found if current in ("", FOUND) else (releases.path(current, "code"),)
    if not paths:
        message = "Nothing was deployed yet, and no code is named that ran before (found)."
        return app.subject.finding("info", message)

    try:
        now = code_digest.digests(paths)
        summed = code_digest.summed(now)
        if current not in ("", FOUND):
            return _against_release(settings, releases, current, summed)
        before = _noted(settings, now, check_mode)
    except (DigestError, StateFileError) as error:
        return app.subject.finding("unknown", f"the code cannot be compared: {error}")

    changed = code_digest.differences(before, now)
    if changed:
        message = (
            f"the code was changed by hand since it was first seen: {list_some(changed, 5)}."
            " Bring the change into the source and deploy it, or put the old file back"
        )
        return app.subject.finding(
            "warning", message, observed=len(changed), expected="at most 0", unit="files"
        )

    message = f"{len(now)} files of the code are as they were first seen; nothing was deployed yet."

    return app.subject.finding("ok", message, observed=0, expected="at most 0", unit="files")


def _against_release(settings: Settings, releases: Releases, current: str, summed: str) -> Finding:
    release, subject = releases.require(current), settings.app.subject
    if summed == release.digest:
        message = f"Release {current} serves, and its code is as it was deployed."
        return subject.finding("ok", message, observed=current, expected=current)

    message = (
        f"the code of release {current} was changed by hand after it was deployed: deploy it once"
        " more, or bring the change into the source"
    )

    return subject.finding("warning", message, observed="changed", expected=current)


def _noted(settings: Settings, now: dict[str, str], check_mode: bool) -> dict[str, str]:
    """Return the code as it was first seen; the first time that is now."""
    kept = state_file.load(settings.state_file, _VERSION) or {}
    known = kept.get(settings.app.name)
    if isinstance(known, dict):
        return {str(path): str(digest) for path, digest in known.items()}
    if not check_mode:
        state_file.save(settings.state_file, _VERSION, {**kept, settings.app.name: now})

    return now


def _way_back(settings: Settings, releases: Releases) -> Finding:
    subject, current = settings.app.subject, releases.current()
    if current in ("", FOUND):
        message = "Nothing was deployed yet, so there is nothing to go back from."
        return subject.finding("info", message, aspect="way_back")

    good = releases.last_good(current)
    if good:
        message = f"Release {good} is there to go back to."
        return subject.finding("ok", message, aspect="way_back", observed=good)

    message = (
        f"release {current} serves and there is no other one that has proved itself: nothing to go"
        " back to. Deploy the version before once more, then this one"
    )

    return subject.finding("warning", message, aspect="way_back", observed="none")


def _left(settings: Settings, releases: Releases) -> Finding:
    """Return what an aborted deployment left."""
    subject, server = settings.app.subject, settings.app.server
    left = [f"an unfinished release {name}" for name in releases.unfinished()]
    if begun := releases.switching():
        left.append(f"a switch to release {begun.release} that nobody confirmed")
    if undone := releases.undone():
        left.append(f"a switch to release {undone.release} that the host took back by itself")
    try:
        state = systemd.show([server.next_unit], ["ActiveState"], Deadline(30))[server.next_unit]
    except (SystemdError, TimeoutError) as error:
        return subject.finding("unknown", str(error), aspect="candidate")

    if state.get("ActiveState") in ("active", "activating", "failed"):
        left.append(f"{server.next_unit}, which is {state['ActiveState']}")
    if left:
        message = f"a deployment left {list_some(left, 5)}: deploy once more, which clears it up"
        return subject.finding("warning", message, aspect="candidate", observed=len(left))

    message = "No deployment left anything unfinished."

    return subject.finding("ok", message, aspect="candidate", observed=0)


def _front(settings: Settings, releases: Releases) -> list[Finding]:
    """Return the findings on the proxy: whether it connects to the serving release."""
    subject, server, current = settings.app.subject, settings.app.server, releases.current()
    release = releases.get(current) if current else None
    needed = unit_files.layout(server, release) if release else []
    if server.front_socket_unit not in needed:
        return []

    try:
        states = systemd.show(needed, ["ActiveState"], Deadline(30))
    except (SystemdError, TimeoutError) as error:
        return [subject.finding("unknown", str(error), aspect="front")]
    down = [unit for unit, state in states.items() if state["ActiveState"] != "active"]
    if down:
        message = f"{', '.join(down)} is not active: nobody reaches {server.unit}. Start it"
        return [subject.finding("critical", message, aspect="front", observed=len(down))]

    own = unit_files.own_socket(server).rpartition("/")[2]
    leads = _lead(server)
    if dead := _dead(settings, leads):
        message = (
            f"nobody is served: new connections are sent to '{leads or 'nothing'}', and {dead}."
            " Deploy or roll back once more, which corrects that, or start what is behind it"
        )
        return [subject.finding("critical", message, aspect="front", observed=leads, expected=own)]
    if leads != own:
        message = (
            f"new connections are sent to '{leads or 'nothing'}', not to {server.unit}: deploy or"
            " roll back once more, which corrects that"
        )
        return [subject.finding("warning", message, aspect="front", observed=leads, expected=own)]

    message = f"New connections are sent to {server.unit}."

    return [subject.finding("ok", message, aspect="front", observed=own, expected=own)]


def _dead(settings: Settings, leads: str) -> str:
    """Return why the side that new connections are sent to does not answer, '' when it does."""
    if not leads:
        return "it leads nowhere"

    path = unit_files.front_link(settings.app.server)
    _, problem, _ = ask_all(settings.app.server.probes[:1], path, Baseline(), settings.app.user)

    return problem


def _lead(server: Server) -> str:
    """Return the socket that the proxy connects to, '' when there is none."""
    folder, _, name = unit_files.front_link(server).rpartition("/")
    with Folder.owned(folder) as sockets:
        return sockets.target(name).rpartition("/")[2]
