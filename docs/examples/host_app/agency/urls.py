"""Where each page is. What writes does so on POST alone."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from agency.forms import LogInForm
from agency.views import assignments, clients, enrollments, home, reassignment

CLIENT = "clients/<str:personal_id>/"

urlpatterns = [
    path("login/", LoginView.as_view(authentication_form=LogInForm), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    # The Home workspace
    path("", home.dashboard, name="home"),
    path("active/", home.active, name="active"),
    path("inactive/", home.inactive, name="inactive"),
    path("inactive/<str:assignment_id>/", assignments.edit_mine, name="edit-mine"),
    path("inactive/<str:assignment_id>/reactivate/", home.reactivate, name="reactivate"),
    path("reassignment/", reassignment.choose, name="reassignment"),
    path("reassignment/<str:batch_id>/", reassignment.done, name="reassigned"),
    # The Client workspace
    path("clients/", clients.find, name="clients"),
    path(CLIENT, clients.record, name="client"),
    path(f"{CLIENT}case-managers/", clients.case_managers, name="case-managers"),
    path(f"{CLIENT}case-managers/add/", assignments.add, name="add-assignment"),
    path(f"{CLIENT}case-managers/<str:assignment_id>/", assignments.edit_client, name="edit-assignment"),
    path(f"{CLIENT}enroll/", enrollments.entry, name="entry"),
    path(f"{CLIENT}enroll/household/", enrollments.household, name="entry-household"),
    path(f"{CLIENT}enrollments/<str:enrollment_id>/", enrollments.edit, name="edit-enrollment"),
    path(f"{CLIENT}enrollments/<str:enrollment_id>/exit/", enrollments.leave, name="exit"),
]
