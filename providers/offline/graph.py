"""A BERT as an ONNX graph (https://onnx.ai/onnx/), its weights in a file beside it.

Inputs are ``tokens`` and ``mask`` (1: a token, 0: padding), both int64, texts × tokens; the output
``vectors`` is float32, texts × hidden, of length 1. Operators of the domain `_OWN` are those of
onnxruntime, which compute on four-bit weights as they are
(https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from providers.offline.bert import BLOCK, Bert, Quantised

GRAPH = "graph.onnx"
WEIGHTS = "weights.bin"
_OWN = "com.microsoft"
_OPSETS = (helper.make_opsetid("", 20), helper.make_opsetid(_OWN, 1))
_IR_VERSION = 10
_ALIGNMENT = 64
_FULL_PRECISION = 1


def write(bert: Bert, folder: Path) -> None:
    """Write the model as `GRAPH` and `WEIGHTS` into the folder."""
    with (folder / WEIGHTS).open("wb") as file:
        graph = _Graph(file)
        output = _pooled(graph, _encoded(graph, bert))
    texts = ["texts", "tokens_of_one"]
    made = helper.make_graph(
        [*graph.nodes, helper.make_node("Identity", [output], ["vectors"])],
        "bert",
        [helper.make_tensor_value_info(name, TensorProto.INT64, texts) for name in _INPUTS],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", None])],
        graph.tensors,
    )
    model = helper.make_model(made, opset_imports=_OPSETS, ir_version=_IR_VERSION)
    onnx.save(model, folder / GRAPH)


_INPUTS = ("tokens", "mask")


class _Graph:
    """Nodes and weights as they are put together. Methods return the name of what they made."""

    def __init__(self, file: BinaryIO) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[TensorProto] = []
        self._file = file
        self._numbers = count()

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = self._name(kind)
        self.nodes.append(
            helper.make_node(kind, inputs, [output], domain=domain, name=output, **attributes)
        )
        return output

    def constant(self, *values: int) -> str:
        """A small int64 list, in the graph itself."""
        name = self._name("constant")
        self.tensors.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def weight(self, values: NDArray[Any]) -> str:
        """An array in the file beside."""
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        name = self._name("weight")
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape, raw_data=b"")
        set_external_data(tensor, WEIGHTS, self._file.tell(), values.nbytes)
        tensor.ClearField("raw_data")
        self.tensors.append(tensor)
        self._file.write(np.ascontiguousarray(values).data)
        return name

    def _name(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"


def _encoded(graph: _Graph, bert: Bert) -> str:
    """The last layer's output: texts × tokens × hidden."""
    mask = graph.op("Cast", "mask", to=TensorProto.INT32)
    x = _norm(graph, bert, "norm", graph.op("Add", _words(graph, bert), _positions(graph, bert)))
    for number in range(bert.layers):
        x = _layer(graph, bert, number, x, mask)
    return x


def _words(graph: _Graph, bert: Bert) -> str:
    words = bert.matrix("word")
    if not isinstance(words, Quantised):
        return graph.op("Gather", graph.weight(words), "tokens")
    rows, _ = words.shape
    return graph.op(
        "GatherBlockQuantized",
        graph.weight(words.values.reshape(rows, -1)),
        "tokens",
        graph.weight(words.scales),
        domain=_OWN,
        bits=4,
        block_size=BLOCK,
        gather_axis=0,
        quantize_axis=1,
    )


def _positions(graph: _Graph, bert: Bert) -> str:
    """The positions' vectors, as many as the longest text has tokens."""
    length = graph.op("Shape", "tokens", start=1, end=2)
    zero = graph.constant(0)
    return graph.op("Slice", graph.weight(bert.positions), zero, length, zero)


def _layer(graph: _Graph, bert: Bert, number: int, x: str, mask: str) -> str:
    """Attention, then two linear layers with GELU between; after both, add and normalise."""
    parts = [f"{number}.{part}" for part in ("query", "key", "value")]
    biases = np.concatenate([bert.vector(f"{part}.bias") for part in parts])
    attention = graph.op(
        "MultiHeadAttention",
        *(_product(graph, bert, part, x) for part in parts),
        graph.weight(biases),
        mask,
        domain=_OWN,
        num_heads=bert.heads,
    )
    x = _add_and_norm(graph, bert, f"{number}.attention", attention, x)
    bias = graph.weight(bert.vector(f"{number}.widen.bias"))
    wide = graph.op("BiasGelu", _product(graph, bert, f"{number}.widen", x), bias, domain=_OWN)
    return _add_and_norm(graph, bert, f"{number}.narrow", wide, x)


def _product(graph: _Graph, bert: Bert, name: str, x: str) -> str:
    """`x` times the transposed matrix, without the bias."""
    matrix = bert.matrix(name)
    if not isinstance(matrix, Quantised):
        return graph.op("MatMul", x, graph.weight(matrix.T))
    rows, columns = matrix.shape
    return graph.op(
        "MatMulNBits",
        x,
        graph.weight(matrix.values),
        graph.weight(matrix.scales),
        domain=_OWN,
        K=columns,
        N=rows,
        bits=4,
        block_size=BLOCK,
        accuracy_level=_FULL_PRECISION,
    )


def _add_and_norm(graph: _Graph, bert: Bert, name: str, x: str, skipped: str) -> str:
    """A linear layer of `x`, added to what it left out, normalised."""
    return graph.op(
        "SkipLayerNormalization",
        _product(graph, bert, name, x),
        skipped,
        graph.weight(bert.vector(f"{name}.norm.weight")),
        graph.weight(bert.vector(f"{name}.norm.bias")),
        graph.weight(bert.vector(f"{name}.bias")),
        domain=_OWN,
        epsilon=bert.epsilon,
    )


def _norm(graph: _Graph, bert: Bert, name: str, x: str) -> str:
    weight, bias = (graph.weight(bert.vector(f"{name}.{part}")) for part in ("weight", "bias"))
    return graph.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=bert.epsilon)


def _pooled(graph: _Graph, x: str) -> str:
    """The mean over the tokens, brought to length 1: so the sum will do."""
    mask = graph.op("Unsqueeze", graph.op("Cast", "mask", to=TensorProto.FLOAT), graph.constant(2))
    total = graph.op("ReduceSum", graph.op("Mul", x, mask), graph.constant(1), keepdims=0)
    return graph.op("LpNormalization", total, axis=-1, p=2)
