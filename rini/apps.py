from django.apps import AppConfig


class RiniConfig(AppConfig):
    name = "rini"
