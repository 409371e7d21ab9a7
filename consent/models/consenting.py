"""What a member's own row carries for this app, so that no request needs to ask for more."""

import uuid
from typing import Any

from django.contrib.postgres.functions import RandomUUID
from django.db import models


class Consenting(models.Model):
    """A person who agrees to texts. The member is made of this; everything here is written by our services alone."""

    subject = models.UUIDField(
        "同意记录的随机编号", default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False
    )
    texts_settled = models.CharField(
        "没有待答复文本的时点", max_length=16, default="", db_default="", editable=False,
        help_text="当时生效的各个版本的指纹；不同于现在的，就重新看一遍是否要问",
    )  # fmt: skip
    texts_settled_until = models.DateTimeField("到什么时候不再看", null=True, editable=False)
    open_permissions = models.JSONField("各设备允许的权限", default=dict, db_default={}, editable=False)

    OURS = frozenset({"subject", "texts_settled", "texts_settled_until", "open_permissions"})

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save all but our own fields: an older copy of a member must not undo what they decided since."""
        if not (self._state.adding or args or kwargs.get("force_insert")) and kwargs.get("update_fields") is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            kwargs["update_fields"] = names - self.OURS - self.get_deferred_fields()
        super().save(*args, **kwargs)
