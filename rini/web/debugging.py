"""What Django's page for errors may show where DEBUG is on: no secret, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import ItemsView
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

_HIDDEN = "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|URL|LOCATION|BROKER|DATABASES|CACHES"


class Filter(SafeExceptionReporterFilter):
    """Addresses hold passwords. So may any function's variable: as in our logs, none is shown."""

    hidden_settings = re.compile(_HIDDEN, re.IGNORECASE)

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: TracebackType
    ) -> ItemsView[str, Any]:
        return ItemsView({})
