"""The addresses of conversations that Django answers; the others are in `conversations.routing`."""

from __future__ import annotations

from conversations.api.agent_views import AgentViewSet
from conversations.api.generation_views import GenerationViewSet
from conversations.api.import_views import SessionImportViewSet
from conversations.api.message_views import MessageViewSet, SessionMessageViewSet
from conversations.api.search_views import SearchViewSet
from conversations.api.session_views import SessionViewSet
from conversations.api.shared_views import LinkedSessionViewSet
from conversations.api.tool_views import ToolCallViewSet
from conversations.api.whole_session_views import WholeSessionViewSet
from rini.web.routes import UUID_PATTERN, Router

_SESSION = f"sessions/(?P<session_id>{UUID_PATTERN})"

router = Router()
router.register("sessions/imports", SessionImportViewSet)
router.register("sessions", SessionViewSet)
router.register(_SESSION, WholeSessionViewSet)
router.register(f"{_SESSION}/messages", SessionMessageViewSet)
router.register("messages", MessageViewSet)
router.register("search", SearchViewSet)
router.register("shared/sessions", LinkedSessionViewSet)
router.register("agents", AgentViewSet)
router.register("generations", GenerationViewSet)
router.register("tool-calls", ToolCallViewSet)
urlpatterns = router.urls
