from django.db import migrations, models

# As in the second migration, with whether memory is on.
TELL = """
    DROP TRIGGER tell_of_caller ON accounts_user;
    CREATE TRIGGER tell_of_caller AFTER DELETE OR UPDATE OF
        username, email, password, is_active, is_staff, is_superuser, memory_enabled,
        requests_per_minute, tokens_per_minute, parallel_generations
        ON accounts_user FOR EACH ROW EXECUTE FUNCTION accounts_tell_of_caller('id');
"""
TELL_AS_BEFORE = TELL.replace(" memory_enabled,", "")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_groups'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='memory_enabled',
            field=models.BooleanField(default=True, help_text='Something of the user may be remembered.', verbose_name='memory'),
        ),
        migrations.RunSQL(TELL, TELL_AS_BEFORE),
    ]
