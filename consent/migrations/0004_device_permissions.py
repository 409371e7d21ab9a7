
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0003_record_in_a_chain'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Permission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device', models.UUIDField(help_text='只在那个浏览器的 Cookie 里的一个随机号', verbose_name='设备')),
                ('browser', models.CharField(max_length=300, verbose_name='浏览器')),
                ('kind', models.CharField(choices=[('location', '位置'), ('camera', '相机'), ('pictures', '相册'), ('microphone', '麦克风')], max_length=10, verbose_name='权限')),
                ('state', models.CharField(choices=[('open', '已允许'), ('taken_back', '已收回'), ('refused', '已拒绝')], max_length=10, verbose_name='状态')),
                ('changed_at', models.DateTimeField(verbose_name='决定时间')),
            ],
            options={
                'verbose_name': '权限',
                'verbose_name_plural': '权限',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Recall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('location', '位置'), ('camera', '相机'), ('pictures', '相册'), ('microphone', '麦克风')], max_length=10, verbose_name='权限')),
                ('asked_at', models.DateTimeField(verbose_name='收回时间')),
                ('due_at', models.DateTimeField(verbose_name='最晚删除时间')),
                ('done_at', models.DateTimeField(null=True, verbose_name='删除时间')),
                ('rows', models.PositiveIntegerField(default=0, verbose_name='删除的条数')),
            ],
            options={
                'verbose_name': '收回权限后的删除',
                'verbose_name_plural': '收回权限后的删除',
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='permission',
            name='member',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='permissions', to=settings.AUTH_USER_MODEL, verbose_name='会员'),
        ),
        migrations.AddField(
            model_name='recall',
            name='member',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recalls', to=settings.AUTH_USER_MODEL, verbose_name='会员'),
        ),
        migrations.AddConstraint(
            model_name='permission',
            constraint=models.UniqueConstraint(fields=('member', 'device', 'kind'), name='one_decision_per_device_and_permission'),
        ),
        migrations.AddIndex(
            model_name='recall',
            index=models.Index(condition=models.Q(('done_at', None)), fields=['asked_at'], name='recalls_to_be_done'),
        ),
        migrations.AddConstraint(
            model_name='recall',
            constraint=models.UniqueConstraint(condition=models.Q(('done_at', None)), fields=('member', 'kind'), name='one_recall_at_a_time'),
        ),
    ]
