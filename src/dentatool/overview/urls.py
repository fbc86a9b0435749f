"""The start page's address."""

from django.urls import path

from dentatool.overview import views

urlpatterns = [path("", views.overview, name="overview")]
