"""A back office that reads invoices: what the examples of document automation watch, and what breaks in them."""

from monitor.sandbox.invoices.server import Invoices

__all__ = ["Invoices"]
