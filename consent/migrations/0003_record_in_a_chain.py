
import consent.fields
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

TELL = """
    UPDATE consent_acceptance a SET kind = d.kind, sha256 = d.sha256,
        subject_id = coalesce(a.visitor, (SELECT u.subject FROM accounts_user u WHERE u.id = a.member_id))
    FROM consent_document d WHERE d.id = a.document_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0002_life_of_a_text'),
        ('accounts', '0002_members_consent'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='acceptance',
            options={'default_permissions': ('view',), 'verbose_name': '同意记录', 'verbose_name_plural': '同意记录'},
        ),
        migrations.AlterModelOptions(
            name='evidence',
            options={'default_permissions': (), 'verbose_name': '同意的佐证', 'verbose_name_plural': '同意的佐证'},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='acceptance',
            name='acceptances_are_never_edited',
        ),
        migrations.RemoveConstraint(
            model_name='acceptance',
            name='a_member_or_a_visitor_accepts_never_both',
        ),
        migrations.RemoveIndex(
            model_name='acceptance',
            name='consent_acc_member__1f8f34_idx',
        ),
        migrations.RemoveIndex(
            model_name='acceptance',
            name='consent_acc_visitor_edcdd0_idx',
        ),
        migrations.AddField(
            model_name='acceptance',
            name='kind',
            field=models.CharField(choices=[('agreement', '服务协议'), ('privacy', '隐私政策'), ('gate', '专业内容提示'), ('payment_account', '保存支付账号单独同意书'), ('location', '使用位置单独同意书'), ('camera', '使用相机单独同意书'), ('pictures', '使用相册图片单独同意书'), ('microphone', '使用麦克风单独同意书'), ('personalisation', '个性化推荐单独同意书'), ('name_publication', '公开姓名单独同意书')], null=True, max_length=20, verbose_name='种类'),
        ),
        migrations.AddField(
            model_name='acceptance',
            name='sha256',
            field=models.CharField(null=True, max_length=64, verbose_name='文本摘要'),
        ),
        migrations.AddField(
            model_name='acceptance',
            name='subject',
            field=consent.fields.SubjectKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='acceptances', to=settings.AUTH_USER_MODEL, to_field='subject', verbose_name='随机编号'),
        ),
        migrations.RunSQL(TELL, migrations.RunSQL.noop),
        migrations.RunSQL('SET CONSTRAINTS ALL IMMEDIATE', migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name='acceptance',
            name='member',
        ),
        migrations.RemoveField(
            model_name='acceptance',
            name='visitor',
        ),
        migrations.AlterField(
            model_name='acceptance',
            name='kind',
            field=models.CharField(choices=[('agreement', '服务协议'), ('privacy', '隐私政策'), ('gate', '专业内容提示'), ('payment_account', '保存支付账号单独同意书'), ('location', '使用位置单独同意书'), ('camera', '使用相机单独同意书'), ('pictures', '使用相册图片单独同意书'), ('microphone', '使用麦克风单独同意书'), ('personalisation', '个性化推荐单独同意书'), ('name_publication', '公开姓名单独同意书')], max_length=20, verbose_name='种类'),
        ),
        migrations.AlterField(
            model_name='acceptance',
            name='sha256',
            field=models.CharField(max_length=64, verbose_name='文本摘要'),
        ),
        migrations.AlterField(
            model_name='acceptance',
            name='subject',
            field=consent.fields.SubjectKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='acceptances', to=settings.AUTH_USER_MODEL, to_field='subject', verbose_name='随机编号'),
        ),
        migrations.AlterField(
            model_name='evidence',
            name='acceptance',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='evidence', to='consent.acceptance', verbose_name='同意记录'),
        ),
        migrations.AddIndex(
            model_name='acceptance',
            index=models.Index(fields=['subject', 'kind', 'at'], name='consent_acc_subject_f5c1b4_idx'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='acceptance',
            trigger=pgtrigger.compiler.Trigger(name='acceptances_are_only_added', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='981d01f1385f32d2d694c885cec4cb6d00e4e94c', operation='UPDATE OR DELETE', pgid='pgtrigger_acceptances_are_only_added_d0823', table='consent_acceptance', when='BEFORE')),
        ),
        migrations.CreateModel(
            name='Link',
            fields=[
                ('sequence', models.PositiveBigIntegerField(primary_key=True, serialize=False, verbose_name='序号')),
                ('previous', models.CharField(max_length=64, verbose_name='前一条的摘要')),
                ('digest', models.CharField(max_length=64, unique=True, verbose_name='摘要')),
            ],
            options={
                'verbose_name': '同意记录的链',
                'verbose_name_plural': '同意记录的链',
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='link',
            name='acceptance',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='link', to='consent.acceptance', verbose_name='同意记录'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='link',
            trigger=pgtrigger.compiler.Trigger(name='links_are_only_added', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='860d92412c5cf3e34aaf10e135a4b68f292ad7a9', operation='UPDATE OR DELETE', pgid='pgtrigger_links_are_only_added_6c3b1', table='consent_link', when='BEFORE')),
        ),
    ]
