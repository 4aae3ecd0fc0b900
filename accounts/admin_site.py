"""The administration itself: how operators log in to it, and their second factor."""

from __future__ import annotations

from functools import wraps
from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts import second_factor, throttles
from accounts.models import User
from rini.errors import InvalidInput, NotAuthenticated, RateLimited, Unavailable

_CODE = {"autocomplete": "one-time-code", "inputmode": "text"}  # recovery codes have letters


class LoginForm(AdminAuthenticationForm):
    """With the same brake on guessing as ``POST /auth/token``, and the second factor's code."""

    code = forms.CharField(
        label=_("Code of the second factor, if you have one"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs=_CODE),
    )

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username") or ""
        user = throttles.account_of(name)
        try:
            with throttles.guess(user, name):
                cleaned = super().clean()
            self._check_code(self.get_user())
        except (RateLimited, Unavailable) as error:
            raise ValidationError(error.detail) from error
        return cleaned

    def _check_code(self, user: User) -> None:
        if not second_factor.is_on(user):
            return
        code = self.cleaned_data.get("code")
        if not code:
            raise ValidationError(_("This account has a second factor: give its code too."))
        try:
            with throttles.guess(user):
                second_factor.check(user, code)
        except NotAuthenticated as error:
            raise ValidationError(error.detail) from error


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"), max_length=40, widget=forms.TextInput(attrs=_CODE | {"autofocus": True})
    )


class Site(AdminSite):
    login_form = LoginForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Where a second factor is required, operators without one are only shown how to set one
        up, and the way out."""
        shown = super().admin_view(view, cacheable)

        @wraps(shown)
        def if_set_up(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            user: Any = request.user
            leaves = request.path == reverse("admin:logout")
            if not leaves and self.has_permission(request) and second_factor.must_set_up(user):
                return HttpResponseRedirect(reverse("admin:second_factor"))
            return shown(request, *args, **kwargs)

        return if_set_up

    def get_urls(self) -> list[URLResolver | URLPattern]:
        # Not by our own `admin_view`, which would send those without a factor back here for ever.
        page = super().admin_view(self.second_factor)
        return [path("second-factor/", page, name="second_factor"), *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "second_factor_link": _("Second factor")}

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Set one up, renew its recovery codes, or remove it; each with a code."""
        user: Any = request.user
        form = CodeForm(request.POST or None)
        codes: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                codes = self._done(request, user, form.cleaned_data["code"])
            except (InvalidInput, NotAuthenticated, RateLimited, Unavailable) as error:
                form.add_error("code", error.detail)
            else:
                if not codes:
                    return HttpResponseRedirect(reverse("admin:second_factor"))
        return self._page(request, user, form, codes)

    def _done(self, request: HttpRequest, user: User, code: str) -> list[str]:
        """What the page's form asks for; recovery codes where there are new ones."""
        if not second_factor.is_on(user):
            with throttles.guess(user):
                return second_factor.confirm(user, code)
        with throttles.guess(user):
            second_factor.check(user, code)
        if "remove" in request.POST:
            second_factor.remove(user)
            messages.success(request, _("The second factor is removed."))
            return []
        return second_factor.renew_recovery_codes(user)

    def _page(
        self, request: HttpRequest, user: User, form: CodeForm, codes: list[str]
    ) -> HttpResponse:
        is_on = second_factor.is_on(user)
        context = {**self.each_context(request), "title": _("Second factor"), "form": form}
        context |= {"codes": codes, "is_on": is_on, "required": second_factor.must_set_up(user)}
        if not is_on:
            # After a mistyped code the same secret again: the app has it already.
            begun = second_factor.pending(user) if form.is_bound else second_factor.begin(user)
            picture = segno.make(begun.address, error="m").svg_inline(scale=5, light="white")
            context |= {"picture": picture, "secret": begun.secret}
        return TemplateResponse(
            request,
            "admin/rini/second_factor.html",
            context | _TEXTS,
            headers={"Cache-Control": "no-store"},
        )


_TEXTS = {
    "about": _(
        "With a second factor a stolen password alone opens nothing: each login also needs a code "
        "from an app on your phone."
    ),
    "how": _("Scan this with the app, or type the key into it, and enter the code that it shows."),
    "demanded": _("This installation requires one of every operator."),
    "enabled": _("Your account has a second factor."),
    "keep": _("Keep these recovery codes; they are not shown again. Each opens your account once."),
    "set_up": _("Set up"),
    "renew": _("New recovery codes"),
    "remove": _("Remove"),
}
