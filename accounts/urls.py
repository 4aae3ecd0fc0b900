from __future__ import annotations

from accounts import views
from rini.web.routes import Router

router = Router()
router.register("users", views.UserViewSet)
router.register("auth", views.LoginViewSet)
router.register("tokens", views.TokenViewSet)
urlpatterns = router.urls
