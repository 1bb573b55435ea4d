# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a manifest of models on the controller; see library/model_manifest.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1]))

from upkeep.model_manifest import ManifestError, Signers, load


class ActionModule(ActionBase):  # type: ignore[misc]
    """Give the records, or the reason why none of them may be used."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return ``manifest`` and ``problem``."""
        result: dict[str, t.Any] = super().run(tmp, task_vars or {})
        _, args = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "signers": {"type": "path", "default": ""},
                "signer": {"type": "str", "default": ""},
            }
        )
        if args["signers"] and not args["signer"]:
            raise AnsibleActionFail("signers without signer: say whose signature counts")
        signers = Signers(Path(args["signers"]), args["signer"]) if args["signers"] else None
        try:
            manifest, problem = load(Path(args["path"]), signers), ""
        except ManifestError as error:
            manifest, problem = {}, str(error)
        return {**result, "changed": False, "manifest": manifest, "problem": problem}
