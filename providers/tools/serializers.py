"""Connections to servers of tools, and their tools, as JSON."""

from __future__ import annotations

import re
from typing import Any

import httpx2
from rest_framework import serializers

from accounts.sharing.models import Access
from providers.models import ConnectionState, McpConnection
from rini.translation import gettext as _
from rini.web.fields import ShortListField

MAX_HEADERS = 20
MAX_ALLOWED = 1000
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OF_THE_TRANSPORT = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect"),
        *("host", "keep-alive", "last-event-id", "mcp-protocol-version", "mcp-session-id", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)


class HeadersField(serializers.DictField):
    """Headers by name. Values are sent as they are: printable ASCII."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=8192), write_only=True, **options)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if isinstance(data, dict) and len(data) > MAX_HEADERS:
            raise serializers.ValidationError(
                _("At most %(most)s headers.") % {"most": MAX_HEADERS}
            )
        if isinstance(data, dict) and not all(isinstance(value, str) for value in data.values()):
            raise serializers.ValidationError(_("Give each header as a text."))
        headers: dict[str, str] = super().to_internal_value(data)
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not (value.isascii() and value.isprintable()):
                raise serializers.ValidationError(
                    _("“%(name)s” is no header that can be sent: its value is a line of ASCII.")
                    % {"name": name[:100]}
                )
            if name.lower() in _OF_THE_TRANSPORT:
                raise serializers.ValidationError(
                    _("“%(name)s” is set by the transport itself.") % {"name": name}
                )
        return headers


class ConnectionSerializer(serializers.ModelSerializer[McpConnection]):
    """A connection to a server of tools. Its `headers` are encrypted and in no answer; who may only
    use it sees of `url` the host."""

    url = serializers.CharField(max_length=2000)
    headers = HeadersField(
        required=False,
        help_text="What the server wants to know its callers by. Left out, they stay as they are.",
    )
    allowed_tools = ShortListField(
        child=serializers.CharField(max_length=256),
        required=False,
        allow_null=True,
        max_length=MAX_ALLOWED,
        help_text="The only tools that are offered, by the server's names. Null: all.",
    )
    owner_id = serializers.UUIDField(source="user_id", read_only=True)
    state = serializers.ChoiceField(choices=ConnectionState.choices, read_only=True)
    last_error = serializers.CharField(
        read_only=True, help_text="Why it is not `ready`, as it was last seen."
    )
    my_access = serializers.ChoiceField(
        choices=Access.choices,
        read_only=True,
        help_text="`read`: use its tools. `write`: change it too.",
    )

    class Meta:
        model = McpConnection
        fields = (
            *("id", "name", "url", "transport", "auth", "headers", "enabled", "allowed_tools"),
            *("require_approval", "state", "last_error", "owner_id", "my_access"),
            *("created_at", "updated_at"),
        )
        extra_kwargs = {
            "require_approval": {
                "help_text": "Which calls wait until the user approves them: `changing`: of tools "
                "that do not say that they only read."
            }
        }

    def validate_url(self, text: str) -> str:
        try:
            url = httpx2.URL(text)
        except httpx2.InvalidURL:
            url = httpx2.URL("")
        if url.scheme not in {"http", "https"} or not url.host or not text.isprintable():
            raise serializers.ValidationError(
                _("Give an address that begins with http:// or https://.")
            )
        if url.userinfo:
            raise serializers.ValidationError(
                _("Give an address without a user name or password in it.")
            )
        return text

    def to_representation(self, connection: McpConnection) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(connection)
        if told["my_access"] == Access.READ:
            # Many servers know their callers by a secret in the path or the query.
            told["url"] = str(httpx2.URL(connection.url).copy_with(raw_path=b"/", fragment=None))
        return told


class ToolSerializer(serializers.Serializer[Any]):
    """A tool as its server describes it."""

    name = serializers.CharField(help_text="As the server calls it.")
    title = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.JSONField(help_text="JSON Schema of its arguments.")
    changes = serializers.BooleanField(help_text="It does not say that it only reads.")
    is_repeatable = serializers.BooleanField(help_text="Calling it twice does no harm, it says.")
    is_allowed = serializers.BooleanField(help_text="By the connection's `allowed_tools`.")
    needs_approval = serializers.BooleanField(
        help_text="By its `require_approval`, or because the tool `is_changed`."
    )
    is_changed = serializers.BooleanField(
        help_text="The server describes it other than it was accepted, or has added it since."
    )
    digest = serializers.CharField(help_text="Of how it is described: what `accept` takes.")


class AcceptedTools(serializers.Serializer[Any]):
    """Tools by the server's names, with the `digest` that each had when it was looked at."""

    tools = serializers.DictField(child=serializers.RegexField("^[0-9a-f]{64}$"))

    def validate_tools(self, digests: dict[str, str]) -> dict[str, str]:
        if len(digests) > MAX_ALLOWED or any("\0" in name for name in digests):
            raise serializers.ValidationError(
                _("Give at most %(most)s tools by their names.") % {"most": MAX_ALLOWED}
            )
        return digests


class ConnectionTest(serializers.Serializer[Any]):
    """Whether the server answers; if not, `detail` says what is wrong, and what to do."""

    ok = serializers.BooleanField()
    detail = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    server_name = serializers.CharField(allow_null=True)
    protocol_version = serializers.CharField(allow_null=True)
    tool_count = serializers.IntegerField(allow_null=True)
    took_ms = serializers.IntegerField()
