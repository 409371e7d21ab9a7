from accounts.views import closing, exporting, weixin
from accounts.views.avatar import avatar, my_avatar, remove_avatar
from accounts.views.codes import complete_reset, confirm_email, confirm_login_code, confirm_reset, verify_phone
from accounts.views.devices import devices, end_device
from accounts.views.inbox import demo_inbox
from accounts.views.keys import remove_key
from accounts.views.looks import disclosures, looks
from accounts.views.me import me
from accounts.views.not_me import not_me
from accounts.views.partners import forget_partner_record, partners
from accounts.views.profile import doctor, profile
from accounts.views.proof import prove, send_proof_code
from accounts.views.receipts import receipt, receipt_json
from accounts.views.sign_in import inactive, reset_password, set_password, sign_in
from accounts.views.visits import visits

__all__ = [
    "avatar",
    "closing",
    "complete_reset",
    "confirm_email",
    "confirm_login_code",
    "confirm_reset",
    "demo_inbox",
    "devices",
    "disclosures",
    "doctor",
    "end_device",
    "exporting",
    "forget_partner_record",
    "inactive",
    "looks",
    "me",
    "my_avatar",
    "not_me",
    "partners",
    "profile",
    "prove",
    "receipt",
    "receipt_json",
    "remove_avatar",
    "remove_key",
    "reset_password",
    "send_proof_code",
    "set_password",
    "sign_in",
    "verify_phone",
    "visits",
    "weixin",
]
