from django.urls import path, register_converter

from consent.views import asking, comparing, consents, documents, gate, holdings, permissions


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
    path("gate/", gate.professional_gate, name="gate"),
    path("policy/accept/", asking.accept, name="accept"),
    path("policy/accept/later/", asking.put_off, name="put_off"),
    path("policy/accept/refuse/", asking.refuse, name="refuse"),
    path("policy/announced/seen/", asking.announcements_seen, name="announcements_seen"),
    path("policy/inventory/", holdings.holdings, name="inventory"),
    path("policy/<slug:kind>/diff/", comparing.choose_diff, name="choose_diff"),
    path("policy/<slug:kind>/diff/<version:older>/<version:newer>/", comparing.document_diff, name="document_diff"),
    path("policy/<slug:kind>/", documents.document, name="document"),
    path("policy/<slug:kind>/<version:version>/", documents.document_version, name="document_version"),
    path("me/consents/", consents.consents, name="consents"),
    path("me/consents/<slug:kind>/withdraw/", consents.withdraw, name="withdraw"),
    path("me/permissions/", permissions.permissions, name="permissions"),
    path("me/permissions/mark/", permissions.permissions_mark, name="permissions_mark"),
    path("me/permissions/<slug:kind>/allow/", permissions.allow, name="allow"),
    path("me/permissions/<slug:kind>/decline/", permissions.decline, name="decline"),
    path("me/permissions/<slug:kind>/take-back/", permissions.take_back, name="take_back"),
    path("me/permissions/<slug:kind>/browser/", permissions.browser_said, name="browser_said"),
]
