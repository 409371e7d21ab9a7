from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    # Before allauth's own at the same address: see sign_in.py, codes.py and devices.py in accounts/views.
    path("account/login/", views.sign_in, name="sign_in"),
    path("account/login/code/confirm/", views.confirm_login_code),
    path("account/confirm-email/", views.confirm_email),
    path("account/sessions/", views.devices),
    path("me/", views.me, name="me"),
    path("me/profile/", views.profile, name="profile"),
    path("me/visits/", views.visits, name="visits"),
    path("me/close/", views.closing.close, name="close"),
    path("me/close/code/", views.closing.send_code, name="send_closing_code"),
    path("me/closing/", views.closing.closing, name="closing"),
    path("me/closing/withdraw/", views.closing.withdraw_closure, name="withdraw_closure"),
    path("me/closing/delete/", views.closing.delete_now, name="delete_now"),
    path("goodbye/<slug:number>/", views.closing.closed, name="closed"),
    path("demo/inbox/", views.demo_inbox, name="demo_inbox"),
]
