from django.apps import AppConfig
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from accounts import token_limits
        from billing import pseudonyms, token_budgets

        token_limits.register("budget", token_budgets.TokenBudget())
        for subject in ("accounts.User", "accounts.ApiToken"):
            post_delete.connect(token_budgets.forget, sender=subject)
        post_delete.connect(pseudonyms.forget_deleted, sender="accounts.User")
