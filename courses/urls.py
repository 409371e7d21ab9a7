from django.urls import path

from courses.views import buying, catalogue, media, notices, orders, payment_accounts

app_name = "courses"
LESSON = "courses/<slug:slug>/lessons/<int:number>/"
ORDER = "orders/<slug:number>/"
ACCOUNTS = "me/payment-accounts/"
urlpatterns = [
    path("courses/", catalogue.catalogue, name="catalogue"),
    path("courses/<slug:slug>/", catalogue.course, name="course"),
    path("courses/<slug:slug>/cover/<str:version>/", media.cover, name="cover"),
    path("courses/<slug:slug>/buy/", buying.buy, name="buy"),
    path(LESSON, catalogue.lesson, name="lesson"),
    path(LESSON + "files/<slug:name>/", media.media, name="media"),
    path(LESSON + "files/<slug:name>/poster/", media.media, {"part": "poster"}, name="media_poster"),
    path(LESSON + "files/<slug:name>/captions/", media.media, {"part": "captions"}, name="media_captions"),
    path(LESSON + "files/<slug:name>/blurred/", media.media, {"part": "blurred"}, name="media_blurred"),
    path("me/courses/", catalogue.my_courses, name="my_courses"),
    path("me/orders/", orders.my_orders, name="orders"),
    path("me/orders/refund/", orders.give_back_all, name="give_back_all"),
    path(ORDER, orders.order, name="order"),
    path(ORDER + "state/", orders.order_state, name="order_state"),
    path(ORDER + "pay/", buying.pay, name="pay"),
    path(ORDER + "returned/", buying.returned, name="returned"),
    path(ORDER + "cancel/", orders.cancel_order, name="cancel_order"),
    path(ORDER + "refund/", orders.give_back, name="give_back"),
    path(ACCOUNTS, payment_accounts.payment_accounts, name="payment_accounts"),
    path(ACCOUNTS + "<int:pk>/forget/", payment_accounts.forget, name="forget_account"),
    path(ACCOUNTS + "<int:pk>/signed/", payment_accounts.signed, name="signed"),
    path(ACCOUNTS + "<int:pk>/state/", payment_accounts.signing_state, name="signing_state"),
    path("payments/notify/<slug:channel>/", notices.notify, name="notify"),
]
