from django.urls import path

from bench import views
from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as portal

__all__ = ["handler400", "handler403", "handler404", "handler500"]

urlpatterns = [
    path("bench/floor/<slug:template>/", views.floor),
    path("bench/hash/", views.one_hash),
    path("bench/no-hash/", views.no_hash),
    *portal,
]
