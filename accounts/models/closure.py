"""A member's leaving, from the request to the proof that nothing is left."""

import secrets
from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from consent import inventory
from consent.fields import SealedJSONField
from consent.inventory import after
from consent.wording import one_of, pairs

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is misread over the telephone
FILES, NAME_OF_FILES = "files", "上传和导出的文件"  # counted beside the kinds of rows

ENDED = ("done", "withdrawn")
UNDER_WAY = ("running", "verifying", "blocked")
WITH_A_STEP = (*UNDER_WAY, "held")
MOVES = [
    ("requested", "cooling"),
    ("requested", "withdrawn"),
    ("cooling", "running"),
    ("cooling", "withdrawn"),
    ("running", "verifying"),
    ("running", "blocked"),
    ("verifying", "done"),
    ("verifying", "blocked"),
    ("verifying", "held"),
    ("held", "verifying"),
    ("blocked", "running"),
    ("blocked", "verifying"),
]


def new_number() -> str:
    """Make a number that nobody guesses: whoever has it may read the page about this closure."""
    groups = ["".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3)]
    return "-".join(["ZX", *groups])


def name_of_kind(label: str) -> str:
    """Name a kind of row as the inventory does."""
    names = {entry.label: entry.name for entry in inventory.entries()}
    return names.get(label, {FILES: NAME_OF_FILES}.get(label, label))


class ClosureQuerySet(models.QuerySet["Closure"]):
    def live(self) -> "ClosureQuerySet":
        """Keep those that are neither carried out nor taken back."""
        return self.exclude(state__in=ENDED)

    def cooling(self) -> "ClosureQuerySet":
        return self.filter(state=Closure.State.COOLING)

    def held(self) -> "ClosureQuerySet":
        return self.filter(state=Closure.State.HELD)

    def at(self, step: str) -> "ClosureQuerySet":
        """Keep those whose purge has come to this step, the failed ones included."""
        return self.filter(state__in=UNDER_WAY, step=step)

    def due(self, now: datetime) -> "ClosureQuerySet":
        return self.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def claimed(self) -> "ClosureQuerySet":
        """Lock these rows; those that another worker holds are passed over."""
        return self.select_for_update(skip_locked=True, of=("self",))

    def claimed_with_members(self) -> "ClosureQuerySet":
        """Lock these rows and their members'; where somebody holds either, both are passed over.

        Whoever changes their mind locks the member first: nobody may wait for a member while holding their closure. And
        rows that somebody adds for a member at this very moment wait, and then find nobody to belong to.
        """
        return self.filter(member__subject__isnull=False).select_for_update(skip_locked=True)


class Closure(models.Model):
    """One member leaving: asked for, cooling off, being purged, done; afterwards the proof, which names nobody."""

    class State(models.TextChoices):
        REQUESTED = "requested", "已申请"
        COOLING = "cooling", "可以撤回"
        RUNNING = "running", "正在删除"
        VERIFYING = "verifying", "正在核查"
        DONE = "done", "已完成"
        HELD = "held", "等待决定"
        BLOCKED = "blocked", "受阻，将重试"
        WITHDRAWN = "withdrawn", "已撤回"

    class Step(models.TextChoices):
        """What the purge does, in this order; a killed worker's successor goes on from the one written here."""

        SESSIONS = "sessions", "退出登录"
        RELEASE = "release", "解除支付绑定"
        FILES = "files", "删除文件"
        CACHES = "caches", "清除缓存"
        ROWS = "rows", "删除记录"
        PROOF = "proof", "核查并出具收据"

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="closures", verbose_name="会员"
    )
    number = models.CharField("注销编号", max_length=20, unique=True, default=new_number, editable=False)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.COOLING)
    step = models.CharField("步骤", max_length=10, choices=Step.choices, blank=True, default="")
    requested_at = models.DateTimeField("申请时间")
    due_at = models.DateTimeField("开始删除的时间")
    next_attempt_at = models.DateTimeField("下次处理时间")
    attempts = models.PositiveSmallIntegerField("本步骤失败次数", default=0)
    alarmed_at = models.DateTimeField("报警时间", null=True)
    error = models.CharField("失败原因", max_length=200, blank=True, default="", help_text="只有错误种类，没有个人信息")
    tally = models.JSONField("各类记录条数", default=dict)
    held_until = models.JSONField(
        "各类保留到哪个月", default=dict, db_default={}, help_text="去名保留的记录里最晚一条的期限"
    )
    erased_at = models.DateTimeField("删除时间", null=True)
    ended_at = models.DateTimeField("结束时间", null=True)
    is_final = models.BooleanField("不能撤回", default=False, help_text="因违规终止的没有反悔期")
    receipt = models.TextField("收据", blank=True, default="", help_text="签名的原文，一字不改")
    signature = models.CharField("收据的签名", max_length=88, blank=True, default="")
    signed_with = models.CharField("签名用的密钥", max_length=20, blank=True, default="")
    # What the earlier steps delete and the last one must still look for; it goes with the receipt.
    traces = SealedJSONField("核查时要找的标识", null=True)

    objects = ClosureQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "注销"
        permissions = [("retry_closure", "可以让受阻的注销再试一次")]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(state__in=["cooling", *UNDER_WAY]),
                name="closures_by_next_attempt",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=~Q(state__in=ENDED), name="one_live_closure_per_member"
            ),
            models.CheckConstraint(
                condition=Q(member__isnull=False) | Q(state__in=ENDED) | Q(step="proof", erased_at__isnull=False),
                name="a_closure_has_its_member_until_all_is_erased",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(member=None, traces=None), name="a_closure_that_is_done_names_nobody"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, ended_at__isnull=False) | (~Q(state__in=ENDED) & Q(ended_at=None)),
                name="ended_closures_and_only_they_have_ended_at",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=WITH_A_STEP) & ~Q(step="")) | (~Q(state__in=WITH_A_STEP) & Q(step="")),
                name="closures_under_way_and_only_they_have_a_step",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="closures_move_as_allowed",
                field="state",
                transitions=MOVES,
                # Calling it takes as long as writing the row.
                condition=pgtrigger.Condition("OLD.state IS DISTINCT FROM NEW.state"),
            ),
            pgtrigger.Protect(
                name="receipts_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.receipt <> '' AND (OLD.receipt, OLD.signature, OLD.signed_with)"
                    " IS DISTINCT FROM (NEW.receipt, NEW.signature, NEW.signed_with)"
                ),
            ),
        ]

    class PersonalData:
        clause = "五2"
        purpose = "证明您的注销已经办完"
        owner = "member"
        on_close = {"member": None, "traces": None}
        withheld = {"traces"}
        kept = {
            "number",
            "state",
            "step",
            "requested_at",
            "due_at",
            "next_attempt_at",
            "attempts",
            "alarmed_at",
            "error",
            "tally",
            "held_until",
            "erased_at",
            "ended_at",
            "is_final",
            "receipt",
            "signature",
            "signed_with",
        }
        until = after("ended_at", years=3, named_too=True)
        because = "个人信息保护法 第六十九条：由我们证明已经删除"
        title = "注销编号与办理时间"
        in_words = {
            "error": one_of({}, "错误种类 {}"),
            "tally": pairs(name_of_kind),
            "held_until": pairs(name_of_kind),
        }

    def __str__(self) -> str:
        return f"注销 #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("accounts:closed", args=[self.number])

    @property
    def is_revocable(self) -> bool:
        return self.state in {self.State.REQUESTED, self.State.COOLING} and not self.is_final
