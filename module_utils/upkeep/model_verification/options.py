# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What model_verify takes."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.options import Option, Options, option, requirements

ALGORITHMS: t.Final = ("md5", "sha256")
PATTERNS: t.Final = ("*.pkl", "*.joblib", "*.onnx", "*.pt", "*.h5", "*.keras", "*.safetensors")


def _text(description: str | list[str], **more: t.Any) -> Option:
    return option("str", description, required=True, **more)


def _share(description: str, **more: t.Any) -> Option:
    return option("float", description, minimum=0, maximum=1, why="a share such as 0.94", **more)


_METADATA: t.Final[Options] = {
    "path": _text(
        "The file, relative to the folder of the model. It must lie under the same root."
    ),
    "keys": option(
        "dict",
        [
            "Names in it of C(accuracy), C(f1), C(r2), C(feature_count) and C(trained_at), where"
            " they are others.",
            "A figure that is named here and missing in the file is reported.",
        ],
        default={},
    ),
    "requirements": requirements(),
}

_LIMITS: t.Final[Options] = {
    "accuracy": _share("Lowest share of right answers."),
    "f1": _share("Lowest F1 score."),
    "r2": _share("Lowest coefficient of determination."),
    "max_age_days": option("float", "Days since the training.", above=0),
    "feature_count": option("int", "Exact number of features.", minimum=1),
    "requirements": requirements(),
}

_IN_USE: t.Final[Options] = {
    "log": _text("The log. Its last 8 MiB are searched."),
    "pattern": _text(
        "Regular expression for a line that names what is in use. The newest one decides."
    ),
    "expected": _text("Text that this line must contain, as whole words.", pattern=r"(?s).+"),
    "requirements": requirements(),
}

_DRIFT: t.Final[Options] = {
    "reference": _text(
        "CSV file under the root, 16 MiB at most. Features and known answers of at least 10 rows."
    ),
    "target": _text("Its column with the known answers."),
    "predictor": _text("Python file under the root."),
    "class_name": _text(
        "Class in it. It is made with the path of the model and has C(read), which makes rows of"
        " the text of a CSV file, and C(predict), which makes one number of each row.",
        pattern=r"[A-Za-z_][A-Za-z0-9_]*",
        why="the name of a class",
    ),
    "user": _text("Service user that the model is loaded as. Never root."),
    "r2": _share(
        "Lowest coefficient of determination; C(warning) below it.",
        required=True,
    ),
    "interpreter": option("str", "The system's own Python.", default="/usr/bin/python3"),
    "timeout": option(
        "int",
        "Seconds that loading and predicting may take.",
        default=120,
        minimum=1,
        maximum=600,
    ),
    "requirements": requirements(),
}

MODEL: t.Final[Options] = {
    "name": _text(
        "Name of the model, unique; the finding is called C(model:name), the record has this key.",
        pattern=r"[a-z0-9][a-z0-9_.-]*",
        why="lower case letters, digits, dot, dash and underscore",
    ),
    "path": _text("The file; absolute, or relative to its root."),
    "root": option(
        "str",
        "Folder that the file must lie under, links resolved. By default that of O(models[].path).",
    ),
    "metadata": option(
        "dict",
        "JSON file with the figures of the training; adds the finding C(model:name.metadata).",
        options=_METADATA,
    ),
    "limits": option(
        "dict",
        [
            "What the figures must keep; adds the finding C(model:name.limits), C(warning) beyond a"
            " limit.",
            "The figures of the metadata count, where it gives none those of the record.",
        ],
        options=_LIMITS,
    ),
    "in_use": option(
        "dict",
        [
            "Search the application's log for the model that it uses; adds the finding"
            " C(model:name.in_use).",
            "When no line of it names one, its rotated files are searched, the newest first.",
        ],
        options=_IN_USE,
    ),
    "drift": option(
        "dict",
        [
            "Have the model predict a reference set whose answers are known; adds the finding"
            " C(model:name.drift).",
            "Only a file that is the approved one is loaded, by the system's own interpreter, as"
            " the service user, with limits on time, memory and what it may write. Left out with"
            " O(state=recorded).",
        ],
        options=_DRIFT,
    ),
    "requirements": requirements(),
}

FOLDER: t.Final[Options] = {
    "path": _text("The folder.", pattern=r"/.*", why="an absolute path"),
    "patterns": option(
        "list",
        "Shell patterns of names that stand for models.",
        elements="str",
        default=list(PATTERNS),
        min_items=1,
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "models": option(
        "list", "The models of this host.", required=True, elements="dict", options=MODEL
    ),
    "folders": option(
        "list",
        "Folders to list; adds C(models:path), which names the files that are none of the models.",
        default=[],
        elements="dict",
        options=FOLDER,
    ),
    "manifest": option(
        "dict",
        [
            "The trusted records, a mapping from model name to C(md5), C(sha256), C(bytes),"
            " C(metrics), C(trained_at) and C(approved_by), of which one digest must be there."
            " Other models may have records in it, too.",
            "A damaged record gives C(unknown) for its model and leaves the others alone.",
        ],
        default={},
    ),
    "manifest_problem": option(
        "str",
        "Why the records cannot be trusted. When given, no model can be C(ok) and none is"
        " recorded.",
        default="",
    ),
    "algorithms": option(
        "list",
        "Digests to compute. MD5 finds accidents; only SHA-256 finds intent.",
        elements="str",
        choices=ALGORITHMS,
        default=list(ALGORITHMS),
        min_items=1,
    ),
    "state": option(
        "str",
        [
            "V(verified) compares.",
            "V(recorded) also returns new records, for files that have none. It writes nothing.",
        ],
        choices=["verified", "recorded"],
        default="verified",
    ),
    "replace": option(
        "list",
        "With O(state=recorded), models whose record is to be replaced. Others are compared with"
        " theirs.",
        elements="str",
        default=[],
    ),
    "approved_by": option(
        "str",
        "Who approved the files that are recorded. Required with O(state=recorded).",
        default="",
    ),
    "workers": option(
        "int", "How many models are read at the same time.", default=2, minimum=1, maximum=16
    ),
    "timeout": option(
        "int",
        "Seconds that reading one model, its metadata and the log that names it may take.",
        default=600,
        minimum=1,
        maximum=7200,
    ),
    **deadline_option(3600),
}
