"""What is made of a model's weights, once, beside the data: a graph, its weights, a tokenizer.

    <data folder>/models/<name>-<format>/    graph.onnx, weights.bin, tokenizer
    …/made.json                              their digests: what does not match is made anew

A folder appears whole, by a rename, or not at all. Processes take turns.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from providers.offline import graph, safetensors, tokenizer
from providers.offline.models import ModelUnusable, OfflineModel, locate
from providers.offline.packed import PackedFile

MANIFEST = "made.json"
FORMAT = 1
"""Counts up with every change of what is made."""
_FILES = (graph.GRAPH, graph.WEIGHTS, tokenizer.FILE)


def prepared(model: OfflineModel, models: Path) -> Path:
    """The model's folder in the folder `models`; made now unless there is one that is whole.

    Takes a tenth of a second, and seconds to make it. Raises `ModelUnusable`.
    """
    folder = models / f"{model.name}-{FORMAT}"
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _alone(models / f".{model.name}.lock"):
            if not _is_whole(folder):
                _make(model, folder)
    except OSError as error:
        raise ModelUnusable(
            f"{model.name} cannot be prepared in {models}: {error.strerror}. Rini must be able to "
            "write there about as much as the model's package takes; RINI_DATA_DIR names another "
            "place."
        ) from error
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        made = orjson.loads((folder / MANIFEST).read_bytes())
        return all(_digest(folder / name) == made[name] for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _make(model: OfflineModel, folder: Path) -> None:
    """Write a draft of the folder, then put it in the place of what is there."""
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # of a process that died
    draft.mkdir()
    weights = _verified(model, model.weights, model.sha256)
    if model.format == "packed":
        packed = PackedFile(weights)
        graph.write(packed.bert(), draft)
        (draft / tokenizer.FILE).write_bytes(tokenizer.sentencepiece_model(packed.pieces()))
    else:
        graph.write(safetensors.read(weights, model.heads), draft)
        file = _verified(model, model.tokenizer, model.tokenizer_sha256)
        shutil.copyfile(file, draft / tokenizer.FILE)
    digests = {name: _digest(draft / name) for name in _FILES}
    (draft / MANIFEST).write_bytes(orjson.dumps(digests))
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _verified(model: OfflineModel, file: str, digest: str) -> Path:
    """The package's file, if it is the one that is meant. Raises `ModelUnusable`."""
    found = locate(model, file)
    if _digest(found) != digest:
        raise ModelUnusable(
            f"{found} is not that of {model.package} {model.version}. Install it anew: "
            f"{model.install} --force-reinstall"
        )
    return found


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go when it dies."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
