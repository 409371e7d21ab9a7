"""A local server that speaks Alipay's wire protocol with keys of its own: the cashier of the demo and of the tests.

It shares no code with the gateway it talks to, so that an error on one side is not repeated on the other.
"""

from courses.sandbox.server import Sandbox
from courses.sandbox.wire import Identity

__all__ = ["Identity", "Sandbox"]
