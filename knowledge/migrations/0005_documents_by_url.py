from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knowledge', '0004_vector_stores'),
    ]

    operations = [
        migrations.AddField(
            model_name='document',
            name='url',
            field=models.CharField(blank=True, default='', help_text='It is fetched when it is read.', max_length=2000, verbose_name='address'),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='document',
            name='size',
            field=models.PositiveBigIntegerField(default=0, verbose_name='bytes'),
        ),
    ]
