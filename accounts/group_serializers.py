"""What the API of groups takes and gives."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from rest_framework import serializers

from accounts import people
from accounts.group_models import Group, Invitation, Membership, Role


class RoleField(serializers.ChoiceField):
    """A role, as one of `Role`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Role.choices, **options)

    def to_internal_value(self, data: Any) -> Role:
        return Role(super().to_internal_value(data))


class GroupSerializer(serializers.ModelSerializer[Group]):
    """Users who share things. Without `description` it has none."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    my_role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    member_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Group
        fields = ("id", "name", "description", "my_role", "member_count", "created_at")


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A user in a group. `created_at` is since when."""

    user_id = serializers.UUIDField(read_only=True)
    username = serializers.CharField(source="user.username", read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = ("user_id", "username", "role", "created_at")


class NewMember(people.PersonFields):
    """An account, by its id, its name or its e-mail address, and as what it comes in."""

    role = RoleField(required=False, default=Role.MEMBER)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        people.check_is_one(attrs, *people.NAMES)
        return attrs


class MemberChange(serializers.Serializer[Model]):
    role = RoleField()


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation, to an account (`user_id`) or to an e-mail address."""

    group_id = serializers.UUIDField(read_only=True)
    group_name = serializers.CharField(source="group.name", read_only=True)
    user_id = serializers.UUIDField(read_only=True, allow_null=True)
    username = serializers.CharField(source="user.username", read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = (
            *("id", "group_id", "group_name", "user_id", "username", "email", "role"),
            *("created_at", "expires_at"),
        )


class NewInvitation(InvitationSerializer):
    """An invitation with its link, which is never shown again. Send it to whom it invites."""

    token = serializers.CharField(read_only=True, help_text="For `/invitations/{token}/accept`.")
    link = serializers.CharField(read_only=True, help_text="Where the invitation is shown.")

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "token", "link")
