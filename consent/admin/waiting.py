"""What the front page of the admin says of texts and of permissions taken back."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from consent.models import Document, Recall
from consent.waiting import Waiting


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count the drafts that wait for a second pair of eyes, and the duties that the clock could not carry out."""
    heaps = []
    if request.user.has_perm("consent.announce_document"):
        drafts = reverse("admin:consent_document_changelist")
        count = Document.objects.to_be_confirmed(by=request.user).count()
        heaps.append(Waiting("份草稿等您复核", count, f"{drafts}?state=draft"))
    if request.user.has_perm("consent.view_recall"):
        duties = reverse("admin:consent_recall_changelist")
        count = Recall.objects.late(timezone.now()).count()
        heaps.append(Waiting("项收回权限后的删除已经超期", count, f"{duties}?done_at__isempty=1", is_urgent=True))
    return heaps
