# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call on a host: look, build a release, or let one serve."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import asdict

from ..base.alerts import about_alerts
from ..base.systemd import SystemdError
from ..findings import Finding
from ..switching import listening, new_environment
from ..switching.confirming import about_log
from ..switching.options import BLUE_GREEN
from ..switching.releases import FOUND, ReleaseError, Releases, Switching
from ..switching.switch import Switcher, SwitchError, SwitchOutcome
from . import environment_file, preview
from .building import BuildError, build, keep_found
from .code_digest import DigestError
from .looking import look
from .quarantine import is_quarantined, put_away, take_out
from .settings import App, Settings
from .unpacking import UnpackError

_FAILURES: t.Final = (
    BuildError,
    UnpackError,
    ReleaseError,
    DigestError,
    SystemdError,
    TimeoutError,
    OSError,
)


def run(
    settings: Settings, check_mode: bool, hook: Callable[[str], None] | None = None
) -> dict[str, t.Any]:
    """Return the module's answer; ``hook`` is called at moments at which tests end this process."""
    releases = Releases(settings.app.root)
    answer: dict[str, t.Any] = {
        "changed": False,
        "findings": [],
        "needed": False,
        "done": True,
        "steps": [],
        "current": "",
        "diff": {"before": "", "after": ""},
    }
    if settings.state == "looked":
        return {**answer, "findings": look(settings, releases, check_mode)}

    try:
        if settings.state == "built":
            answer |= _built(settings, releases, check_mode)
        else:
            answer |= _live(settings, releases, check_mode, hook or (lambda _: None))
    except _FAILURES as error:
        answer |= {"done": False, "findings": [_failed(settings, str(error))]}

    return {**answer, "current": releases.current()}


def switcher_of(app: App, releases: Releases, hook: Callable[[str], None]) -> Switcher:
    """Return what switches the releases of an application."""
    return Switcher(
        app.server,
        releases,
        workers=[worker.unit for worker in app.workers],
        worker_seconds=max((worker.stop_seconds for worker in app.workers), default=0.0),
        run_as=app.user,
        hook=hook,
    )


def _built(settings: Settings, releases: Releases, check_mode: bool) -> dict[str, t.Any]:
    """Build the release unless it is there; without an archive only tell whether it is needed."""
    release, subject = settings.release, settings.app.subject
    if releases.get(release):
        message = f"Release {release} is on the host."
        return {"findings": [subject.finding("ok", message, aspect="built", observed=release)]}
    if is_quarantined(releases, release):
        if not settings.retry:
            raise BuildError(
                f"release {release} failed before; see {releases.root}/quarantine/{release}/"
                "evidence.json. To try it again: -e predictor_deploy_retry=true"
            )
        if not check_mode and settings.bundle:
            take_out(releases, release)

    if lacking := _refusal(settings.app):
        raise BuildError(lacking)

    steps = [f"unpack release {release}", "make its virtual environment", "write its unit files"]
    message = f"Release {release} is not on the host yet. Steps: {'; '.join(steps)}."
    told = {"needed": True, "steps": steps, "diff": _diff(releases.root, release)}
    if check_mode:
        found = subject.finding("info", message, aspect="built")
        return {**told, "changed": True, "findings": [found]}
    if not settings.bundle:
        return {**told, "findings": []}

    made = build(settings, releases)
    message = f"Release {release} was built: {made.facts['files']} files from {made.commit[:12]}."
    found = subject.finding("ok", message, aspect="built", observed=release)

    return {**told, "changed": True, "findings": [found]}


def _refusal(app: App) -> str:
    """Return why no release of the application may be built or serve, '' when one may."""
    return environment_file.problem(app) or listening.problem(app.server)


def _live(
    settings: Settings, releases: Releases, check_mode: bool, hook: Callable[[str], None]
) -> dict[str, t.Any]:
    app, release, subject = settings.app, settings.release, settings.app.subject
    left = releases.switching()
    current = releases.current()
    switcher = switcher_of(app, releases, hook)
    unended = left is not None or switcher.has_leftovers()
    if current == release and releases.is_confirmed(release) and not unended:
        return {"findings": [_serves_already(settings)]}

    steps = _steps(app, current, release)
    told = {"needed": True, "steps": steps, "diff": _diff(app.root, release, current)}
    lacking = _refusal(app)
    if lacking and (check_mode or not unended):
        return {"needed": True, "done": False, "findings": [_failed(settings, lacking)]}
    if check_mode:
        return {**told, **_foretold(settings, releases, switcher, steps)}

    target = releases.require(release)
    if not current:
        keep_found(app, releases)
        releases.point_to(FOUND)
    recovered = switcher.recover()
    if not lacking:
        switcher.adopt()
    findings = [_recovered(settings, recovered)] if recovered else []
    if releases.current() == release and releases.is_confirmed(release):
        return {**told, "changed": True, "findings": [*findings, _serves_already(settings)]}

    if lacking:
        findings.append(_failed(settings, lacking))
        return {**told, "changed": True, "done": False, "findings": findings}

    previous = releases.current()
    try:
        outcome = switcher.switch(target, new_environment.find(app.environment_file, app.root))
    except SwitchError as error:
        place = put_away(releases, release, error, app.units)
        findings.append(_refused(settings, error, previous, place))
        return {**told, "changed": True, "done": False, "findings": findings}

    findings += _confirmed(settings, outcome, previous)
    gone: list[str] = []
    try:
        if is_quarantined(releases, release):
            take_out(releases, release)
        gone = releases.prune(app.keep, [previous, release])
    except OSError as error:  # it serves and is confirmed, whatever becomes of old ones
        message = f"old releases could not be deleted: {error}"
        findings.append(subject.finding("warning", message, aspect="old"))

    return {**told, "changed": True, "findings": findings, "pruned": gone, **_figures(outcome)}


def _foretold(
    settings: Settings, releases: Releases, switcher: Switcher, steps: list[str]
) -> dict[str, t.Any]:
    """Return what check mode shows: files, configuration and steps."""
    app, release, current = settings.app, settings.release, releases.current()
    files = preview.file_changes(app, releases, release, settings.files)
    message = (
        f"Release {release} would serve instead of {current or 'what runs now'}."
        f" {files.sentence} Steps: {'; '.join(steps)}."
    )

    return {
        "changed": True,
        "findings": [app.subject.finding("info", message)],
        "files": files.answer(),
        "diff": whole_diff(
            _diff(app.root, release, current),
            files.texts(),
            preview.configuration(app, releases, release, switcher),
        ),
    }


def whole_diff(link: dict[str, str], *parts: tuple[str, str]) -> dict[str, str]:
    """Return a diff that shows further parts behind where the link leads."""
    return {
        "before": link["before"] + "".join(before for before, _ in parts),
        "after": link["after"] + "".join(after for _, after in parts),
    }


def _steps(app: App, current: str, release: str) -> list[str]:
    steps = [] if current else [f"keep what runs now as release {FOUND}"]
    if app.environment_file:
        steps.append(f"install {app.environment_file}.new when there is one, the old one kept")
    steps += [
        f"start release {release} as {app.server.next_unit} and ask it",
        f"let {app.root}/current lead to releases/{release}",
    ]
    confirming = f"confirm it for {app.server.window.seconds:g} s, or go back"
    workers = [f"restart {worker.unit}" for worker in app.workers]
    if app.server.strategy == BLUE_GREEN and current not in ("", FOUND):
        return [
            *steps,
            f"send new connections to {app.server.next_unit}; {app.server.unit} goes on running",
            *workers,
            confirming,
            f"restart {app.server.unit} once it has no connection, and send connections there",
        ]

    restart = f"restart {app.server.unit} while its socket unit keeps connections"

    return [*steps, restart, *workers, confirming]


def _diff(root: str, release: str, current: str = "") -> dict[str, str]:
    return {
        "before": f"{root}/current -> {current or 'none'}\n",
        "after": f"{root}/current -> {release}\n",
    }


def _figures(outcome: SwitchOutcome) -> dict[str, t.Any]:
    return {
        "start_seconds": round(outcome.start_seconds, 3),
        "switch_seconds": round(outcome.switch_seconds, 3),
        "confirmation": {
            key: value
            for key, value in asdict(outcome.confirmation).items()
            if key in ("rounds", "seconds", "traffic", "medians")
        },
    }


def about_set(saved: str) -> str:
    """Return the sentence of a finding on the set that was made before, with a space before it."""
    return f" The state before is kept in set {saved}." if saved else ""


def _serves_already(settings: Settings) -> Finding:
    release = settings.release
    message = f"Release {release} serves already."

    return settings.app.subject.finding("ok", message, observed=release, expected=release)


def _failed(settings: Settings, problem: str) -> Finding:
    message = f"{problem}. Nothing that serves was changed"

    return settings.app.subject.finding("critical", message, observed=settings.release)


def _recovered(settings: Settings, left: Switching) -> Finding:
    message = (
        f"a switch to release {left.release} had been cut off before it was confirmed; release"
        f" {left.previous} served again before this run went on"
    )

    return settings.app.subject.finding("warning", message, aspect="cut_off")


def _refused(settings: Settings, error: SwitchError, previous: str, place: str) -> Finding:
    served = (
        f"release {previous} serves again" if error.touched else "nothing that serves was changed"
    )
    if "way back failed" in str(error):
        served = "a person must step in"
        if "does not serve either" not in str(error):  # else the host has gone back already
            served += f", or start the host anew: it goes back to {previous} then"
    message = f"release {settings.release} was not confirmed: {error}. {served}; evidence: {place}"

    return settings.app.subject.finding(
        "critical", message, observed=previous, expected=settings.release
    )


def _confirmed(settings: Settings, outcome: SwitchOutcome, previous: str) -> list[Finding]:
    subject, seen, window = settings.app.subject, outcome.confirmation, settings.app.server.window
    message = (
        f"Release {settings.release} serves instead of {previous}: confirmed by {seen.rounds}"
        f" rounds of probes in {seen.seconds:.0f} s; the change itself took"
        f" {outcome.switch_seconds:.1f} s.{about_set(settings.saved)}"
        f" {about_alerts(settings.silenced_until)}"
    )
    found = [subject.finding("ok", message, observed=settings.release, expected=settings.release)]
    if seen.traffic is not None and seen.traffic < window.least_traffic:
        note = (
            f"only {seen.traffic} requests of visitors came while it was confirmed (at least"
            f" {window.least_traffic}): our own probes alone decided"
        )
        found.append(subject.finding("info", note, aspect="traffic", observed=seen.traffic))

    return [*found, *about_log(subject, seen, settings.app.units)]
