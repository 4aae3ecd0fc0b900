"""Token ids to vectors, by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from providers.offline.bert import Floats
from providers.offline.graph import GRAPH

_ERRORS_ONLY = 3


class Encoder:
    """A model ready to run, of the folder that `folder.prepared` names. One caller at a time."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        # The arena keeps the most that was ever needed, and threads that spin take others' time.
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            folder / GRAPH, options, providers=["CPUExecutionProvider"]
        )

    def vectors(self, texts: Sequence[Sequence[int]]) -> Floats:
        """Texts × dimensions, each of length 1. Lets other threads run meanwhile."""
        longest = max(map(len, texts))
        tokens = np.zeros((len(texts), longest), np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(texts):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        [found] = self._session.run(["vectors"], {"tokens": tokens, "mask": mask})
        vectors: Floats = found
        return vectors
