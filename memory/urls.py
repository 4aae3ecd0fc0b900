"""The addresses of memory."""

from __future__ import annotations

from memory.views import MemoryViewSet, SessionMemoryViewSet
from rini.web.routes import UUID_PATTERN, Router

router = Router()
router.register("memory", MemoryViewSet)
router.register(f"sessions/(?P<session_id>{UUID_PATTERN})/memory", SessionMemoryViewSet)
urlpatterns = router.urls
