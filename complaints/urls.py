from django.urls import path

from complaints import views

app_name = "complaints"
urlpatterns = [
    path("complaints/", views.index, name="index"),
    path("complaints/look-up/", views.look_up, name="look_up"),
    path("complaints/new/<slug:kind>/", views.new_case, name="new"),
    path("complaints/<str:code>/", views.claimed_case, name="claimed_case"),
    path("me/complaints/", views.my_cases, name="my_cases"),
    path("me/complaints/<slug:number>/", views.my_case, name="my_case"),
    path("me/complaints/<slug:number>/pictures/<int:pk>/", views.picture, name="picture"),
    path("me/complaints/<slug:number>/pictures/<int:pk>/delete/", views.remove_picture, name="remove_picture"),
]
