"""Claude is spoken to without litellm."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def to_own_wire(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    through_litellm = providers.filter(wire="litellm", litellm_prefix="anthropic")
    through_litellm.update(wire="anthropic", litellm_prefix="")


def to_litellm(apps: Any, schema_editor: Any) -> None:
    providers = apps.get_model("providers", "Provider").objects.using(schema_editor.connection.alias)
    providers.filter(wire="anthropic").update(wire="litellm", litellm_prefix="anthropic")


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
                    ("litellm", "litellm"),
                    ("demo", "demo, without a network"),
                ],
                max_length=10,
                verbose_name="spoken to in",
            ),
        ),
        migrations.RunPython(to_own_wire, to_litellm),
    ]
