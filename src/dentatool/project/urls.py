"""All addresses, German, slice by slice."""

from django.urls import include, path

urlpatterns = [
    path("", include("dentatool.overview.urls")),
    path("", include("dentatool.orders.urls")),
    path("", include("dentatool.billing.urls")),
    path("", include("dentatool.practices.urls")),
    path("", include("dentatool.catalogue.urls")),
    path("", include("dentatool.team.urls")),
    path("", include("dentatool.api.urls")),
    path("", include("dentatool.operations.urls")),
]

handler400 = "dentatool.kit.errors.bad_request"
handler403 = "dentatool.kit.errors.forbidden"
handler404 = "dentatool.kit.errors.not_found"
handler500 = "dentatool.kit.errors.server_error"
