from __future__ import annotations

from accounts import group_views, login_views, views
from accounts.sharing import views as sharing_views
from rini.web.routes import UUID_PATTERN, Router

_GROUP = f"groups/(?P<group_id>{UUID_PATTERN})"

router = Router()
router.register("users", views.UserViewSet)
router.register("auth", login_views.LoginViewSet)
router.register("tokens", views.TokenViewSet)
router.register("groups", group_views.GroupViewSet)
router.register(f"{_GROUP}/members", group_views.MemberViewSet)
router.register(f"{_GROUP}/invitations", group_views.GroupInvitationViewSet)
router.register("invitations", group_views.InvitationViewSet)
router.register("shares/(?P<kind>[a-z-]{1,40})", sharing_views.ShareViewSet)
urlpatterns = router.urls
