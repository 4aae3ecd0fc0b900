"""What the accounts API takes and gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils import timezone
from rest_framework import serializers

from accounts import token_limits
from accounts.models import ApiToken, Login, User
from rini.translation import gettext as _
from rini.web.fields import ShortListField

MAX_NAME_CHARACTERS = 150
MODEL_NAME = re.compile(r"[^\s/*]+/(\*|[^\s*]+)")


class UserName(serializers.CharField):
    """A user name in one Unicode form (NFKC): 김 typed on a Mac is the 김 typed anywhere else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=MAX_NAME_CHARACTERS, validators=[UnicodeUsernameValidator()], **options
        )

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        # First, because composing marks takes the square of their number.
        if len(name) > MAX_NAME_CHARACTERS:
            self.fail("max_length", max_length=MAX_NAME_CHARACTERS)
        return User.normalize_username(name)


class Password(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, trim_whitespace=False, write_only=True, **options)


class CurrentPassword(Password):
    """What lets only the owner do what changes who owns the account: see `credentials.confirm`."""

    def __init__(self) -> None:
        help_text = "Needed where the account has a password."
        super().__init__(required=False, allow_null=True, help_text=help_text)


class Confirmation(serializers.Serializer[User]):
    current_password = CurrentPassword()


class AccountSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "email", "is_staff", "memory_enabled", "created_at")
        read_only_fields = fields


class Registration(serializers.Serializer[User]):
    username = UserName(required=False, allow_null=True)
    password = Password(required=False, allow_null=True)
    email = serializers.EmailField(required=False, allow_null=True, max_length=254)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_credentials(User(username=attrs.get("username"), email=attrs.get("email")), attrs)
        return attrs


class AccountChange(serializers.Serializer[User]):
    """What to change in an account, which is the serializer's `instance`."""

    username = UserName(required=False)
    email = serializers.EmailField(required=False, allow_null=True, max_length=254)
    password = Password(required=False)
    memory_enabled = serializers.BooleanField(
        required=False, help_text="Off: nothing of the user is remembered, and nothing told."
    )
    current_password = CurrentPassword()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = self.instance or User()
        changed = User(
            username=attrs.get("username", user.username),
            email=attrs.get("email", user.email),
            password=user.password,
        )
        check_credentials(changed, attrs)
        return attrs


def check_credentials(user: User, attrs: dict[str, Any]) -> None:
    """Check the password in `attrs` for `user`, and that a name and a password come together.

    `user` is the account as it will be, except for the password; raises `ValidationError`.
    """
    password = attrs.get("password")
    if user.username is None and password is not None:
        raise serializers.ValidationError({"username": [_("A password needs a user name.")]})
    if password is None:
        if user.username is not None and not (user.password and user.has_usable_password()):
            raise serializers.ValidationError({"password": [_("A user name needs a password.")]})
        return
    try:
        password_validation.validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({"password": error.messages}) from None


class Credentials(serializers.Serializer[User]):
    username = UserName()
    password = Password()
    code = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="Of the second factor, where the account has one: its app's, or a recovery code.",
    )


class RefreshRequest(serializers.Serializer[User]):
    refresh_token = serializers.CharField(max_length=200)


class TokenPair(serializers.Serializer[User]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(default="bearer")


class NewAccount(TokenPair):
    id = serializers.UUIDField()
    username = serializers.CharField(allow_null=True)


class LoginSerializer(serializers.ModelSerializer[Login]):
    """A login, as its user sees it."""

    current = serializers.BooleanField(help_text="Whether it is the caller's own.")

    class Meta:
        model = Login
        fields = (
            *("id", "address", "agent", "created_at", "last_used_at", "expires_at"),
            "current",
        )


class EndedLogins(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many logins have ended now.")


class PerMinute(serializers.IntegerField):
    def __init__(self) -> None:
        help_text = "Null: only the account's own limit holds."
        super().__init__(
            min_value=1, max_value=2**31 - 1, allow_null=True, required=False, help_text=help_text
        )


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token without its secret; taken from a caller: name, expires_at, allowed_models,
    requests_per_minute, tokens_per_minute, and the limits that other apps have registered
    (`accounts.token_limits`)."""

    allowed_models = ShortListField(
        child=serializers.CharField(max_length=200),
        allow_null=True,
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="“provider/model” or “provider/*”; null allows every model.",
    )
    requests_per_minute = PerMinute()
    tokens_per_minute = PerMinute()

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "allowed_models",
            "requests_per_minute",
            "tokens_per_minute",
            "created_at",
            "expires_at",
            "last_used_at",
            "former_valid_until",
        )
        read_only_fields = ("id", "prefix", "created_at", "last_used_at", "former_valid_until")

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | token_limits.fields()

    def to_representation(self, instance: ApiToken) -> dict[str, Any]:
        token_limits.note([instance])
        return super().to_representation(instance)

    def validate_allowed_models(self, names: Sequence[str] | None) -> Sequence[str] | None:
        wrong = [name for name in names or () if not MODEL_NAME.fullmatch(name)]
        if wrong:
            raise serializers.ValidationError(
                _("%(given)r is not of the form “provider/model” or “provider/*”.")
                % {"given": wrong[0]}
            )
        return names

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError(_("This time is in the past."))
        return moment


class TokenRequest(TokenSerializer):
    """A new API token."""

    current_password = CurrentPassword()

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "current_password")


class NewToken(TokenSerializer):
    """An API token with its secret, which is never shown again."""

    token = serializers.CharField(read_only=True, help_text="The secret: `rini-…`.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")
