# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call on a host: look, let a candidate serve, go back, or have a candidate made."""

from __future__ import annotations

import contextlib
import os
import typing as t
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..base.alerts import about_alerts
from ..base.files import open_regular, read_bytes
from ..base.state_file import StateFileError
from ..base.systemd import SystemdError
from ..findings import Finding
from ..model_verification import metadata as figures
from ..model_verification.metadata import TrainingFigures
from ..model_verification.reading import ReadingError
from ..switching.confirming import about_log
from . import copies
from .copies import Mark, ModelDigest, ModelFiles, TouchedError, UpdateError
from .evaluating import evaluate
from .looking import look
from .settings import UpdatedModel, UpdateSettings
from .switching_models import (
    Hook,
    RefusedError,
    StuckError,
    SwitchedModel,
    recover,
    switch_model,
)
from .training import train
from .versions import Versions, named, way_back

_FAILURES: t.Final = (UpdateError, SystemdError, StateFileError, TimeoutError, OSError)
_LARGEST_METADATA: t.Final = 1 << 20


def run(
    settings: UpdateSettings, check_mode: bool, hook: Callable[[str], None] | None = None
) -> dict[str, t.Any]:
    """Return the module's answer; ``hook`` is called at moments at which tests end this process."""
    answer: dict[str, t.Any] = {
        "changed": False,
        "findings": [],
        "needed": False,
        "done": True,
        "steps": [],
        "sha256": "",
        "record": {},
        "candidate": {},
    }
    if settings.state == "looked":
        found = [look(model, Versions(model)) for model in settings.models]
        return {**answer, "findings": [finding for each in found for finding in each]}

    model, versions = settings.model, Versions(settings.model)
    call = _Call(settings, versions, check_mode, hook or no_hook)
    try:
        match settings.state:
            case "measured":
                answer |= call.measured()
            case "live":
                answer |= call.live()
            case "back":
                answer |= call.back()
            case _:
                answer |= train(settings, versions, check_mode)
    except RefusedError as error:
        call.findings.append(_refused(settings, error))
        answer |= {"changed": True, "done": False}
    except _FAILURES as error:
        call.findings.append(_failed(settings, error))
        answer |= {"done": False}

    findings = [*call.findings, *answer["findings"]]

    return {**answer, "findings": findings, "sha256": _serving_sha256(model)}


def no_hook(_: str) -> None:
    """Do nothing at a moment at which a test would end this process."""


@dataclass
class _Call:
    """One call that may change what serves; ``findings`` are there also when it fails."""

    settings: UpdateSettings
    versions: Versions
    check_mode: bool
    hook: Hook
    findings: list[Finding] = field(default_factory=list)

    def measured(self) -> dict[str, t.Any]:
        """Measure the candidate beside the model that serves, and keep it for V(live)."""
        settings, versions = self.settings, self.versions
        serving = self._begun()
        if serving == settings.sha256:
            return self._unchanged(_serving_record(settings), "The candidate serves.")
        if self.check_mode:
            return self._foretold({}, f"Model {settings.sha256[:12]} would serve", self._steps())
        answer = {"needed": True, "changed": bool(self.findings), "steps": self._steps()}
        if not settings.candidate:
            return answer

        try:
            candidate = _brought(settings, versions)
            self._put_and_measure(candidate, copies.mark_of(settings.model))
            versions.note_measured(candidate, serving)
        except BaseException:
            versions.forget_brought()
            raise
        finally:
            copies.clear(settings.model)

        return {**answer, "changed": True}

    def live(self) -> dict[str, t.Any]:
        """Let the candidate serve once it has proved itself."""
        settings, model, versions = self.settings, self.settings.model, self.versions
        serving = self._begun()
        if serving == settings.sha256:
            return self._unchanged(_serving_record(settings), "The candidate serves.")
        if self.check_mode:
            return self._foretold({}, f"Model {settings.sha256[:12]} would serve", self._steps())

        try:
            mark = copies.mark_of(model)
            if settings.candidate:
                candidate = _brought(settings, versions)
                self._put_and_measure(candidate, mark)
            else:
                candidate = _measured_before(versions, settings.sha256, serving)
                copies.put_beside(model, candidate, mark)
            record = _record(settings, candidate)
            kept = versions.keep(mark, settings.approved_sha256)
            self.hook("kept")
            switched = switch_model(model, versions, candidate, kept, self.hook)
        finally:
            copies.clear(model)
            versions.forget_brought()
        self.findings += _confirmed(settings, settings.sha256, switched)
        gone = versions.prune(model.keep, [kept.id])

        return {
            "changed": True,
            "needed": True,
            "steps": self._steps(),
            "record": record,
            "pruned": gone,
        }

    def back(self) -> dict[str, t.Any]:
        """Let a kept version serve; what serves now is kept before."""
        settings, model, versions = self.settings, self.settings.model, self.versions
        self._recover()
        serving = _serving_sha256(model)
        name = settings.version
        wanted = named(versions, name) if name else way_back(versions, serving)
        if wanted is None:
            raise UpdateError("no other model is kept, so there is no way back")

        versions.require_intact(wanted)
        files = versions.files(wanted)
        record = _record(settings, files)
        if wanted.digest.sha256 == serving:
            return self._unchanged(record, f"Version {wanted.id} serves.")
        if self.check_mode:
            message = f"Version {wanted.id} would serve again"
            return self._foretold(record, message, _steps(model))

        try:
            present = versions.keep(copies.mark_of(model))
            copies.put_beside(model, files, wanted.mark)
            copies.require_readable(model)
            switched = switch_model(model, versions, files, present, self.hook)
        finally:
            copies.clear(model)
        self.findings += _confirmed(settings, wanted.digest.sha256, switched)

        return {"changed": True, "needed": True, "steps": _steps(model), "record": record}

    def _begun(self) -> str:
        """Return the checksum of what serves, which must be the candidate or what was approved."""
        self._recover()
        serving = _serving_sha256(self.settings.model)
        if serving != self.settings.sha256:
            _require_approved(self.settings, serving)

        return serving

    def _put_and_measure(self, candidate: ModelFiles, mark: Mark) -> None:
        """Put a candidate beside what serves and measure it there; raises UpdateError, OSError."""
        model = self.settings.model
        _record(self.settings, candidate)
        copies.put_beside(model, candidate, mark)
        copies.require_readable(model)
        self._measure()
        copies.require_beside(model, candidate)

    def _recover(self) -> None:
        """Go back from an update that was cut off before anything else is done."""
        settings, model = self.settings, self.settings.model
        if self.check_mode:
            return
        previous = recover(model, self.versions)
        copies.clear(model)
        if settings.state != "live" or settings.candidate:
            self.versions.forget_brought()
        if previous:
            message = (
                f"an update had been cut off before it was confirmed; model {previous} served"
                " again before this run went on"
            )
            self.findings.append(model.subject.finding("warning", message, aspect="cut_off"))

    def _measure(self) -> None:
        """Measure the candidate; raises UpdateError when it is refused."""
        model = self.settings.model
        if not model.evaluation:
            message = "It was not measured: the profile names no reference, a person decides."
            self.findings.append(model.subject.finding("info", message, aspect="evaluation"))
            return

        measured, refusal = evaluate(model, model.evaluation)
        self.findings += measured
        if refusal:
            raise UpdateError(f"the candidate is refused: {refusal}")

    def _steps(self) -> list[str]:
        """Return what an update does, in order."""
        model = self.settings.model
        measuring = [f"measure it beside '{model.path}'"] if model.evaluation else []

        return [*measuring, *_steps(model)]

    def _unchanged(self, record: dict[str, t.Any], message: str) -> dict[str, t.Any]:
        recovered = bool(self.findings)
        self.findings.append(self.settings.model.subject.finding("ok", message, aspect="update"))

        return {"record": record, "changed": recovered}

    def _foretold(
        self, record: dict[str, t.Any], message: str, steps: list[str]
    ) -> dict[str, t.Any]:
        text = f"{message} once it has proved itself. Steps: {'; '.join(steps)}."
        self.findings.append(self.settings.model.subject.finding("info", text, aspect="update"))

        return {"needed": True, "changed": True, "steps": steps, "record": record}


def _brought(settings: UpdateSettings, versions: Versions) -> ModelFiles:
    """Return a copy of the candidate that root alone can change; raises OSError, UpdateError."""
    with contextlib.ExitStack() as opened:
        streams = [
            opened.enter_context(
                open_regular(
                    path, owner={0, os.geteuid(), settings.candidate_owner}, trusted_links=True
                )
            )
            for path in (settings.candidate, settings.candidate_metadata)
            if path
        ]
        return versions.bring(streams[0], streams[1] if streams[1:] else None, settings.sha256)


def _measured_before(versions: Versions, sha256: str, serving: str) -> ModelFiles:
    """Return the candidate that was measured by an earlier call; raises UpdateError, OSError."""
    candidate = versions.measured(sha256, serving)
    if candidate is None:
        raise UpdateError(
            "no candidate with this checksum was measured beside the model that serves; name it"
        )

    return candidate


def _require_approved(settings: UpdateSettings, serving: str) -> None:
    approved = settings.approved_sha256
    if not serving:
        raise UpdateError(
            f"'{settings.model.path}' cannot be read, so nothing could be gone back to; restore it"
        )
    if approved and serving != approved:
        raise UpdateError(
            f"the model that serves ({serving[:12]}...) is not the approved one"
            f" ({approved[:12]}...); find out who changed it before it is replaced"
        )


def _record(settings: UpdateSettings, files: ModelFiles) -> dict[str, t.Any]:
    """Return the record of a model as the manifest takes it."""
    digest, found = files.digest, _figures(settings.model, files)
    entry: dict[str, t.Any] = {
        "sha256": digest.sha256,
        "md5": digest.md5,
        "bytes": digest.bytes,
        "metrics": dict(found.metrics),
        "approved_by": settings.approved_by,
    }
    if found.trained_at:
        entry["trained_at"] = found.trained_at

    return {settings.model.name: entry}


def _serving_record(settings: UpdateSettings) -> dict[str, t.Any]:
    """Return the record of what serves; its metadata came with it."""
    model = settings.model
    metadata = f"{model.folder}/{model.metadata.name}" if model.metadata else ""

    return _record(settings, ModelFiles(model.path, metadata, serving_digest(model)))


def _figures(model: UpdatedModel, files: ModelFiles) -> TrainingFigures:
    """Return what the metadata say; raises UpdateError for metadata that cannot be used."""
    if not model.metadata or not files.metadata:
        return figures.NO_FIGURES
    try:
        text = read_bytes(files.metadata, _LARGEST_METADATA)
        found = figures.parse_text(text, Path(files.metadata), model.metadata.keys)
    except ReadingError as error:
        raise UpdateError(f"its metadata cannot be used: {error}") from error
    if found.faults:
        raise UpdateError(f"its metadata cannot be used: {'; '.join(found.faults)}")

    return found


def _serving_sha256(model: UpdatedModel) -> str:
    """Return the checksum of what serves, '' where nothing can be read."""
    return serving_digest(model).sha256


def serving_digest(model: UpdatedModel) -> ModelDigest:
    """Return the digest of what serves, an empty one where nothing can be read."""
    try:
        with copies.serving_folder(model) as folder, folder.read(model.file) as stream:
            return copies.digest_of(stream)
    except OSError:
        return ModelDigest("", "", 0)


def _steps(model: UpdatedModel) -> list[str]:
    return [
        f"keep what serves below '{model.kept}'",
        "arm the timer that goes back",
        f"rename it to '{model.path}'",
        *(f"restart {unit}" for unit in (model.server.unit, *model.workers)),
        f"confirm it for {model.server.window.seconds:g} s, or go back",
    ]


def _confirmed(settings: UpdateSettings, sha256: str, switched: SwitchedModel) -> list[Finding]:
    model, seen = settings.model, switched.confirmation
    message = (
        f"Model {sha256[:12]} serves instead of {switched.previous.id}: confirmed by {seen.rounds}"
        f" rounds of probes in {seen.seconds:.0f} s."
        f" {about_alerts(settings.silenced_until)}"
    )

    found = model.subject.finding("ok", message, aspect="update", observed=sha256)

    return [found, *about_log(model.subject, seen, [model.server.unit, *model.workers])]


def _failed(settings: UpdateSettings, error: Exception) -> Finding:
    match error:
        case TouchedError():
            message = str(error)
        case StuckError():
            message = f"{str(error).rstrip('.')}. A person must step in"
        case _:
            message = f"{str(error).rstrip('.')}. Nothing that serves was changed"

    return settings.model.subject.finding("critical", message, aspect="update")


def _refused(settings: UpdateSettings, error: RefusedError) -> Finding:
    end = "the model before serves again" if error.is_back else "a person must step in"
    message = f"the model was not confirmed: {error}. {end}; evidence: {error.evidence}"

    return settings.model.subject.finding("critical", message, aspect="update")
