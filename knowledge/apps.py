from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        from accounts.sharing import kinds
        from knowledge.models import KnowledgeBaseShare

        kinds.register(kinds.Kind("knowledge-bases", KnowledgeBaseShare))
        post_delete.connect(_forget_file, sender="knowledge.Document")
        post_delete.connect(_forget_file, sender="knowledge.UploadedFile")


def _forget_file(instance: Any, **_: Any) -> None:
    from knowledge import documents

    documents.forget(instance)
