from django.db import migrations, models

# What is known by a message goes with it, however it is deleted: its trace and its evidence. An
# entry that has lost the last of its evidence goes, and an entry of a session goes with that.
FORGET = """
    CREATE FUNCTION conversations_forget(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE memory_memory SET superseded_by_id = NULL WHERE superseded_by_id = ANY (ids);
        DELETE FROM memory_trace WHERE memory_id = ANY (ids);
        DELETE FROM memory_change WHERE memory_id = ANY (ids);
        DELETE FROM memory_evidence WHERE memory_id = ANY (ids);
        DELETE FROM memory_memory WHERE id = ANY (ids);
    END $$;
    CREATE FUNCTION conversations_forget_messages() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE touched bigint[];
    BEGIN
        DELETE FROM memory_trace WHERE message_id IN (SELECT id FROM gone);
        WITH lost AS (
            DELETE FROM memory_evidence WHERE message_id IN (SELECT id FROM gone)
            RETURNING memory_id
        )
        SELECT array_agg(DISTINCT memory_id) INTO touched FROM lost;
        IF touched IS NOT NULL THEN
            PERFORM conversations_forget(array(
                SELECT entry FROM unnest(touched) AS entry
                WHERE NOT EXISTS (SELECT FROM memory_evidence WHERE memory_id = entry)
            ));
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION conversations_forget_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM memory_block WHERE session_id IN (SELECT id FROM gone);
        DELETE FROM memory_extraction WHERE session_id IN (SELECT id FROM gone);
        PERFORM conversations_forget(array(
            SELECT id FROM memory_memory
            WHERE session_id IN (SELECT id FROM gone) AND scope = 'Session'
        ));
        RETURN NULL;
    END $$;
    CREATE TRIGGER forget AFTER DELETE ON conversations_message
        REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
        EXECUTE FUNCTION conversations_forget_messages();
    CREATE TRIGGER forget AFTER DELETE ON conversations_session
        REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
        EXECUTE FUNCTION conversations_forget_sessions();
"""
KEEP = """
    DROP TRIGGER forget ON conversations_session;
    DROP TRIGGER forget ON conversations_message;
    DROP FUNCTION conversations_forget_sessions();
    DROP FUNCTION conversations_forget_messages();
    DROP FUNCTION conversations_forget(bigint[]);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0007_shares'),
        ('memory', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='recalled',
            field=models.JSONField(null=True, verbose_name='recalled from memory'),
        ),
        migrations.AddField(
            model_name='message',
            name='memories',
            field=models.JSONField(blank=True, default=list, verbose_name='memories'),
        ),
        migrations.RunSQL(FORGET, KEEP),
    ]
