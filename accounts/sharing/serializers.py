"""What the API of shares takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts import people
from accounts.sharing.models import Access, Share


class AccessField(serializers.ChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Access.choices, **options)

    def to_internal_value(self, data: Any) -> Access:
        return Access(super().to_internal_value(data))


class PointInSession(serializers.Serializer[Any]):
    """A session is shown as it is at a message, by default the active one."""

    message_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Of sessions only."
    )


class NewShare(people.PersonFields, PointInSession):
    """With whom: an account by its id, its name or its e-mail address, a group that the caller is
    in, or everyone with an account; and what they may do."""

    group_id = serializers.UUIDField(required=False)
    everyone = serializers.BooleanField(required=False)
    access = AccessField(required=False, default=Access.READ)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("everyone", True):
            attrs.pop("everyone")
        people.check_is_one(attrs, *people.NAMES, "group_id", "everyone")
        return attrs


class ShareSerializer(serializers.Serializer[Share]):
    """With whom a thing is shared: one of a user, a group, everyone and whoever has the link."""

    user_id = serializers.UUIDField(allow_null=True)
    username = serializers.CharField(source="user.username", default=None, allow_null=True)
    group_id = serializers.UUIDField(allow_null=True)
    group_name = serializers.CharField(source="group.name", default=None, allow_null=True)
    everyone = serializers.BooleanField()
    link = serializers.SerializerMethodField()
    access = serializers.ChoiceField(choices=Access.choices)
    message_id = serializers.IntegerField(
        default=None, allow_null=True, help_text="Where a session ends for them."
    )
    created_at = serializers.DateTimeField()

    def get_link(self, share: Share) -> bool:
        return share.link_digest is not None


class NewLink(serializers.Serializer[Any]):
    """A link, which is never shown again: whoever has it may read."""

    token = serializers.CharField()
    link = serializers.CharField()
