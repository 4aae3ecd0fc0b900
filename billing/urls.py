from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from billing import operators, views
from rini.web.routes import UUID_PATTERN

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("budgets", operators.BudgetsView)

urlpatterns = [
    re_path(r"^usage/?$", views.UsageView.as_view()),
    re_path(r"^usage/summary/?$", views.SummaryView.as_view()),
    re_path(r"^usage/cost-estimation/?$", views.CostEstimationView.as_view()),
    re_path(r"^usage/export/?$", views.ExportView.as_view()),
    re_path(r"^usage/budgets/?$", views.OwnBudgetsView.as_view()),
    re_path(rf"^usage/(?P<pk>{UUID_PATTERN})/?$", views.RecordView.as_view()),
    path("", include(router.urls)),
]
