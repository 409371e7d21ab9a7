"""What can be done with a member: reach them, take them in, let them go."""

from accounts.closing import NotYet
from accounts.services.alarming import (
    LEDGER_PATIENCE,
    alarm_late_closures,
    alarm_missed_retention,
    alarm_unwritten_erasures,
    unwritten_for,
)
from accounts.services.alerts import alert, alert_change
from accounts.services.avatar import avatar_of, remove_avatar, save_avatar, show_avatar_to
from accounts.services.closing import (
    PROMISE,
    REMIND_BEFORE,
    AlreadyClosing,
    ClosureNotRevocable,
    ContactsJustChanged,
    close_account,
    days_left,
    delete_now,
    withdraw_closure,
)
from accounts.services.colleagues import colleagues
from accounts.services.confirmation import CodeNotSent, code_is_right, contacts_of, send_confirmation_code
from accounts.services.devices import devices_of, drop_ended_sessions, end_device, note_device
from accounts.services.disclosing import IN_WORDS as DISCLOSED_IN_WORDS
from accounts.services.disclosing import (
    MAY_APPROVE,
    AlreadyApproved,
    OwnProposal,
    approve_disclosure,
    propose_disclosure,
)
from accounts.services.disclosing import says_who as discloses_who
from accounts.services.erasing import files_of
from accounts.services.exporting import (
    AlreadyExporting,
    TooManyExports,
    build_due_exports,
    request_export,
    retry_export,
)
from accounts.services.findings import MAY_DECIDE, AlreadyDecided, BeingSearched, NotADecision, decide_finding
from accounts.services.keys import may_remove_key
from accounts.services.ledger import LedgerBusy, LedgerDamaged
from accounts.services.ledger import rebuild as rebuild_ledger
from accounts.services.ledger import write as write_ledger
from accounts.services.linking import (
    WEIXIN,
    HasAnotherWeixin,
    LastWayIn,
    LinkedAlready,
    LinkedToAnother,
    hold_weixin,
    link_weixin,
    unlink_weixin,
    weixin_contact,
    weixin_of,
)
from accounts.services.locking import Effect, LinkIsSpent, alert_of, effect_of, lock
from accounts.services.looks import note_look
from accounts.services.messages import (
    capped_until,
    deliver_due_messages,
    drop_outdated_messages,
    notify,
    send_message,
)
from accounts.services.partners import Imported, NotImportable, forget_partner_record, import_records, read_table
from accounts.services.profile import NameNeedsConsent, hide_name, may_publish_name, profile_of, save_profile
from accounts.services.purge import SWEEPS_AT_ONCE, purge_due
from accounts.services.reapplying import NotErased, Reapplied
from accounts.services.reapplying import reapply as reapply_erasures
from accounts.services.receipts import read as read_receipt
from accounts.services.refusing import refusal_of
from accounts.services.registration import (
    JUST_JOINED,
    drop_unproven_claims,
    drop_unproven_members,
    ensure_member,
    hold_contact,
    register,
)
from accounts.services.rehearsal import Rehearsal, rehearse_purge
from accounts.services.restoring import Standing, is_closed, look_again, problems, standing
from accounts.services.retention import (
    LONGEST_WITHOUT,
    failed_kinds,
    keep_terms,
    kinds,
    time_without_success,
)
from accounts.services.sessions import sign_out_everywhere
from accounts.services.steering import AlreadyPaused, NotPaused, pause_purge, resume_purge, retry_closures
from accounts.services.termination import NotTerminable, excluded_until, may_not_join, terminate
from accounts.services.visits import Seen, note_visit, write_visits

__all__ = [
    "DISCLOSED_IN_WORDS",
    "JUST_JOINED",
    "LEDGER_PATIENCE",
    "LONGEST_WITHOUT",
    "MAY_APPROVE",
    "MAY_DECIDE",
    "PROMISE",
    "REMIND_BEFORE",
    "SWEEPS_AT_ONCE",
    "WEIXIN",
    "AlreadyApproved",
    "AlreadyClosing",
    "AlreadyDecided",
    "AlreadyExporting",
    "AlreadyPaused",
    "BeingSearched",
    "ClosureNotRevocable",
    "CodeNotSent",
    "ContactsJustChanged",
    "Effect",
    "HasAnotherWeixin",
    "Imported",
    "LastWayIn",
    "LedgerBusy",
    "LedgerDamaged",
    "LinkIsSpent",
    "LinkedAlready",
    "LinkedToAnother",
    "NameNeedsConsent",
    "NotADecision",
    "NotErased",
    "NotImportable",
    "NotPaused",
    "NotTerminable",
    "NotYet",
    "OwnProposal",
    "Reapplied",
    "Rehearsal",
    "Seen",
    "Standing",
    "TooManyExports",
    "alarm_late_closures",
    "alarm_missed_retention",
    "alarm_unwritten_erasures",
    "alert",
    "alert_change",
    "alert_of",
    "approve_disclosure",
    "avatar_of",
    "build_due_exports",
    "capped_until",
    "close_account",
    "code_is_right",
    "colleagues",
    "contacts_of",
    "days_left",
    "decide_finding",
    "delete_now",
    "deliver_due_messages",
    "devices_of",
    "discloses_who",
    "drop_ended_sessions",
    "drop_outdated_messages",
    "drop_unproven_claims",
    "drop_unproven_members",
    "effect_of",
    "end_device",
    "ensure_member",
    "excluded_until",
    "failed_kinds",
    "files_of",
    "forget_partner_record",
    "hide_name",
    "hold_contact",
    "hold_weixin",
    "import_records",
    "is_closed",
    "keep_terms",
    "kinds",
    "link_weixin",
    "lock",
    "look_again",
    "may_not_join",
    "may_publish_name",
    "may_remove_key",
    "member_of",
    "note_device",
    "note_look",
    "note_visit",
    "notify",
    "pause_purge",
    "problems",
    "profile_of",
    "propose_disclosure",
    "purge_due",
    "read_receipt",
    "read_table",
    "reapply_erasures",
    "rebuild_ledger",
    "refusal_of",
    "register",
    "rehearse_purge",
    "remove_avatar",
    "request_export",
    "resume_purge",
    "retry_closures",
    "retry_export",
    "save_avatar",
    "save_profile",
    "send_confirmation_code",
    "send_message",
    "show_avatar_to",
    "sign_out_everywhere",
    "standing",
    "terminate",
    "time_without_success",
    "unlink_weixin",
    "unwritten_for",
    "weixin_contact",
    "weixin_of",
    "withdraw_closure",
    "write_ledger",
    "write_visits",
]
