from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from billing.models import Price
from tests.admin_browser import AdminBrowser
from tests.conftest import User
from tests.price_table import unlocked
from tests.rini_server import RiniServer


@pytest.fixture
def admin(server: RiniServer, olga: User) -> Iterator[AdminBrowser]:
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        yield browser


def test_a_price_is_added_in_dollars_and_never_changed(admin: AdminBrowser) -> None:
    fields = {
        "provider": "house",
        "model": "모델",
        "above_input_tokens": "0",
        "effective_from_0": "2026-01-01",
        "effective_from_1": "00:00:00",
        "input_rate": "0.0375",
        "output_rate": "1.5",
    }
    answer = admin.submit("billing/price/add/", fields)
    assert answer.status_code == 302, answer.text
    row = Price.objects.get(provider="house")
    assert (row.input_rate, row.cached_input_rate, row.output_rate, row.source) == (
        37_500_000,
        None,
        1_500_000_000,
        "operator",
    )
    page = f"billing/price/{row.pk}/change/"
    assert 'name="input_rate"' not in admin.get(page).text
    assert admin.post(page, data=fields).status_code == 403
    assert admin.get(f"billing/price/{row.pk}/delete/").status_code == 403
    with unlocked():
        row.delete()
