"""What an API token may not do, though its user may."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import limits
from accounts.authentication import Caller, caller_in
from accounts.tokens import is_limited
from rini.errors import Forbidden


class NotByLimitedToken(BasePermission):
    """A token that expires, has only some models or a budget changes neither account nor tokens.

    Otherwise whoever holds it could make a token without these limits.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method not in SAFE_METHODS:
            refuse_limited_token(caller_in(request))
        return True


def refuse_limited_token(caller: Caller) -> None:
    """Raise `Forbidden` for a caller whose token can do less than its user."""
    token = caller.token
    if token is not None and (is_limited(token) or limits.has_any(token)):
        raise Forbidden(
            "This API token is limited, so it cannot change the account, its "
            "tokens or its keys: use an access token from /auth/token."
        )
