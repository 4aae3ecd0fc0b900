"""The catalogue of providers and models, the keys that open them, and connections to tools."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sharing.models import Share, SharedQuerySet
from rini.secrets.sealed import SealedField
from rini.storage.database import OwnedQuerySet


class WireKind(models.TextChoices):
    OPENAI = "openai", _("OpenAI's format")
    ANTHROPIC = "anthropic", _("Anthropic's format")
    GEMINI = "gemini", _("Gemini's format")
    LITELLM = "litellm", _("litellm")
    DEMO = "demo", _("demo, without a network")
    OFFLINE = "offline", _("models on this machine")


class Provider(models.Model):
    """A vendor of models, or a server of one's own."""

    slug = models.CharField(
        _("name in the API"),
        max_length=50,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*$")],
    )
    name = models.CharField(_("name"), max_length=100)
    wire = models.CharField(_("spoken to in"), max_length=10, choices=WireKind.choices)
    litellm_prefix = models.CharField(_("litellm's name"), max_length=50, blank=True)
    default_base_url = models.CharField(_("usual address"), max_length=500, blank=True)
    base_url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        help_text=_("Empty: <PROVIDER>_BASE_URL from the environment, else the usual address."),
    )
    needs_key = models.BooleanField(_("needs a key"), default=True)
    any_model = models.BooleanField(
        _("takes any model"),
        default=False,
        help_text=_("Also models that the catalogue does not know, as servers of one's own have."),
    )
    only_listed = models.BooleanField(
        _("closed to unlisted models"),
        default=False,
        help_text=_(
            "Models that the catalogue does not know are refused. Otherwise who has a key may ask "
            "for them: fine-tuned and new ones, whose price is not known."
        ),
    )
    sealed_key = SealedField(null=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_address(self) -> bool:
        """Whether it is somewhere else, and not a part of Rini."""
        return self.wire not in {WireKind.DEMO, WireKind.OFFLINE}


class ModelKind(models.TextChoices):
    CHAT = "chat", _("chat")
    EMBEDDING = "embedding", _("embedding")


class Model(models.Model):
    """A model of a provider. Sizes are in tokens; null where nobody said."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=ModelKind.choices, default="chat")
    context_window = models.PositiveIntegerField(_("context window"), null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(_("output limit"), null=True, blank=True)
    dimensions = models.PositiveIntegerField(_("dimensions"), null=True, blank=True)
    vision = models.BooleanField(_("sees images"), default=False)
    tools = models.BooleanField(_("calls tools"), default=False)
    fallbacks = ArrayField(
        models.CharField(max_length=251),
        default=list,
        blank=True,
        verbose_name=_("fallbacks"),
        help_text=_(
            "Models that are asked in this order where it does not answer, “provider/model” each, "
            "with commas between them. Requests may name others."
        ),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    edited = models.BooleanField(
        _("edited by hand"),
        default=False,
        help_text=_("A refresh of the catalogue leaves it as it is."),
    )

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["provider", "name"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="model_once_a_provider")
        ]

    def __str__(self) -> str:
        return f"{self.provider_id}/{self.name}"


class ApiKey(models.Model):
    """A user's key for a provider. The value lies in `sealed` and leaves it only for the vendor."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="provider_keys")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="api_keys")
    session_id = models.UUIDField(
        _("session"), null=True, help_text=_("Set: the key serves this conversation alone.")
    )
    description = models.CharField(_("description"), max_length=200, blank=True)
    sealed = SealedField(owner="user_id")
    last4 = models.CharField(_("ends with"), max_length=4, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    objects = OwnedQuerySet["ApiKey"].as_manager()

    class Meta:
        verbose_name = _("provider key")
        verbose_name_plural = _("provider keys")
        indexes = [
            models.Index(fields=["user", "provider", "-created_at"], name="api_key_by_user"),
            models.Index(
                fields=["session_id"],
                name="api_key_by_session",
                condition=models.Q(session_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} …{self.last4}"


class Transport(models.TextChoices):
    STREAMABLE_HTTP = "streamable_http", _("streamable HTTP")
    SSE = "sse", _("server-sent events (older servers)")


class ConnectionAuth(models.TextChoices):
    NONE = "none", _("none")
    HEADERS = "headers", _("headers of one's own")


class Approval(models.TextChoices):
    """Which calls wait until the user has approved them."""

    NEVER = "never", _("none")
    CHANGING = "changing", _("those that may change something")
    ALWAYS = "always", _("all")


class ConnectionState(models.TextChoices):
    READY = "ready", _("ready")
    NEEDS_AUTHORIZATION = "needs_authorization", _("needs to be authorised")
    FAILING = "failing", _("failing")


class McpConnectionQuerySet(SharedQuerySet["McpConnection"]):
    @classmethod
    def shares(cls) -> type[McpConnectionShare]:
        return McpConnectionShare


class McpConnection(models.Model):
    """A server that offers tools by the Model Context Protocol. Headers that it wants lie sealed
    and leave only for `url`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mcp_connections")
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(_("address"), max_length=2000)
    transport = models.CharField(
        _("transport"), max_length=15, choices=Transport.choices, default=Transport.STREAMABLE_HTTP
    )
    auth = models.CharField(
        _("authorisation"),
        max_length=18,
        choices=ConnectionAuth.choices,
        default=ConnectionAuth.NONE,
    )
    sealed_headers = SealedField(owner="user_id", null=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    allowed_tools = ArrayField(models.TextField(), verbose_name=_("allowed tools"), null=True)
    require_approval = models.CharField(
        _("calls that wait for approval"),
        max_length=8,
        choices=Approval.choices,
        default=Approval.CHANGING,
    )
    accepted_tools = models.JSONField(
        null=True,
        editable=False,
        help_text=_("By the server's names: the digests of how tools were described."),
    )
    state = models.CharField(
        _("state"),
        max_length=19,
        choices=ConnectionState.choices,
        default=ConnectionState.READY,
        editable=False,
    )
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = McpConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection to tools")
        verbose_name_plural = _("connections to tools")
        indexes = [models.Index(fields=["user", "-created_at"], name="mcp_connection_newest")]

    def __str__(self) -> str:
        return self.name


class McpConnectionShare(Share):
    """Who else uses the tools of a connection (read), and changes it (write)."""

    thing = models.ForeignKey(
        McpConnection,
        models.CASCADE,
        related_name="shares",
        verbose_name=_("connection to tools"),
    )

    class Meta(Share.Meta):
        verbose_name = _("share of a connection to tools")
        verbose_name_plural = _("shares of connections to tools")
