from django.db import migrations, models
from django.db.models import F, Q


def date_what_has_ended(apps, schema_editor):
    """Take the last sign of life of its worker, at most a minute late."""
    ended = apps.get_model("accounts", "Export").objects.filter(state__in=["ready", "failed"])
    ended.update(ended_at=F("next_attempt_at"))


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0014_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="export",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="完成时间"),
        ),
        migrations.RunPython(date_what_has_ended, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=Q(state__in=["ready", "failed"], ended_at__isnull=False)
                | Q(state__in=["waiting", "building"], ended_at=None),
                name="exports_that_ended_and_only_they_have_ended_at",
            ),
        ),
    ]
