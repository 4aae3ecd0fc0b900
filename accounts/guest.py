"""The one account for callers without a token, where the operator admits them."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts.authentication import Caller, admitted, authenticate, shows_a_token
from accounts.models import User
from rini.errors import NotAuthenticated
from rini.storage.database import in_database
from rini.translation import gettext as _

USERNAME = "(guest)"
"""Nobody can register it, because names have no brackets, or log in to it: it has no password."""


def guest() -> User:
    """The guests' account, which the first of them makes."""
    unusable = make_password(None)
    return User.objects.get_or_create(username=USERNAME, defaults={"password": unusable})[0]


async def caller_or_guest(headers: Mapping[str, str]) -> Caller:
    """As `authentication.caller_of`, but with ``ANONYMOUS_ACCESS`` a missing header is the guest.

    A header that is there must be good: a caller with an old token is not a guest.
    """
    caller = await in_database(_caller_or_guest, headers)
    return await admitted(caller, is_known=shows_a_token(headers))


def _caller_or_guest(headers: Mapping[str, str]) -> Caller:
    if not settings.ANONYMOUS_ACCESS or shows_a_token(headers):
        return authenticate(headers)
    user = guest()
    if not user.is_active:
        raise NotAuthenticated(_("The operator has deactivated the guests' account: send a token."))
    return Caller(user, None)
