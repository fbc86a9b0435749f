"""The database backend that settings name. Django looks for it in a module called `base`."""

from django.db.backends.postgresql import base, features


class DatabaseFeatures(features.DatabaseFeatures):
    """Django groups by the primary key alone where it may; ours is wider than it knows."""

    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with that one difference."""

    features_class = DatabaseFeatures
