"""What a model's name says of what it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from providers.errors import ProviderRefused
from providers.wires.parameters import refused

_NEWEST = (99, 0)  # gemini-flash-latest


@dataclass(frozen=True, slots=True)
class GeminiModel:
    provider: str
    name: str

    @property
    def generation(self) -> tuple[int, int]:
        """``(2, 5)`` of ``gemini-2.5-flash``; a name without a number is of the newest."""
        found = re.match(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)", self.name)
        return (int(found[1]), int(found[2] or 0)) if found else _NEWEST

    @property
    def is_third(self) -> bool:
        """Gemini 3 or later: levels of thinking, signatures that are checked, pictures in the
        results of tools, a resolution for each picture."""
        return self.generation >= (3, 0)

    @property
    def is_pro(self) -> bool:
        return "-pro" in self.name

    @property
    def path(self) -> str:
        """The model as the API names it: ``models/gemini-2.5-flash``."""
        return self.name if self.name.startswith("tunedModels/") else f"models/{self.name}"

    def refused(self, what: str, where: str) -> ProviderRefused:
        """The error for what the model does not take; `where` names the field in the request."""
        return refused(self.provider, what, where)
