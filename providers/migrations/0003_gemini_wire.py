"""Gemini is spoken to without litellm."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def to_own_wire(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    through_litellm = providers.filter(wire="litellm", litellm_prefix="gemini")
    through_litellm.update(wire="gemini", litellm_prefix="")


def to_litellm(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    providers.filter(wire="gemini").update(wire="litellm", litellm_prefix="gemini")


class Migration(migrations.Migration):
    dependencies = [("providers", "0002_anthropic_wire")]

    operations = [
        migrations.AlterField(
            model_name="provider",
            name="wire",
            field=models.CharField(
                choices=[
                    ("openai", "OpenAI's format"),
                    ("anthropic", "Anthropic's format"),
                    ("gemini", "Gemini's format"),
                    ("litellm", "litellm"),
                    ("demo", "demo, without a network"),
                ],
                max_length=10,
                verbose_name="spoken to in",
            ),
        ),
        migrations.RunPython(to_own_wire, to_litellm),
    ]
