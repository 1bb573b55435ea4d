# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a candidate for a model on the controller; see library/model_update_candidate.py."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.actions.model_manifest import Signers
from upkeep.actions.model_update import CandidateError, check


class ActionModule(ControlAction):
    """Read the candidate to its end, and fail for one that must not be used."""

    SPEC: t.ClassVar = {
        "path": {"type": "path", "required": True},
        "sha256": {"type": "str", "default": ""},
        "md5": {"type": "str", "default": ""},
        "allowed": {"type": "list", "elements": "str", "default": []},
        "signers": {"type": "path", "default": ""},
        "signer": {"type": "str", "default": ""},
        "revoked": {"type": "path", "default": ""},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``sha256``, ``md5``, ``bytes``, ``format`` and ``imports``."""
        if args["signers"] and not args["signer"]:
            raise AnsibleActionFail("signers without signer: name whose signature counts")

        revoked = Path(args["revoked"]) if args["revoked"] else None
        signers = Signers(Path(args["signers"]), args["signer"], revoked)
        try:
            found = check(
                Path(args["path"]),
                args["sha256"],
                args["md5"],
                args["allowed"],
                signers if args["signers"] else None,
            )
        except CandidateError as error:
            raise AnsibleActionFail(str(error)) from error

        return {**vars(found), "imports": list(found.imports)}
