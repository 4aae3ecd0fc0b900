from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete, pre_delete
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        from accounts.sharing import kinds
        from conversations import shared
        from conversations.agents import named
        from conversations.agents.models import AgentShare
        from conversations.remembering import OwnConversations
        from memory import sources
        from providers import stand_ins

        kinds.register(shared.KIND)
        kinds.register(kinds.Kind("agents", AgentShare))
        sources.register(OwnConversations())
        stand_ins.register(named.STAND_IN)
        pre_delete.connect(_take_generations_away, sender="accounts.User")
        post_delete.connect(_forget_file, sender="conversations.Message")


def _take_generations_away(instance: Any, **_: Any) -> None:
    from conversations.answering import stopping
    from conversations.models import Generation

    stopping.take_away(Generation.objects.filter(user=instance))


def _forget_file(instance: Any, **_: Any) -> None:
    from conversations.files import attachments

    attachments.forget(instance)
