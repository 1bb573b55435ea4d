# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a manifest of models on the controller.

See library/model_manifest.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.approved_files import RecordsError
from upkeep.actions.base import ControlAction
from upkeep.actions.model_manifest import Signers, load


class ActionModule(ControlAction):
    """Give the records, or the reason why none of them may be used."""

    SPEC: t.ClassVar = {
        "path": {"type": "path", "required": True},
        "system": {"type": "str", "required": True},
        "signers": {"type": "path", "default": ""},
        "signer": {"type": "str", "default": ""},
        "revoked": {"type": "path", "default": ""},
        "seen": {"type": "path", "default": ""},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``manifest`` and ``problem``."""
        if args["signers"] and not args["signer"]:
            raise AnsibleActionFail("signers without signer: name whose signature counts")
        if args["revoked"] and not args["signers"]:
            raise AnsibleActionFail("revoked without signers: name whose signatures count")

        seen = Path(args["seen"]).absolute() if args["seen"] else None
        try:
            manifest = load(Path(args["path"]), args["system"], self._signers(args), seen)
        except RecordsError as error:
            return {"manifest": {}, "problem": str(error)}

        return {"manifest": dict(manifest.models), "problem": ""}

    @staticmethod
    def _signers(args: dict[str, t.Any]) -> Signers | None:
        if not args["signers"]:
            return None

        revoked = Path(args["revoked"]) if args["revoked"] else None

        return Signers(Path(args["signers"]), args["signer"], revoked)
