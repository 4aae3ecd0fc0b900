"""The addresses of DRF's views. They answer with and without their trailing slash, and an id that
has not the form of one is an address that does not exist."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

M_co = TypeVar("M_co", bound=Model, covariant=True)
UUID_PATTERN = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""The pattern of an id in a path …"""
MESSAGE_PATTERN = "[0-9]{1,18}"
"""… and that of a message's."""


class Resource(GenericViewSet[M_co]):
    """Rows of one model. docs/architecture.md shows what one looks like."""

    tags: ClassVar[list[str]]
    """What it belongs to in the OpenAPI document."""
    lookup_value_regex = UUID_PATTERN


class Router(SimpleRouter):
    """An app's `urls.py` is one of these, and a `register` for each of its viewsets."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"  # a redirected POST would lose its body

    def get_default_basename(self, viewset: Any) -> str:
        """Nothing is looked up by it, but no two may have the same."""
        return str(viewset.__name__)
