from __future__ import annotations

from accounts import login_views, views
from rini.web.routes import Router

router = Router()
router.register("users", views.UserViewSet)
router.register("auth", login_views.LoginViewSet)
router.register("tokens", views.TokenViewSet)
urlpatterns = router.urls
