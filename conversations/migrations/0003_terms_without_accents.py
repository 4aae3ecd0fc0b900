"""What is stored for searching is written anew: accents and points are folded now, as in questions."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from rini import lexical

BATCH = 500
_READ = """
    SELECT entry.id, coalesce(message.content, session.alias), entry.message_id IS NULL
    FROM conversations_searchentry entry
    JOIN conversations_session session ON session.id = entry.session_id
    LEFT JOIN conversations_message message ON message.id = entry.message_id
    WHERE entry.id > %s ORDER BY entry.id LIMIT %s
"""
_WRITE = """
    UPDATE conversations_searchentry entry
    SET terms = CASE WHEN fresh.title THEN setweight(fresh.terms::tsvector, 'A')
                     ELSE fresh.terms::tsvector END
    FROM unnest(%s::bigint[], %s::text[], %s::boolean[]) AS fresh (id, terms, title)
    WHERE entry.id = fresh.id
"""


def index_anew(apps: Any, schema_editor: Any) -> None:
    last = 0
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(_READ, [last, BATCH])
            rows = cursor.fetchall()
            if not rows:
                return
            fresh = [(pk, lexical.tsvector(text), title) for pk, text, title in rows]
            cursor.execute(_WRITE, [list(column) for column in zip(*fresh, strict=True)])
            last = rows[-1][0]


class Migration(migrations.Migration):
    atomic = False  # each batch is kept: a large installation takes minutes
    dependencies = [("conversations", "0002_answers_of_several_calls")]
    operations = [migrations.RunPython(index_anew, migrations.RunPython.noop)]
