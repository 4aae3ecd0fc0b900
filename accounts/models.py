"""Users, their logins, the two kinds of tokens that stand for them, and what happened to all these.

No token is stored: only SHA-256 digests of values with 256 bits of entropy, which need no salt.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import group_models  # noqa: F401  # Django finds an app's models here
from rini.secrets.sealed import SealedField
from rini.storage.database import OwnedQuerySet

USUAL = _("Empty: as for everybody. 0: no limit.")


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, username: str | None = None, password: str | None = None, **fields: Any
    ) -> User:
        """An account; without a password only its tokens open it."""
        user = self.model(username=username or None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str, **fields: Any) -> User:
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Names differ in more than case: Ana and ana are one."""
        return self.get(Exact(Lower("username"), Lower(Value(username))))


class User(AbstractBaseUser, PermissionsMixin):
    """An account. `username` and `email` may be missing: then its tokens are its only keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        _("user name"),
        max_length=150,
        null=True,
        blank=True,
        validators=[UnicodeUsernameValidator()],
    )
    email = models.EmailField(_("e-mail address"), null=True, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=USUAL
    )
    tokens_per_minute = models.PositiveIntegerField(
        _("tokens per minute"), null=True, blank=True, help_text=USUAL
    )
    parallel_generations = models.PositiveIntegerField(
        _("answers at a time"), null=True, blank=True, help_text=USUAL
    )
    memory_enabled = models.BooleanField(
        _("memory"),
        default=True,
        help_text=_("Something of the user may be remembered."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_unique"),
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
        ]

    def __str__(self) -> str:
        return self.username or str(self.id)


class ApiToken(models.Model):
    """A lasting token for programs. `prefix` is its visible beginning, to recognise it by."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.BinaryField(unique=True, editable=False)
    former_valid_until = models.DateTimeField(null=True, editable=False)
    allowed_models = ArrayField(
        models.CharField(max_length=200),
        null=True,
        blank=True,
        help_text=_("Names as “provider/model”, or “provider/*”. Empty: every model."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True
    )
    tokens_per_minute = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    objects = OwnedQuerySet["ApiToken"].as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        indexes = [models.Index(fields=["user", "-created_at"], name="api_token_by_user")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class FormerSecret(models.Model):
    """A secret that a rotation has replaced. It works until `valid_until`, and no longer than its
    token's `former_valid_until`."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="former_secrets")
    digest = models.BinaryField(unique=True)
    valid_until = models.DateTimeField()

    class Meta:
        verbose_name = _("former secret")
        verbose_name_plural = _("former secrets")

    def __str__(self) -> str:
        return f"until {self.valid_until}"


class Login(models.Model):
    """A login: everything that one use of the password has given out. `id` is the claim ``sid`` of
    its access tokens and the family of its refresh tokens; none of them works once it has ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    address = models.CharField(_("address"), max_length=45, blank=True)
    agent = models.CharField(_("program"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last renewed at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = OwnedQuerySet["Login"].as_manager()

    class Meta:
        verbose_name = _("login")
        verbose_name_plural = _("logins")
        indexes = [models.Index(fields=["user", "-created_at"], name="login_by_user")]

    def __str__(self) -> str:
        return str(self.id)


class RefreshToken(models.Model):
    """One link in a chain of refresh tokens; the chain, the family of a login, dies with a
    replay."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    family = models.UUIDField(db_index=True)
    digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")

    def __str__(self) -> str:
        return str(self.id)


class SecondFactor(models.Model):
    """A user's codes by time (RFC 6238) and for once, beside the password.

    Until it is confirmed with a first code, which proves that the user's app has the secret, nobody
    is asked for one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.CASCADE, related_name="second_factor")
    sealed = SealedField(owner="user_id")
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    last_step = models.BigIntegerField(default=0)
    """The step of time of the last good code: no code is good twice."""
    recovery_digests = models.JSONField(default=list)
    """SHA-256 of the codes that are each good once."""

    objects = OwnedQuerySet["SecondFactor"].as_manager()

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")

    def __str__(self) -> str:
        return str(self.user_id)


class EventName(models.TextChoices):
    """What the security log knows, by the names of OWASP's Logging Vocabulary where it has one.
    These names are promised: alarms are built on them."""

    LOGIN = "authn_login_success", _("logged in")
    LOGIN_FAILED = "authn_login_fail", _("wrong name or password")
    LOGIN_LOCKED = "authn_login_lock", _("too many wrong passwords")
    LOGIN_ENDED = "authn_login_ended", _("login ended")
    REFRESH_REPLAYED = "authn_token_reuse", _("refresh token used again: login ended")
    PASSWORD_CHANGED = "authn_password_change", _("password changed")  # a name
    PASSWORD_REFUSED = "authn_password_change_fail", _("wrong current password")
    SECOND_FACTOR_ADDED = "authn_second_factor_added", _("second factor set up")
    SECOND_FACTOR_REMOVED = "authn_second_factor_removed", _("second factor removed")
    SECOND_FACTOR_REFUSED = "authn_second_factor_fail", _("wrong code of the second factor")
    RECOVERY_CODE_USED = "authn_recovery_code_used", _("recovery code used")
    TOKEN_CREATED = "authn_token_created", _("API token made")
    TOKEN_CHANGED = "authn_token_changed", _("API token changed")
    TOKEN_ROTATED = "authn_token_rotated", _("API token rotated")
    TOKEN_DELETED = "authn_token_delete", _("API token deleted")
    REFUSED = "authz_fail", _("not permitted")
    ROLE_CHANGED = "authz_change", _("rights changed")
    USER_CREATED = "user_created", _("account opened")
    USER_CHANGED = "user_updated", _("account changed")
    USER_SUSPENDED = "user_suspended", _("account suspended")
    USER_ACTIVATED = "user_activated", _("account activated")
    USER_DELETED = "user_deleted", _("account deleted")
    REGISTRATION_REFUSED = "excess_rate_limit_exceeded", _("too many new accounts")
    KEY_CREATED = "provider_key_created", _("provider key stored")
    KEY_CHANGED = "provider_key_changed", _("provider key changed")
    KEY_DELETED = "provider_key_deleted", _("provider key deleted")
    CALLS_REFUNDED = "calls_refunded", _("calls refunded")
    GROUP_CREATED = "group_created", _("group made")
    GROUP_DELETED = "group_deleted", _("group deleted")
    MEMBER_ADDED = "group_member_added", _("member added to a group")
    MEMBER_CHANGED = "group_member_updated", _("role in a group changed")
    MEMBER_REMOVED = "group_member_removed", _("member left a group")
    INVITATION_CREATED = "group_invitation_created", _("invited to a group")
    INVITATION_ACCEPTED = "group_invitation_accepted", _("invitation accepted")
    INVITATION_ENDED = "group_invitation_ended", _("invitation taken back or declined")
    SHARED = "share_created", _("shared")
    UNSHARED = "share_ended", _("sharing ended")


class SecurityEvent(models.Model):
    """What happened, to whom, by whom and from where. Rows outlive the users that they name.

    What a stranger can cause without end is one row an hour for each place that it comes from, and
    `count` says how often (see `accounts.security_log`).
    """

    event = models.CharField(_("event"), max_length=40)
    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    last_at = models.DateTimeField(_("last at"), default=timezone.now)
    count = models.PositiveIntegerField(_("times"), default=1)
    user_id = models.UUIDField(_("user"), null=True, db_index=True)
    actor_id = models.UUIDField(_("by"), null=True)
    token_id = models.UUIDField(_("API token"), null=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    details = models.JSONField(_("details"), default=dict)
    bucket = models.UUIDField(null=True, unique=True, editable=False)
    """What makes repeated events one row; None: this one has a row of its own."""

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security log")
        indexes = [models.Index(fields=["event", "-at"], name="security_by_event")]

    def __str__(self) -> str:
        return f"{self.event} {self.at:%Y-%m-%d %H:%M:%S}"
