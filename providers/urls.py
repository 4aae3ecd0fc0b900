from __future__ import annotations

from providers import views
from providers.tools.views import McpConnectionViewSet
from rini.web.routes import Router

router = Router()
router.register("api-keys", views.KeyViewSet)
router.register("llm/models", views.ModelViewSet)
router.register("mcp-connections", McpConnectionViewSet)
urlpatterns = router.urls
