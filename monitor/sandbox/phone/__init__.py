"""A local phone: what ntfy and Pushover would make it ring with, and a lock screen to look at."""

from monitor.sandbox.phone.buttons import CannotPress, Pressed
from monitor.sandbox.phone.ntfy import Message, NtfyRefused
from monitor.sandbox.phone.pushover import Pushover, Receipt
from monitor.sandbox.phone.server import PhoneServer

__all__ = ["CannotPress", "Message", "NtfyRefused", "PhoneServer", "Pressed", "Pushover", "Receipt"]
