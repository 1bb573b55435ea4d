# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out on the controller which release a tag or commit makes, and make its archive.

See library/predictor_deploy_source.py for the documentation.
"""

from __future__ import annotations

import os
import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep import PROJECT
from upkeep.actions.base import ControlAction
from upkeep.actions.predictor_deploy import (
    SourceError,
    files_of,
    make_archive,
    require_staging,
    resolve,
)
from upkeep.run import events
from upkeep.run.archive import local_folder
from upkeep.store import StoreError, open_store


class ActionModule(ControlAction):
    """Name the release, and write its archive where that is asked for."""

    SPEC: t.ClassVar = {
        "repository": {"type": "str", "required": True},
        "version": {"type": "str", "required": True},
        "lock": {"type": "str", "default": "requirements.lock"},
        "wheels": {"type": "path", "default": ""},
        "archive": {"type": "bool", "default": False},
        "files": {"type": "bool", "default": False},
        "cache": {"type": "path", "default": ""},
        "staging_check": {"type": "str", "default": ""},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``release``, ``commit``, ``files``, ``path`` and ``sha256`` of the archive."""
        cache = Path(args["cache"] or PROJECT / ".cache" / "releases")
        try:
            source = resolve(args["repository"], args["version"], cache / "mirrors")
            if args["staging_check"]:
                store = _target(self._templar.template(task_vars.get("upkeep_store", "")))
                records = open_store(store).runs() if store else []
                require_staging(records, args["staging_check"], source.release)
            answer = {
                "release": source.release,
                "commit": source.commit,
                "path": "",
                "sha256": "",
                "files": files_of(source, cache / "archives") if args["files"] else {},
            }
            if args["archive"]:
                path = cache / "archives" / f"{source.release}.tar"
                wheels = Path(args["wheels"]) if args["wheels"] else None
                answer["sha256"] = make_archive(source, args["lock"], wheels, path)
                answer["path"] = str(path)
        except (SourceError, StoreError) as error:
            raise AnsibleActionFail(str(error)) from error

        return answer


def _target(given: t.Any) -> str:
    """Return the store of this run: the variable, the environment, or the folder of its log."""
    log = events.current_log()
    place = str(given or os.environ.get("UPKEEP_STORE") or (log.parents[2] if log else ""))

    return place if "://" in place or not place else str(local_folder(place, PROJECT))
