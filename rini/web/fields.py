"""Fields of DRF whose size is looked at before their content."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from rest_framework import serializers

from rini.translation import gettext as _


class ShortListField(serializers.ListField):
    """A list of at most `max_length` items. DRF's own checks each of a million, and then counts."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if self.max_length is not None and isinstance(data, list) and len(data) > self.max_length:
            raise serializers.ValidationError(
                _("Give at most %(most)s items.") % {"most": self.max_length}
            )
        return super().to_internal_value(data)


class MetadataField(serializers.DictField):
    """An object of the client's, which is kept as it is: `MAX_METADATA_BYTES` of JSON at most."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and len(orjson.dumps(data)) > settings.MAX_METADATA_BYTES:
            raise serializers.ValidationError(
                _("Give at most %(most)s bytes of JSON.") % {"most": settings.MAX_METADATA_BYTES}
            )
        return super().to_internal_value(data)
