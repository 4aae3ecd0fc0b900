"""What one document may take to be read, from the environment."""

from __future__ import annotations

from typing import Any

from rini.environment.variables import Environment


def limits(env: Environment) -> dict[str, Any]:
    """The fields of `knowledge.readers.limits.Limits`."""
    return {
        "seconds": env.duration("READER_SECONDS", 60, "seconds", least=1, most=3600),
        "memory_mb": env.integer("READER_MEMORY_MB", 512, least=64),
        "document_mb": env.integer("READER_DOCUMENT_MB", 100, least=1),
        "expanded_mb": env.integer("READER_EXPANDED_MB", 256, least=1),
        "pages": env.integer("READER_PAGES", 5_000, least=1),
        "cells": env.integer("READER_CELLS", 500_000, least=1),
        "characters": env.integer("READER_CHARACTERS", 20_000_000, least=1),
        "ocr": env.choice("OCR", "none", ("none", "tesseract")) == "tesseract",
        "ocr_languages": env.text(
            "OCR_LANGUAGES",
            "kor+jpn+chi_sim+eng",
            form=r"\w+(\+\w+)*",
            allowed="Give tesseract's names of languages, as kor+eng.",
        ),
        "ocr_seconds": env.duration("OCR_SECONDS", 600, "seconds", least=1, most=86_400),
    }
