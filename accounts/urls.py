from django.urls import path

from accounts import views

app_name = "accounts"
# allauth looks these up by the names that it gives them, without ours in front.
weixin = [
    path("", views.weixin.connection, name="socialaccount_connections"),
    path("login/", views.weixin.start, name="weixin_login"),
    path("login/callback/", views.weixin.callback, name="weixin_callback"),
    path("signup/", views.weixin.join, name="socialaccount_signup"),
    path("cancelled/", views.weixin.cancelled, name="socialaccount_login_cancelled"),
    path("link/", views.weixin.link, name="weixin_link"),
    path("unlink/", views.weixin.unlink, name="weixin_unlink"),
]
urlpatterns = [
    # Before allauth's own at the same address: see sign_in.py, codes.py, devices.py and keys.py in accounts/views.
    path("account/login/", views.sign_in, name="sign_in"),
    path("account/login/code/confirm/", views.confirm_login_code),
    path("account/confirm-email/", views.confirm_email),
    path("account/phone/verify/", views.verify_phone),
    path("account/password/set/", views.set_password),
    path("account/password/reset/confirm/", views.confirm_reset, name="confirm_reset"),
    path("account/password/reset/complete/", views.complete_reset, name="complete_reset"),
    path("account/inactive/", views.inactive, name="inactive"),
    path("account/reauthenticate/code/", views.prove, name="prove"),
    path("account/password/reset/", views.reset_password, name="reset_password"),
    path("account/sessions/", views.devices),
    path("account/sessions/<int:pk>/end/", views.end_device, name="end_device"),
    path("n/<str:token>/", views.not_me, name="not_me"),
    path("account/2fa/webauthn/<int:pk>/remove/", views.remove_key),
    path("me/", views.me, name="me"),
    path("me/profile/", views.profile, name="profile"),
    path("me/profile/avatar/", views.my_avatar, name="my_avatar"),
    path("me/profile/avatar/remove/", views.remove_avatar, name="remove_avatar"),
    path("doctors/<slug:whose>/avatar/", views.avatar, name="avatar"),
    path("doctors/<slug:whose>/", views.doctor, name="doctor"),
    path("me/prove/<slug:act>/", views.send_proof_code, name="send_proof_code"),
    path("me/export/", views.exporting.export, name="export"),
    path("me/export/<uuid:token>/state/", views.exporting.export_state, name="export_state"),
    path("me/export/<uuid:token>/retry/", views.exporting.retry_export, name="retry_export"),
    path("me/export/<uuid:token>/download/", views.exporting.download_export, name="download_export"),
    path("me/partners/", views.partners, name="partners"),
    path("me/partners/<int:pk>/forget/", views.forget_partner_record, name="forget_partner_record"),
    path("me/looks/", views.looks, name="looks"),
    path("me/disclosures/", views.disclosures, name="disclosures"),
    path("me/visits/", views.visits, name="visits"),
    path("me/close/", views.closing.close, name="close"),
    path("me/closing/", views.closing.closing, name="closing"),
    path("me/closing/withdraw/", views.closing.withdraw_closure, name="withdraw_closure"),
    path("me/closing/delete/", views.closing.delete_now, name="delete_now"),
    path("receipts/<slug:number>/", views.receipt, name="receipt"),
    path("receipts/<slug:number>.json", views.receipt_json, name="receipt_json"),
    path("goodbye/<slug:number>/", views.closing.closed, name="closed"),
    path("demo/inbox/", views.demo_inbox, name="demo_inbox"),
]
