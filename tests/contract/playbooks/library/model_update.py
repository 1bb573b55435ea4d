# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands for the module on hosts without a service: the model is a file, and nobody is asked.

A candidate is refused on a host on which a file ``refuses`` lies beside the model.
"""

from __future__ import annotations

import hashlib
import shutil
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.model_update.options import OPTIONS


def answer(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Do what the state asks for."""
    root = Path(params["models"][0]["root"])
    model, old, brought = root / "model", root / "old", root / "brought"
    refused, changed = params["candidate"] and (root / "refuses").exists(), False
    if params["candidate"] and not refused:
        shutil.copy(params["candidate"], brought)
    elif params["state"] == "live":
        shutil.copy(model, old)
        brought.rename(model)
        changed = True
    elif params["state"] == "back":
        shutil.copy(old, model)
        changed = True

    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    status = "critical" if refused else "ok"
    record = {"sha256": sha256, "bytes": model.stat().st_size, "metrics": {}}
    record["approved_by"] = params["approved_by"]

    return {
        "changed": changed,
        "done": not refused,
        "needed": changed or sha256 != params["sha256"],
        "record": {"shop": record},
        "findings": [{"check": "model:shop.update", "status": status, "message": "refused here"}],
    }


def main() -> None:
    """Answer as the module does."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    module.exit_json(**answer(module.params))


if __name__ == "__main__":
    main()
