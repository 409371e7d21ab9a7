"""Flat templates that answer with exactly as many bytes as the page they are measured against."""

import http.client
import itertools
import os
from pathlib import Path

from bench.server import Request, Server

ROWS = (
    "<ul>{% for row in rows %}<li><a href='{{ row.pk }}'>{{ row.title }}</a> {{ row.price_fen }}</li>{% endfor %}</ul>"
)
_number = itertools.count()


def floor_of(server: Server, page: Request, *, cookie: str) -> Request:
    """Return a request of the floor whose answer is as long as the page's."""
    wanted = len(_ask(server, page))
    bare = len(_ask(server, _floor("", cookie=cookie)))
    return _floor("x" * max(0, wanted - bare), cookie=cookie)


def _floor(filler: str, *, cookie: str) -> Request:
    name = f"floor-{next(_number)}"
    Path(os.environ["BENCH_TEMPLATES"], f"{name}.html").write_text(ROWS + filler)
    return Request(f"/bench/floor/{name}/", cookie=cookie)


def _ask(server: Server, request: Request) -> bytes:
    return request(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30))
