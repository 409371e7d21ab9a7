"""What a search found after somebody was erased: a question to whoever answers for personal data, and the answer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Closure, ResidueFinding, User
from accounts.services import residue
from accounts.services.colleagues import colleagues
from accounts.services.messages import notify
from consent.lookups import Among

MAY_DECIDE = "accounts.decide_residuefinding"
# Whoever wrote it may have changed it meanwhile: then nobody has to decide any more.
LOOKED_AGAIN = timedelta(days=1)
log = structlog.get_logger(__name__)
State, Decision = Closure.State, ResidueFinding.Decision


class AlreadyDecided(Exception):
    """Somebody has decided about it, or it is gone."""


class BeingSearched(Exception):
    """A search is under way that may find it gone; decide afterwards."""


class NotADecision(ValueError):
    """What stays must stay for a reason, and the reason must not repeat what it is about."""


def decided_of(closure_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Tell of each closure how often its member may be spoken of in which place."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    kept = ResidueFinding.objects.decided_to_stay().filter(closure__pk__among=Among(closure_ids))
    for pk, place, count in kept.values_list("closure_id", "place", "count"):
        found[pk][place] = max(count, found[pk].get(place, 0))
    return found


@transaction.atomic
def ask(about: Iterable[tuple[Closure, Mapping[str, int]]], *, now: datetime) -> None:
    """Ask for decisions about these places, and let the closures wait for them; the officers hear of each once."""
    asked = list(about)
    new = [(closure, places) for closure, places in asked if _write_down(closure, places, now)]
    for closure, places in new:
        log.error("closure.asks", closure=closure.pk, places=residue.shown(places))
    if new:
        _tell_officers([closure for closure, _places in new], now=now)
    waiting = Closure.objects.filter(pk__among=Among([closure.pk for closure, _places in asked]))
    waiting.update(state=State.HELD, attempts=0, error="", next_attempt_at=now + LOOKED_AGAIN)


def _write_down(closure: Closure, places: Mapping[str, int], now: datetime) -> bool:
    """Keep the open questions as they are now; tell whether there are new ones."""
    open_ones = {finding.place: finding for finding in closure.findings.undecided()}
    for place in open_ones.keys() - places.keys():
        open_ones[place].settle(Decision.GONE, now=now)
    for place in open_ones.keys() & places.keys():
        closure.findings.undecided().filter(place=place).update(count=places[place])
    new = [
        ResidueFinding(closure=closure, place=place, count=places[place], found_at=now)
        for place in sorted(places.keys() - open_ones.keys())
    ]
    ResidueFinding.objects.bulk_create(new)
    return bool(new)


def _tell_officers(closures: list[Closure], *, now: datetime) -> None:
    where = settings.SITE_URL + reverse("admin:accounts_residuefinding_changelist")
    which = f"注销 {closures[0].number}" + (f" 等 {len(closures)} 件" if len(closures) > 1 else "")
    text = f"{which}的信息已经删除，但还有内容提到会员，在您决定之前不能出具收据：{where}"
    for officer in colleagues(who_may=MAY_DECIDE, or_superuser=False):
        notify(member=officer, subject="注销核查有待决定", text=text, now=now)


def close_questions(*, closure_ids: Iterable[int], now: datetime) -> None:
    """Answer what nobody has to decide any more: the scan found it no longer."""
    open_ones = ResidueFinding.objects.undecided().filter(closure__pk__among=Among(closure_ids))
    open_ones.update(decision=Decision.GONE, decided_at=now)


@transaction.atomic
def decide_finding(*, finding_id: int, decision: str, reason: str, by: User, now: datetime) -> ResidueFinding:
    """Answer one question; with the last one its closure goes on.

    :raises AlreadyDecided: so that a repeated click is harmless
    :raises BeingSearched: while its closure is proven, which may answer it; nobody waits for that
    :raises NotADecision: in words for whoever decides
    """
    closure = Closure.objects.claimed().filter(findings=finding_id).first()
    if closure is None:
        raise BeingSearched
    finding = closure.findings.select_for_update().get(pk=finding_id)
    if not finding.is_open:
        raise AlreadyDecided
    _refuse_what_says_too_much(finding, decision, reason)
    finding.settle(decision, reason=reason.strip(), by=by, now=now)
    if not finding.closure.findings.undecided().exists():
        held = Closure.objects.filter(pk=finding.closure_id, state=State.HELD)
        held.update(state=State.VERIFYING, next_attempt_at=now)
    log.info("finding.decided", finding=finding.pk, decision=decision, by=by.pk)
    return finding


def _refuse_what_says_too_much(finding: ResidueFinding, decision: str, reason: str) -> None:
    if decision not in {Decision.KEPT, Decision.LOOK_AGAIN}:
        raise NotADecision("请选择一种决定")
    if decision == Decision.KEPT and not reason.strip():
        raise NotADecision("依法保留要写明理由")
    traces = residue.Traces(residue.Identifiers.kept([(finding.closure_id, finding.closure.traces or {})]))
    if residue.says_who(traces, reason):
        raise NotADecision("理由会长期保存，不能写出会员的姓名、号码、邮箱或凭据")
