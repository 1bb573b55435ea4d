# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What updates left on a host."""

from __future__ import annotations

from ..base.state_file import StateFileError
from ..findings import Finding
from .copies import BESIDE, UpdateError, digest_of, serving_folder
from .settings import UpdatedModel
from .versions import Versions, way_back


def look(model: UpdatedModel, versions: Versions) -> list[Finding]:
    """Return findings on the way back, and on candidates and updates that were left."""
    subject = model.subject
    try:
        with serving_folder(model) as folder:
            left = [name for name in folder.names() if name.startswith(BESIDE)]
            with folder.read(model.file) as stream:
                serving = digest_of(stream).sha256
        other = way_back(versions, serving)
        pending = versions.pending()
    except (OSError, StateFileError) as error:
        return [subject.finding("unknown", f"It cannot be read: {error}", aspect="way_back")]

    findings = []
    if other is None:
        message = "no other model is kept; the next update keeps the one that serves"
        findings.append(subject.finding("info", message, aspect="way_back"))
    else:
        findings.append(_way_back(model, versions, other.id))
    if pending is not None:
        message = "an update was cut off before it was confirmed; run the update again"
        findings.append(subject.finding("warning", message, aspect="cut_off"))
    elif left:
        message = f"an aborted update left '{left[0]}' beside the model; remove it"
        findings.append(subject.finding("warning", message, aspect="candidate"))

    return findings


def _way_back(model: UpdatedModel, versions: Versions, name: str) -> Finding:
    subject = model.subject
    version = next(each for each in versions.all() if each.id == name)
    try:
        versions.require_intact(version)
    except UpdateError as error:
        return subject.finding("warning", f"no way back: {error}", aspect="way_back")

    return subject.finding(
        "ok", f"Version {name} can serve again.", aspect="way_back", observed=name
    )
