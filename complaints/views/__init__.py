"""Asking, reading the answer, and the pictures in between."""

from complaints.views.cases import claimed_case, index, look_up, my_case, my_cases, new_case
from complaints.views.pictures import picture, remove_picture

__all__ = ["claimed_case", "index", "look_up", "my_case", "my_cases", "new_case", "picture", "remove_picture"]
