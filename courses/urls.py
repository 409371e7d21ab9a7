from django.urls import path

from courses.views import catalogue, media

app_name = "courses"
LESSON = "courses/<slug:slug>/lessons/<int:number>/"
urlpatterns = [
    path("courses/", catalogue.catalogue, name="catalogue"),
    path("courses/<slug:slug>/", catalogue.course, name="course"),
    path("courses/<slug:slug>/cover/<str:version>/", media.cover, name="cover"),
    path(LESSON, catalogue.lesson, name="lesson"),
    path(LESSON + "files/<slug:name>/", media.media, name="media"),
    path(LESSON + "files/<slug:name>/poster/", media.media, {"part": "poster"}, name="media_poster"),
    path(LESSON + "files/<slug:name>/captions/", media.media, {"part": "captions"}, name="media_captions"),
    path(LESSON + "files/<slug:name>/blurred/", media.media, {"part": "blurred"}, name="media_blurred"),
    path("me/courses/", catalogue.my_courses, name="my_courses"),
]
