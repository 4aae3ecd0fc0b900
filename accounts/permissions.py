"""What an API token may not do, though its user may; and who operates."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import token_limits
from accounts.authentication import Caller, caller_in
from accounts.tokens import is_limited
from rini.errors import Forbidden
from rini.translation import gettext as _


class NotByLimitedToken(BasePermission):
    """A token that expires, has only some models or a budget changes neither account nor tokens,
    nor who is in which group and sees what.

    Otherwise whoever holds it could make a token without these limits, or let others in for good.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method not in SAFE_METHODS:
            refuse_limited_token(caller_in(request))
        return True


def refuse_limited_token(caller: Caller) -> None:
    """Raise `Forbidden` for a caller whose token can do less than its user."""
    token = caller.token
    if token is not None and (is_limited(token) or token_limits.has_any(token)):
        raise Forbidden(
            _(
                "This API token is limited, so it cannot change the account, its tokens, keys, "
                "groups or shares: use an access token from /auth/token."
            )
        )


def is_operator(caller: Caller, permission: str) -> bool:
    """Whether the caller may do in the API what ``app.action_model`` lets it do in the
    administration. By an access token only: an API token may lie anywhere."""
    user = caller.user
    return caller.token is None and user.is_staff and user.has_perm(permission)


def refuse_strangers(caller: Caller, permission: str, refusal: str) -> None:
    """Raise `Forbidden` with `refusal`, which may name the ``%(permission)s``, for all but
    operators that have it."""
    if not is_operator(caller, permission):
        raise Forbidden(_(refusal) % {"permission": permission})
