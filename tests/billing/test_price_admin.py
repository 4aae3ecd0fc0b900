from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest

from billing import corrections, holds
from billing.models import Price
from tests.admin_browser import AdminBrowser
from tests.billing.ledger_world import DOLLAR, budget, placement, settled
from tests.conftest import User
from tests.price_table import unlocked
from tests.rini_server import RiniServer


@pytest.fixture
def admin(server: RiniServer, olga: User) -> Iterator[AdminBrowser]:
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        yield browser


def test_a_price_is_added_in_dollars_and_never_changed(admin: AdminBrowser) -> None:
    fields = {
        "provider": "openrouter",
        "model": "모델",
        "above_input_tokens": "0",
        "effective_from_0": "2026-01-01",
        "effective_from_1": "00:00:00",
        "input_rate": "0.0375",
        "output_rate": "1.5",
    }
    answer = admin.submit("billing/price/add/", fields)
    assert answer.status_code == 302, answer.text
    row = Price.objects.get(provider="openrouter", model="모델")
    assert (row.input_rate, row.cached_input_rate, row.output_rate, row.source) == (
        37_500_000,
        None,
        1_500_000_000,
        "operator",
    )
    page = f"billing/price/{row.pk}/change/"
    shown = admin.get(page).text
    assert 'name="input_rate"' not in shown
    assert "$0.0375 per million" in shown
    assert "$1.5 per million" in shown
    assert "37500000" not in shown
    assert admin.post(page, data=fields).status_code == 403
    assert admin.get(f"billing/price/{row.pk}/delete/").status_code == 403
    with unlocked():
        row.delete()


def test_amounts_are_dollars_on_every_page(priced: None, admin: AdminBrowser, alice: User) -> None:
    row = settled(user_id=UUID(alice.user_id))
    refunded = corrections.refund([row])[0]
    placed = placement(user_id=UUID(alice.user_id))
    assert holds.place_all([placed]) == [None]
    given = budget("user", UUID(alice.user_id), 9 * DOLLAR)
    for path, amount in (
        (f"usagerecord/{row.pk}", "$3"),
        (f"usagerecord/{refunded.pk}", "-$3"),
        (f"hold/{placed['id']}", "$3"),
        (f"budget/{given.pk}", "9.000000000"),
    ):
        page = admin.get(f"billing/{path}/change/").text
        assert amount in page, path
        assert "000000000<" not in page
        assert f"${amount.strip('-$')[0]}" in admin.get(f"billing/{path.split('/')[0]}/").text
    holds.settle_all([(placed["id"], None)])
