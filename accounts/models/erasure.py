"""That somebody was erased: enough to erase them again after a backup was restored, and too little to know them."""

from django.db import models


class Erasure(models.Model):
    """One erased member: a random number that leads to no row any more, and hashes of their contacts under a key.

    Written in the transaction of the erasure; the clock copies it into the ledger outside the database.
    """

    sequence = models.PositiveBigIntegerField("账本里的序号", null=True, unique=True)
    subject = models.UUIDField("随机编号", unique=True)
    number = models.CharField("注销编号", max_length=20)
    contacts = models.JSONField("联系方式的带密钥散列", default=list)
    steps = models.JSONField("做过的步骤", default=list)
    at = models.DateTimeField("删除时间")

    class Meta:
        verbose_name = verbose_name_plural = "已删除的账号"
        default_permissions = ()
        indexes = [models.Index(fields=["at"])]

    PersonalData = None

    def __str__(self) -> str:
        return f"已删除的账号 #{self.pk}"
