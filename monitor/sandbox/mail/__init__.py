"""A mail server that is read over IMAP, with TLS; mail is delivered to it by an HTTP request."""

from monitor.sandbox.mail.server import MailServer

__all__ = ["MailServer"]
