"""What an API token may not do, though its user may."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import caller_in
from accounts.tokens import is_limited
from rini.errors import Forbidden


class NotByLimitedToken(BasePermission):
    """A token that expires or has only some models changes neither account nor tokens.

    Otherwise whoever holds it could make a token without these limits.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = caller_in(request).token
        if request.method in SAFE_METHODS or token is None or not is_limited(token):
            return True
        raise Forbidden(
            "This API token is limited in time or models, so it cannot change the account or its "
            "tokens: use an access token from /auth/token."
        )
