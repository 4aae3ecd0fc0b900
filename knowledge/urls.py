"""The addresses of knowledge that Django answers; the others are in `knowledge.routing`."""

from __future__ import annotations

from knowledge.document_views import BaseDocumentViewSet, DocumentViewSet
from knowledge.views import KnowledgeBaseViewSet
from rini.web.routes import UUID_PATTERN, Router

router = Router()
router.register("knowledge-bases", KnowledgeBaseViewSet)
router.register(f"knowledge-bases/(?P<base_id>{UUID_PATTERN})/documents", BaseDocumentViewSet)
router.register("documents", DocumentViewSet)
urlpatterns = router.urls
