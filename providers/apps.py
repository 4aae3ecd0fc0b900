from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = _("Providers")

    def ready(self) -> None:
        from accounts.sharing import kinds
        from billing import priced_names
        from providers.models import McpConnectionShare
        from providers.naming import wrong_with_provider

        kinds.register(kinds.Kind("mcp-connections", McpConnectionShare))
        priced_names.register(wrong_with_provider)
        post_migrate.connect(_seed, sender=self, dispatch_uid="providers.seed")


def _seed(using: str, **_: Any) -> None:
    """Fill the catalogue after the first `migrate`, and after a `flush`."""
    from billing.models import Price
    from providers import catalogue_refresh
    from providers.models import Model, Provider

    needed = {table._meta.db_table for table in (Provider, Model, Price)}
    if needed <= set(connections[using].introspection.table_names()):  # all migrated by now
        catalogue_refresh.seed()
