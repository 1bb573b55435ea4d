# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users of KServe, BentoML, MLflow, Seldon and scanners of pickles ran into, tried on ours.

Each test, or each case of it, names the threads of which it plays the input.
"""

from __future__ import annotations

import hashlib
import pickle
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_update import undo
from ansible.module_utils.upkeep.model_update.settings import UpdateOptionError

from tests.unit.module_utils.model_update.conftest import Shop, message, shop, statuses
from tests.unit.module_utils.model_update.test_run import KilledError, killed_at
from upkeep.actions.model_update import CandidateError, check

__all__ = ["shop"]

_TREES: t.Final = ("Tree=0\nnum_leaves=2\nleaf_value=1 2\n\n\n", "Tree=1\nleaf_value=3 4\n\n\n")
#: LightGBM text as version 3 writes it.
TEXT: t.Final = (
    f"tree\nversion=v3\nnum_class=1\ntree_sizes={' '.join(str(len(one)) for one in _TREES)}\n\n"
    f"{''.join(_TREES)}end of trees\n\npandas_categorical:null\n"
)


class Imports:
    """Pickles as a call of a function by its name."""

    def __init__(self, name: str, *arguments: t.Any) -> None:
        self.name, self.arguments = name, arguments

    def text(self) -> bytes:
        """Return a pickle of protocol 0."""
        module, _, name = self.name.rpartition(".")
        given = pickle.dumps(self.arguments, 0)[:-1]
        return f"c{module}\n{name}\n".encode() + given + b"R."


def refusal(folder: Path, content: bytes) -> str:
    """Return why the controller refuses a candidate."""
    path = folder / "candidate"
    path.write_bytes(content)
    with pytest.raises(CandidateError) as error:
        check(path, hashlib.sha256(content).hexdigest())

    return str(error.value)


#: What imports something that runs what it is given, and whom it got past.
PAST_SCANNERS: t.Final = {
    "mmaitre314/picklescan#74": Imports("importlib.import_module", "os"),
    "mmaitre314/picklescan#74 marshal": Imports("marshal.loads", b"\xe3"),
    "mmaitre314/picklescan#66": Imports("pkgutil.resolve_name", "os:system"),
    "mmaitre314/picklescan#66 attrgetter": Imports("operator.attrgetter", "system"),
    "mmaitre314/picklescan#69": Imports("mailcap.findmatch", {}, "text/plain"),
    "mmaitre314/picklescan#24": Imports("_pickle.loads", b"I1\n."),
    "protectai/modelscan#267": Imports("pickle.loads", b"cbuiltins\nprint\n(S'1'\ntR."),
    "trailofbits/fickling#249": Imports("fickling.hook.deactivate_safe_ml_environment"),
    "trailofbits/fickling#221": Imports("asyncio.unix_events._UnixSubprocessTransport._start"),
}


@pytest.mark.parametrize("thread", PAST_SCANNERS)
def test_a_name_that_scanners_did_not_know_is_not_on_the_list(tmp_path: Path, thread: str) -> None:
    imported = PAST_SCANNERS[thread]

    reason = refusal(tmp_path, imported.text())

    assert "would import" in reason
    assert imported.name in reason


@pytest.mark.parametrize(
    ("thread", "module"),
    [("mlflow/mlflow#727", "__main__"), ("rstudio/vetiver-python#215", "my_training.transformers")],
)
def test_a_class_that_only_the_training_has_is_named(
    tmp_path: Path, thread: str, module: str
) -> None:
    """Such a model cannot be loaded where it is to serve."""
    assert f"would import {module}.Scaler" in refusal(
        tmp_path, Imports(f"{module}.Scaler").text()
    ), thread


#: How files begin that a training left in another format, and what we call it.
FORMATS: t.Final = {
    "BentoML/BentoML#2151, an archive": (b"PK\x03\x04\x14\x00", "a zip archive"),
    "kserve/kserve#2938, tar.gz": (b"\x1f\x8b\x08\x00rest", "it is compressed"),
    "kserve/kserve#347, ONNX": (b"\x08\x08\x12\x08skl2onnx\x1a\x061.16", "it is ONNX"),
    "mlflow/mlflow#2552, Keras": (b"\x89HDF\r\n\x1a\n", "it is HDF5"),
    "safetensors": (b"\x40\x00\x00\x00\x00\x00\x00\x00{\"w\":{", "it is safetensors"),
    "ageron/handson-ml#540, joblib": (
        b"\x80\x04\x95\x30\x00\x00\x00\x00\x00\x00\x00\x8c\x13joblib.numpy_pickle\xff\xff",
        "of joblib with arrays inside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("thread", FORMATS)
def test_another_format_is_called_by_its_name(tmp_path: Path, thread: str) -> None:
    content, name = FORMATS[thread]

    reason = refusal(tmp_path, content)

    assert "cannot be read to its end" in reason
    assert name in reason
    assert "pickle.dump, or as LightGBM text" in reason


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace("\n", "\r\n").replace("tree\r\n", "tree\n", 1),
        TEXT.replace("leaf_value=1 2", "leaf_value=1"),
        TEXT.replace(_TREES[1], ""),
        TEXT.replace("tree_sizes=", "tree_sizes=" + "9" * 5000),
    ],
    ids=["line ends", "shorter", "a tree is missing", "sizes"],
)
def test_lightgbm_text_that_lightgbm_would_not_read(tmp_path: Path, content: str) -> None:
    """lightgbm-org/LightGBM#3733: "Model format error, expect a tree here"."""
    assert "not where its header says" in refusal(tmp_path, content.encode())

    path = tmp_path / "good"
    path.write_text(TEXT)
    assert check(path, hashlib.sha256(TEXT.encode()).hexdigest()).format == "lightgbm"


def test_a_download_that_brought_nothing_is_no_model(tmp_path: Path) -> None:
    """kserve/kserve#482: the storage initializer returned successfully without a file."""
    assert "is empty" in refusal(tmp_path, b"")


def test_a_model_that_is_there_already_is_no_error(shop: Shop) -> None:
    """bentoml/BentoML#5538: importing a model twice failed.

    sql-machine-learning/sqlflow#3009: a later one of the same name took the first one away.
    """
    shop.call("live", shop.make("one"))
    again = shop.call("live", shop.make("one"))
    shop.call("live", shop.make("two"))

    assert again["done"]
    assert not again["changed"]
    assert shop.call("live", shop.make("one"))["done"], "as a candidate, while it is kept"
    assert shop.answer() == "one"
    assert len(shop.versions().all()) == 3


def test_a_version_that_is_not_there_takes_nothing_away(shop: Shop) -> None:
    """bentoml/BentoML#4038: without a version all versions of the model were deleted.

    kserve/kserve#1968: with 9 serving and 10 new, version 8 was started.
    """
    for version in ("eight", "nine", "ten"):
        assert shop.call("live", shop.make(version))["done"]
    kept = shop.versions().all()

    for wrong in ("latest", "refused"):
        assert "there is no version" in message(shop.call("back", {"version": wrong}))
    for wrong in ("..", "../slope", "/"):
        with pytest.raises(UpdateOptionError, match="it must match"):
            shop.call("back", {"version": wrong})
    assert shop.answer() == "ten"
    assert shop.call("back")["done"]
    assert shop.answer() == "nine"
    assert set(kept) <= set(shop.versions().all())


def test_the_way_back_leads_to_what_served_before_although_another_was_kept_later(
    shop: Shop,
) -> None:
    for version in ("one", "two", "one", "three"):
        assert shop.call("live", shop.make(version))["done"]

    assert shop.call("back")["done"]
    assert shop.answer() == "one"


def test_the_old_model_serves_while_the_new_one_is_measured(shop: Shop) -> None:
    """SeldonIO/seldon-core#4359: the old one was ended before the new one was there."""
    seen = []

    shop.call("live", shop.make("new"), hook=lambda moment: seen.append((moment, shop.answer())))

    assert seen[:2] == [("kept", "old"), ("armed", "old")]


def test_a_host_that_was_started_again_goes_back_as_well(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kserve/kserve#3256: what an init step did was not done again after a reboot."""
    enabled: list[str] = []
    monkeypatch.setattr(undo.systemd, "enable", lambda unit, _: enabled.append(unit))
    with pytest.raises(KilledError):
        shop.call("live", shop.make("new"), hook=killed_at("swapped"))

    (timer,) = (shop.folder / "etc").glob("*.timer")
    assert enabled == [timer.name]
    assert "WantedBy=timers.target" in timer.read_text()
    assert "OnActiveSec=" in timer.read_text()
    service = timer.with_suffix(".service")
    assert f"Also={service.name}" in timer.read_text()
    assert "WantedBy=multi-user.target" in service.read_text()


def test_a_model_of_another_library_version_is_refused(shop: Shop) -> None:
    """microsoft/FLAML#910, faucetsdn/NetworkML#482: a warning that nobody read."""
    answer = shop.call("live", shop.make("new", warn=True))

    assert "Trying to unpickle estimator" in message(answer)
    assert statuses(answer) == {"update": "critical"}


def test_a_model_with_other_features_is_refused(shop: Shop) -> None:
    """pycaret/pycaret#2078: "Number of features of the model must match the input"."""
    script = (shop.home / "predictor.py").read_text()
    line = 'raise ValueError("Number of features of the model must match the input")'
    (shop.home / "predictor.py").write_text(
        script.replace("        return [self.slope", f"        if self.slope == 3.0:\n"
                       f"            {line}\n        return [self.slope")
    )  # fmt: skip

    answer = shop.call("live", shop.make("new", 3.0))

    assert not answer["done"]
    assert "Number of features" in message(answer)
    assert shop.answer() == "old"
