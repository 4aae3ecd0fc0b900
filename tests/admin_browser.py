"""An operator's browser in the admin: forms are fetched and sent back as a person does."""

from __future__ import annotations

import re
from typing import Any

import httpx


class AdminBrowser(httpx.Client):
    """Logged in to the admin of the server at `url`; paths are relative to ``/admin/``."""

    def __init__(self, url: str, username: str, password: str) -> None:
        super().__init__(base_url=f"{url}/admin/", timeout=30)
        answer = self.submit("login/", {"username": username, "password": password})
        assert answer.status_code == 302, answer.text

    def submit(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        """Send the form on the page at `path`; 302 is success, 200 the form with its errors."""
        page = self.get(path).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page
        return self.post(path, data={**fields, "csrfmiddlewaretoken": token[1]})

    def submit_seen(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        """Send the form on a page that was fetched already, and would change if it was again."""
        return self.post(path, data={**fields, "csrfmiddlewaretoken": self.cookies["csrftoken"]})

    def confirm(self, path: str, fields: dict[str, Any]) -> tuple[str, httpx.Response]:
        """Do an action that asks first: the page that asks, and what comes of saying yes."""
        page = self.submit(path, fields).text
        return page, self.post(path, data=hidden_fields(page))


def hidden_fields(page: str) -> dict[str, list[str]]:
    """What the page that asks sends again with a yes."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page):
        if value not in found.setdefault(name, []):
            found[name].append(value)
    return found
