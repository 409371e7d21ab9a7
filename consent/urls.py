from django.urls import path

from consent import views

app_name = "consent"
urlpatterns = [
    path("gate/", views.professional_gate, name="gate"),
    path("policy/<slug:kind>/", views.document, name="document"),
    path("policy/<slug:kind>/<str:version>/", views.document_version, name="document_version"),
]
