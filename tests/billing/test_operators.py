"""Who operates in the API: whoever may in the administration, each thing by its own permission."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User as Account
from billing.models import Budget
from tests.conftest import User

PERMISSIONS = {
    "add_budget": ("POST", "/budgets/"),
    "view_budget": ("GET", "/budgets/"),
    "change_budget": ("PATCH", "/budgets/{id}"),
    "delete_budget": ("DELETE", "/budgets/{id}"),
    "view_usagerecord": ("GET", "/usage/?user_id=all"),
}


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_an_operator_does_in_the_api_what_the_administration_permits(
    alice: User, permission: str
) -> None:
    account = Account.objects.get(pk=alice.user_id)
    account.is_staff = True
    account.save()
    budget = Budget.objects.create(
        scope="user", subject_id=alice.user_id, limit_nano=1, period="day"
    )
    body = {"scope": "installation", "limit": "5.00", "period": "day"}
    allowed = []
    for chosen in (None, permission):
        account.user_permissions.set(Permission.objects.filter(codename=chosen))
        for name, (method, path) in PERMISSIONS.items():
            sent = body if method == "POST" else {"limit": "1.00"}
            answer = alice.request(
                method, path.format(id=budget.pk), json=sent if method != "GET" else None
            )
            if answer.status_code != 403:
                allowed.append((chosen, name))
    assert allowed == [(permission, permission)]
