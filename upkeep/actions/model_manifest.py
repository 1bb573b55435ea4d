# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted records of a system's models, read on the controller: signed, whole, and not old."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.base import state_file
from ansible.module_utils.upkeep.base.files import exclusive
from ansible.module_utils.upkeep.base.state_file import StateFileError

from upkeep import PROJECT
from upkeep.actions import approved_files as approved
from upkeep.actions.approved_files import RecordsError
from upkeep.run import archive

#: What a signature is made for, so that one for something else does not count.
NAMESPACE: t.Final = "upkeep-models"
SUFFIX: t.Final = ".sig"
SECONDS: t.Final = 20  # for ssh-keygen
KEYS: t.Final = ("system", "serial", "date", "models")

_SHAPE: t.Final = f"{', '.join(KEYS)} to the system, its serial number, a date and the records"
_HEAD: t.Final = """\
# Trusted records of the models of {system}. Written by playbooks/record_models.yml; keep it in
# version control, so that every change of it is seen and has an author.
"""
_SEEN_VERSION: t.Final = 1


@dataclass(frozen=True)
class Signers:
    """Whose signature counts: a file of allowed signers (ssh-keygen(1)) and the name in it.

    ``revoked`` is a file of keys that count no more, None for none.
    """

    file: Path
    name: str
    revoked: Path | None = None


@dataclass(frozen=True)
class Manifest:
    """The records of one system by model name; ``serial`` grows with each change."""

    system: str
    serial: int
    date: str
    models: Mapping[str, t.Any]


def load(
    path: Path, system: str, signers: Signers | None = None, seen: Path | None = None
) -> Manifest:
    """Return the manifest of a system, one without records before the file exists.

    With ``signers`` the very bytes that are returned have been signed, in ``<path>.sig``
    (``ssh-keygen -Y sign``), and are not older than those of an earlier run: the file ``seen``
    remembers their serial number. Raises RecordsError.
    """
    content = approved.content(path, "manifest")
    if content is None:
        return Manifest(system, 0, "", {})

    if signers:
        require_signature(content, path.with_name(path.name + SUFFIX), signers)

    manifest = parse(content, path)
    if manifest.system != system:
        raise RecordsError(
            f"'{path}' is the manifest of the system '{manifest.system}', not of '{system}'"
        )

    if signers:
        require_newest(manifest, content, seen or seen_file())

    return manifest


def parse(content: bytes, path: Path) -> Manifest:
    """Return the manifest that a text holds; raises RecordsError that names the line."""
    found = approved.records(content, path, _SHAPE, lambda key, _: key in KEYS)
    if not found:
        raise RecordsError(f"'{path}' is damaged: it must map {_SHAPE}")

    system, serial, models = (found.get(key) for key in ("system", "serial", "models"))
    if not isinstance(system, str) or not system:
        raise RecordsError(f"'{path}' is damaged: system is {system!r}, not the name of a system")
    if not isinstance(serial, int) or isinstance(serial, bool) or serial < 1:
        raise RecordsError(f"'{path}' is damaged: serial is {serial!r:.40}, not 1 or more")
    if not isinstance(models, dict) or not all(isinstance(name, str) for name in models):
        raise RecordsError(f"'{path}' is damaged: models must map names of models to records")

    return Manifest(system, serial, str(found.get("date") or ""), models)


def render(manifest: Manifest) -> str:
    """Return the text of a manifest."""
    data = {
        "system": manifest.system,
        "serial": manifest.serial,
        "date": manifest.date,
        "models": dict(manifest.models),
    }
    # Texts that come through Ansible are of types of its own, which YAML does not know.
    plain = json.loads(json.dumps(data, default=str))
    text = yaml.safe_dump(plain, sort_keys=False)

    return _HEAD.format(system=manifest.system) + str(text)


def seen_file() -> Path:
    """Return the file that remembers which manifests were seen, beside the runs."""
    target = os.environ.get("UPKEEP_STORE") or "store"

    return archive.local_folder(target, PROJECT).resolve() / "model_manifests_seen.json"


def require_newest(manifest: Manifest, content: bytes, seen: Path) -> None:
    """Raise RecordsError for a manifest that is older than one seen before; remember this one.

    An old file keeps its good signature, and with it whatever was approved then would count again.
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        with exclusive(f"{seen}.lock", folder_mode=0o750):
            state = state_file.load(seen, _SEEN_VERSION) or {}
            serial, known = state.get(manifest.system, (0, ""))
            if manifest.serial < serial:
                raise RecordsError(
                    f"the manifest has serial {manifest.serial}, and {serial} was seen before:"
                    " somebody put an old one back"
                )
            if manifest.serial == serial and digest != known:
                raise RecordsError(
                    f"another manifest of serial {serial} was seen before: raise the serial with"
                    " every change, then sign it again"
                )
            if manifest.serial > serial:
                entry = {manifest.system: [manifest.serial, digest]}
                state_file.save(seen, _SEEN_VERSION, {**state, **entry})
    except (StateFileError, OSError, TypeError, ValueError) as error:
        raise RecordsError(
            f"'{seen}', which remembers the manifests seen before, cannot be used ({error});"
            " name another one in model_verification_seen_file"
        ) from error


def require_signature(content: bytes, signature: Path, signers: Signers) -> None:
    """Raise RecordsError unless ``signature`` is that of the named signer for these bytes."""
    again = (
        "after a look at it, sign it again:"
        f" ssh-keygen -Y sign -n {NAMESPACE} -f KEY {signature.with_suffix('')}"
    )
    needed = [signers.file, signature, *([signers.revoked] if signers.revoked else [])]
    for file in needed:
        if not file.is_file():
            raise RecordsError(f"'{file}' is missing, and only a signed manifest counts; {again}")

    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", signers.name]
    command += ["-f", str(signers.file), "-s", str(signature)]
    command += ["-r", str(signers.revoked)] if signers.revoked else []

    try:
        done = subprocess.run(  # noqa: S603
            command, input=content, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecordsError(f"the signature cannot be checked ({error})") from error

    if done.returncode:
        words = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())
        raise RecordsError(
            f"'{signature}' is not the signature of {signers.name} ({words}); {again}"
        )
