"""transformers' own test suite for models, of the version that is installed: it comes with the source distribution."""

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

import transformers

from tests.model.export_round_trips import ExportTesterMixin

PACKAGE = "transformers_tests"  # not `tests`, which is ours
FILES = ("test_configuration_common.py", "test_modeling_common.py")
COMMON_ARGUMENTS = {
    "architectures": ["AutoBertZeroModel"],
    "chunk_size_feed_forward": 5,
    "dtype": "float16",
    "id2label": {0: "no", 1: "yes", 2: "maybe"},
    "label2id": {"no": 0, "yes": 1, "maybe": 2},
    "output_hidden_states": True,
    "problem_type": "regression",
    "return_dict": False,
}
"""What every configuration takes; no value is a default."""


class UnavailableError(Exception):
    """The source distribution cannot be had here; says why."""


def load() -> tuple[ModuleType, ModuleType]:
    """Imports the suite for configurations and the one for models."""
    package = ModuleType(PACKAGE)
    package.__path__ = [str(_fetch())]
    sys.modules[PACKAGE] = package
    # The distribution lacks three modules that the suite imports.
    _provide("exporters.test_export", ExportTesterMixin=ExportTesterMixin)
    _provide("generation.test_utils", GenerationTesterMixin=type("GenerationTesterMixin", (), {}))
    _provide("utils.test_configuration_utils", config_common_kwargs=COMMON_ARGUMENTS)
    configuration, modeling = (import_module(f"{PACKAGE}.{file.removesuffix('.py')}") for file in FILES)
    return configuration, modeling


def _provide(name: str, **contents: type | dict) -> None:
    module = ModuleType(f"{PACKAGE}.{name}")
    vars(module).update(contents)
    sys.modules[module.__name__] = module


def _fetch() -> Path:
    """The folder of the suite; it is downloaded once for each version of transformers."""
    distribution = f"transformers-{transformers.__version__}"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "autobert-zero-hf")
    folder = caches / distribution
    if not folder.is_dir():
        caches.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=caches) as scratch:
            unpacked = _unpack(_download(scratch), f"{distribution}/tests")
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():  # another process was first
                    raise
    return folder


def _download(folder: str) -> Path:
    # Without isolation, since it is for the name of the version alone that pip prepares the distribution.
    options = ["--no-deps", "--no-binary", "transformers", "--no-build-isolation", "--retries", "1", "--dest", folder]
    wanted = f"transformers=={transformers.__version__}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options, wanted]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(error.stderr.strip().rpartition("\n")[2]) from error
    return next(Path(folder).glob("*.tar.gz"))


def _unpack(archive: Path, inner: str) -> Path:
    with tarfile.open(archive) as tar:
        for file in FILES:
            tar.extract(f"{inner}/{file}", archive.parent, filter="data")
    folder = archive.parent / inner
    (folder / "__init__.py").touch()  # the suite opens it
    return folder
