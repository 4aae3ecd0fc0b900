"""Let the ledger forget whose a row was, and nothing else."""

from django.db import migrations

# One user's rows at a time, named in a setting of the transaction, and only who it was.
FORGETFUL = """
    CREATE FUNCTION billing_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        who CONSTANT text[] := ARRAY['user_id', 'token_id', 'session_id', 'message_id', 'request_id'];
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.user_id::text = current_setting('billing.forgotten_user', true)
                AND to_jsonb(NEW) - who = to_jsonb(OLD) - who
            THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '% is append-only: a row is corrected by a further row', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$;
    DROP TRIGGER append_only ON billing_usagerecord;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_usagerecord
        FOR EACH ROW EXECUTE FUNCTION billing_refuse_ledger_change();
"""
STRICT = """
    DROP TRIGGER append_only ON billing_usagerecord;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_usagerecord
        FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
    DROP FUNCTION billing_refuse_ledger_change();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunSQL(FORGETFUL, STRICT)]
