"""Sign-up, sign-in, reset and profile: django-allauth's pages under our templates."""

from django.urls import include, path

from accounts import views

urlpatterns = [
    path("profile", views.profile, name="profile"),
    path("profile/mail", views.choose_mail, name="choose_mail"),
    path("profile/export", views.export_data, name="export_data"),
    path("profile/close", views.close_account, name="close_account"),
    path("sessions/<int:session_id>/end", views.end_session, name="end_session"),
    path("sessions/", views.sessions_page, name="usersessions_list"),  # before allauth's, whose POST it takes as well
    path("with/<slug:provider_id>", views.sign_in_with, name="sign_in_with"),
    path("link/<int:user_id>/<str:token>", views.sign_in_link, name="sign_in_link"),
    path("", include("allauth.urls")),
]
