"""What a restored backup must not undo: that somebody was erased, stayed after all, or was given their receipt."""

from datetime import datetime
from uuid import UUID

from django.db import models

from consent.fields import keyed_hash


def hash_of_subject(subject: UUID) -> str:
    """Hash a member's random number: who is there is known by it, and who has gone leads nowhere without the key."""
    return keyed_hash(subject.hex, purpose="accounts.erasure.subject").hex()


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def erased(self) -> "ErasureQuerySet":
        return self.filter(kind=Erasure.Kind.ERASED)

    def unwritten(self) -> "ErasureQuerySet":
        """Keep what the ledger does not have yet."""
        return self.filter(sequence=None)

    def waiting_since(self, moment: datetime) -> "ErasureQuerySet":
        """Keep what the ledger should have had by then."""
        return self.unwritten().filter(at__lt=moment)


class Erasure(models.Model):
    """One line of the ledger: a member was erased, withdrew their closure, or was given the receipt of their leaving.

    It points at nobody, but it is not about nobody. A hash under a key of the member's random number and, of who is
    erased, of their contacts: whoever has `LOOKUP_KEY` can tell whether somebody who stands before them is meant, and
    that is what it is for. The number leads to the closure, which names nobody once it is done.

    Written in the transaction of what it tells of; the clock copies it into the ledger outside the database. It goes
    when no backup is left that could undo it: retention has a term of its own for it, because no member owns it.
    """

    class Kind(models.TextChoices):
        ERASED = "erased", "已删除"
        WITHDRAWN = "withdrawn", "已撤回"
        RECEIPT = "receipt", "已出收据"

    kind = models.CharField("种类", max_length=10, choices=Kind.choices, default=Kind.ERASED, db_default=Kind.ERASED)
    sequence = models.PositiveBigIntegerField("账本里的序号", null=True, unique=True)
    subject = models.CharField("随机编号的带密钥散列", max_length=64, blank=True, default="")
    number = models.CharField("注销编号", max_length=20)
    contacts = models.JSONField("联系方式的带密钥散列", default=list)
    steps = models.JSONField("做过的步骤", default=list)
    at = models.DateTimeField("时间")
    alarmed_at = models.DateTimeField("报警时间", null=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "删除账本的记录"
        default_permissions = ()
        indexes = [models.Index(fields=["at"])]
        constraints = [models.UniqueConstraint(fields=["number", "kind"], name="one_line_of_a_kind_per_closure")]

    PersonalData = None

    def __str__(self) -> str:
        return f"删除账本的记录 #{self.pk}"
