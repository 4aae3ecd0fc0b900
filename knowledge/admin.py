"""The operators' view of knowledge: who shares which bases with whom."""

from __future__ import annotations

from django.contrib import admin

from accounts.sharing.admin import ShareAdmin
from knowledge.models import KnowledgeBaseShare


@admin.register(KnowledgeBaseShare)
class KnowledgeBaseShareAdmin(ShareAdmin):
    """Who searches whose bases, and who adds to them."""
