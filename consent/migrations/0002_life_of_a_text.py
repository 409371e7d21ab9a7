import datetime
import hashlib
import json
import tomllib
from pathlib import Path

import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

SHIPPED = Path(__file__).parent.parent / "documents"


def tell_manifests(apps, schema_editor):
    """Give the texts that came with the code the manifests that describe them."""
    for document in apps.get_model("consent", "Document").objects.all():
        beside = SHIPPED / document.kind / f"{document.version}.toml"
        document.manifest = tomllib.loads(beside.read_text())["promise"] if beside.exists() else []
        said = json.dumps(document.manifest, ensure_ascii=False, sort_keys=True)
        document.manifest_sha256 = hashlib.sha256(said.encode()).hexdigest()
        document.save()


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='document',
            options={'permissions': [('announce_document', '可以公布协议与政策的新版本')], 'verbose_name': '协议与政策', 'verbose_name_plural': '协议与政策'},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='document',
            name='documents_never_change',
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('act', models.CharField(choices=[('drafted', '起草'), ('proposed', '认为只是文字调整，请同事复核'), ('announced', '公布'), ('confirmed', '复核为文字调整并公布')], max_length=9, verbose_name='做了什么')),
                ('sha256', models.CharField(max_length=64, verbose_name='当时的摘要')),
                ('at', models.DateTimeField(verbose_name='时间')),
            ],
            options={
                'verbose_name': '文本的经办',
                'verbose_name_plural': '文本的经办',
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='document',
            name='changes',
            field=models.JSONField(default=list, editable=False, verbose_name='增加了什么'),
        ),
        migrations.AddField(
            model_name='document',
            name='is_material',
            field=models.BooleanField(default=False, editable=False, verbose_name='重要变更'),
        ),
        migrations.AddField(
            model_name='document',
            name='manifest',
            field=models.JSONField(blank=True, default=list, help_text='条款、用途、数据、接收方、期限', verbose_name='承诺清单'),
        ),
        migrations.AddField(
            model_name='document',
            name='manifest_sha256',
            field=models.CharField(default='', editable=False, max_length=64, verbose_name='承诺清单摘要'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='document',
            name='replaces',
            field=models.OneToOneField(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='consent.document', verbose_name='替代'),
        ),
        migrations.AlterField(
            model_name='document',
            name='announced_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='公布时间'),
        ),
        migrations.AlterField(
            model_name='document',
            name='effective_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='生效时间'),
        ),
        migrations.AlterField(
            model_name='document',
            name='kind',
            field=models.CharField(choices=[('agreement', '服务协议'), ('privacy', '隐私政策'), ('gate', '专业内容提示'), ('payment_account', '保存支付账号单独同意书'), ('location', '使用位置单独同意书'), ('camera', '使用相机单独同意书'), ('pictures', '使用相册图片单独同意书'), ('microphone', '使用麦克风单独同意书'), ('personalisation', '个性化推荐单独同意书'), ('name_publication', '公开姓名单独同意书')], max_length=20, verbose_name='种类'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('announced_at', None), ('effective_at', None)), models.Q(('announced_at__isnull', False), ('effective_at__isnull', False)), _connector='OR'), name='announced_texts_and_only_they_take_effect'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(('replaces', None), ('announced_at', None), ('effective_at__gte', django.db.models.expressions.CombinedExpression(models.F('announced_at'), '+', models.Value(datetime.timedelta(days=7)))), _connector='OR'), name='a_new_version_is_announced_seven_days_ahead'),
        ),
        migrations.AddField(
            model_name='decision',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='谁'),
        ),
        migrations.AddField(
            model_name='decision',
            name='document',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='consent.document', verbose_name='文本'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['document', 'at'], name='consent_dec_documen_5bb060_idx'),
        ),
        migrations.RunPython(tell_manifests, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name='document',
            trigger=pgtrigger.compiler.Trigger(name='documents_never_change', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."announced_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c87ecbc3b9de2a49a0f9669116542fbed07d2269', operation='UPDATE OR DELETE', pgid='pgtrigger_documents_never_change_5aa32', table='consent_document', when='BEFORE')),
        ),
    ]
