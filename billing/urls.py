from __future__ import annotations

from billing import operators, views
from rini.web.routes import Router

router = Router()
router.register("usage", views.UsageViewSet)
router.register("budgets", operators.BudgetViewSet)
urlpatterns = router.urls
