"""What operators see and do about accounts. No page shows a token's secret or digest."""

from accounts.admin import events, groups, logins, tokens, user_groups, users

__all__ = ["events", "groups", "logins", "tokens", "user_groups", "users"]
