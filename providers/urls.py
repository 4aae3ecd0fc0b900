from __future__ import annotations

from providers import views
from rini.web.routes import Router

router = Router()
router.register("api-keys", views.KeyViewSet)
router.register("llm/models", views.ModelViewSet)
urlpatterns = router.urls
