from django.urls import path, register_converter

from consent import views


class VersionConverter:
    """Takes what a version is named with: a database cannot even be asked for some of what an address may hold."""

    regex = r"[\w.-]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(VersionConverter, "version")
app_name = "consent"
urlpatterns = [
    path("gate/", views.professional_gate, name="gate"),
    path("policy/<slug:kind>/", views.document, name="document"),
    path("policy/<slug:kind>/<version:version>/", views.document_version, name="document_version"),
]
