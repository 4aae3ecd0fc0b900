"""The page between choosing an action of the admin that spends or takes away, and doing it.

if page := ask_first(request, rows, question, facts):
    return page
… do it …
note(request, rows, "what was done")
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SHOWN = 20
CONFIRMED = "confirmed"
# What the admin's list needs to run the same action on the same rows again.
_SENT_AGAIN = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)


def ask_first(
    request: HttpRequest, found: QuerySet[Any], question: str, facts: Sequence[str] = ()
) -> HttpResponse | None:
    """The page that says what is about to happen, and to how much; None once that was agreed to.

    Only what the page said is agreed to: if that has changed meanwhile, the page comes again.
    """
    said = _digest(question, *facts)
    if request.POST.get(CONFIRMED) == said:
        return None
    count = found.count()
    context = {
        **admin.site.each_context(request),
        "title": question,
        "question": question,
        "facts": facts,
        "rows": [str(row) for row in found[:SHOWN]],
        "further": max(0, count - SHOWN),
        "fields": [(CONFIRMED, said), *_sent_again(request)],
    }
    return TemplateResponse(request, "admin/rini/ask_first.html", context)


def note(
    request: HttpRequest, objects: Iterable[Any], what: StrOrPromise, *, deleted: bool = False
) -> None:
    """Put what was done into the history of each object."""
    operator: Any = request.user
    flag = DELETION if deleted else CHANGE
    LogEntry.objects.log_actions(operator.pk, list(objects), flag, change_message=str(what))


def _sent_again(request: HttpRequest) -> list[tuple[str, str]]:
    return [(name, value) for name in _SENT_AGAIN for value in request.POST.getlist(name)]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(map(str, texts)).encode()).hexdigest()
