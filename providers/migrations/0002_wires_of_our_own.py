"""Claude and Gemini are spoken to without litellm, and models run on this machine."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

OWN_WIRES = ("anthropic", "gemini")
"""Named as litellm named their vendors."""


def to_own_wires(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    for wire in OWN_WIRES:
        through_litellm = providers.filter(wire="litellm", litellm_prefix=wire)
        through_litellm.update(wire=wire, litellm_prefix="")


def to_litellm(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    for wire in OWN_WIRES:
        providers.filter(wire=wire).update(wire="litellm", litellm_prefix=wire)


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial")]

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
                    ("offline", "models on this machine"),
                ],
                max_length=10,
                verbose_name="spoken to in",
            ),
        ),
        migrations.RunPython(to_own_wires, to_litellm),
    ]
