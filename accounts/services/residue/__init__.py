"""Looking for a member's identifiers in everything that is stored: the database, files, Redis.

What is sealed is opened for it: what one member writes about another in a complaint is ciphertext to everybody else.
"""

import redis

from accounts.services.residue import caches, database, files
from accounts.services.residue.identifiers import Identifiers
from accounts.services.residue.scan import Places, Scan, Unsearchable, shown
from accounts.services.residue.traces import Traces


def search(traces: Traces, *, rows_only: bool = False) -> Scan:
    """Search everything once for all of these members.

    A name is no trace where people speak of themselves or of others: it cannot be told whether it is theirs or a
    namesake's, and whoever is called 王伟 has a right to go. It is one in what we keep of nobody in particular.
    A value of our own cache is thrown away where it is found, and is no finding then.

    :raises redis.RedisError: when Redis does not answer
    :raises Unsearchable: when it fails for any other reason, such as a file that cannot be read
    """
    scan = Scan()
    try:
        database.search(traces, scan)
        if not rows_only:
            files.search(traces, scan)
            caches.search(traces, scan)
    except redis.RedisError:
        raise
    except Exception as error:
        raise Unsearchable(type(error).__name__) from error
    return scan


def says_who(traces: Traces, text: str) -> bool:
    """Tell whether a text that stays for years has one of them in it, or their name."""
    return traces.are_in(text) or any(traces.names_among([text]))


__all__ = [
    "Identifiers",
    "Places",
    "Scan",
    "Traces",
    "Unsearchable",
    "says_who",
    "search",
    "shown",
]
