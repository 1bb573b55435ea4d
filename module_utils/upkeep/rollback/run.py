# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One way back on a host: the release, its caches, what depends on it."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ..base import systemd
from ..base.alerts import about_alerts
from ..base.deadline import Deadline
from ..base.systemd import SystemdError
from ..findings import Finding
from ..predictor_deploy import preview
from ..predictor_deploy.quarantine import put_away
from ..predictor_deploy.run import about_set, switcher_of, whole_diff
from ..switching import listening
from ..switching.confirming import Confirmation, about_log
from ..switching.releases import FOUND, ReleaseError, Releases
from ..switching.switch import SwitchError
from ..switching.unit_state import stop_limits
from .caches import CacheError, clear
from .settings import Settings

#: What a person reads first.
BY_HAND: t.Final = "A person must step in"
#: How long a dependant may take to start, beyond the time in which it must have ended, s.
_STARTS: t.Final = 120.0


def run(
    settings: Settings, check_mode: bool, hook: Callable[[str], None] | None = None
) -> dict[str, t.Any]:
    """Return the module's answer; ``hook`` is called at moments at which tests end this process."""
    releases = Releases(settings.app.root)
    answer: dict[str, t.Any] = {
        "changed": False,
        "done": True,
        "findings": [],
        "steps": [],
        "current": "",
        "diff": {"before": "", "after": ""},
    }
    try:
        answer |= _back(settings, releases, check_mode, hook or (lambda _: None))
    except (ReleaseError, SystemdError, TimeoutError, OSError) as error:
        answer |= {"done": False, "findings": [_by_hand(settings, str(error))]}

    return {**answer, "current": releases.current()}


def _back(
    settings: Settings, releases: Releases, check_mode: bool, hook: Callable[[str], None]
) -> dict[str, t.Any]:
    current = releases.current()
    if not current:
        raise ReleaseError("nothing was ever deployed here")

    left = releases.switching()
    release = settings.release or releases.last_good(left.release if left else current)
    if not release:
        raise ReleaseError(f"no other release than {current} has proved itself")
    target = releases.require(release)
    if release == current and not left:
        message = f"Release {release} serves already; nothing to go back to."
        return {"findings": [settings.subject.finding("ok", message, observed=release)]}

    if not left and (problem := listening.problem(settings.app.server)):
        raise ReleaseError(problem)

    steps = _steps(settings, current, release)
    link = {"before": f"current -> {current}\n", "after": f"current -> {release}\n"}
    told = {"changed": True, "steps": steps, "diff": link}
    switcher = switcher_of(settings.app, releases, hook)
    if check_mode:
        files = preview.file_changes(settings.app, releases, release)
        message = (
            f"Would go back from release {current} to {release}. {files.sentence}"
            f" Steps: {'; '.join(steps)}."
        )
        texts = preview.configuration(settings.app, releases, release, switcher)
        return {
            **told,
            "findings": [settings.subject.finding("info", message)],
            "files": files.answer(),
            "diff": whole_diff(link, files.texts(), texts),
        }

    switcher.recover()
    seen = Confirmation()
    if releases.current() != release:
        if problem := listening.problem(settings.app.server):
            raise ReleaseError(problem)
        switcher.adopt()
        try:
            seen = switcher.switch(target).confirmation
        except SwitchError as error:
            served = "may not serve" if "way back failed" in str(error) else "serves"
            message = (
                f"release {release} was not confirmed: {error}; release {releases.current()}"
                f" {served}"
            )
            return {**told, "done": False, "findings": [_by_hand(settings, message)]}

    if current not in (release, FOUND) and releases.get(current):
        releases.doubt(current, release)
    if settings.quarantine and current != release and releases.get(current):
        why = SwitchError(settings.reason or "left by a rollback", touched=True)
        put_away(releases, current, why, settings.app.units)

    found, whole = _afterwards(settings)
    message = f"Done: release {release} serves instead of {current}."
    if settings.reason:
        message += f" Reason: {settings.reason}."
    message += f"{about_set(settings.saved)} {about_alerts(settings.silenced_until)}"
    status = "ok" if whole else "warning"
    first = settings.subject.finding(status, message, observed=release, expected=release)

    found += about_log(settings.subject, seen, settings.app.units)

    return {**told, "done": whole, "findings": [first, *found]}


def _steps(settings: Settings, current: str, release: str) -> list[str]:
    steps = [f"go back from release {current} to {release} and confirm it"]
    steps += [f"quarantine release {current}"] if settings.quarantine else []
    steps += [f"delete {' '.join(one.patterns)} from cache {one.name}" for one in settings.caches]

    return steps + [f"restart {unit}" for unit in settings.dependants]


def _afterwards(settings: Settings) -> tuple[list[Finding], bool]:
    """Clear caches and restart dependants; return the findings, and whether all of it worked."""
    found: list[Finding] = []
    whole = True
    for cache in settings.caches:
        subject = settings.subject._replace(
            requirements=cache.requirements or settings.requirements
        )
        aspect = f"cache_{cache.name}"
        try:
            deleted = clear(cache)
        except CacheError as error:
            whole = False
            message = f"{BY_HAND}: cache '{cache.name}' was not cleared: {error}"
            found.append(subject.finding("critical", message, aspect=aspect))
        else:
            message = f"{deleted} keys of cache '{cache.name}' were deleted."
            found.append(subject.finding("ok", message, aspect=aspect, observed=deleted))

    for unit in settings.dependants:
        try:
            systemd.restart(unit, Deadline(stop_limits([unit])[unit] + _STARTS))
        except (SystemdError, TimeoutError) as error:
            whole = False
            message = f"{BY_HAND}: {unit} was not restarted: {error}"
            found.append(settings.subject.finding("critical", message, aspect=unit))

    return found, whole


def _by_hand(settings: Settings, problem: str) -> Finding:
    return settings.subject.finding("critical", f"{BY_HAND}: {problem}")
