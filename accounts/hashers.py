from django.contrib.auth.hashers import Argon2PasswordHasher


class PortalArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with OWASP's parameters: 19 MiB, two passes, one lane.

    Django's own (100 MiB, eight lanes) cost ten times the time and let a handful of sign-ins take a gigabyte.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
