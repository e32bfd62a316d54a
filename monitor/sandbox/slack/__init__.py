"""A local Slack: Web API, Socket Mode, and a page where a person can read the channel and click."""

from monitor.sandbox.slack.clicks import CannotPress
from monitor.sandbox.slack.server import SlackServer
from monitor.sandbox.slack.sockets import Press
from monitor.sandbox.slack.workspace import SCOPES, Channel, Member, Message, Refusal

__all__ = ["SCOPES", "CannotPress", "Channel", "Member", "Message", "Press", "Refusal", "SlackServer"]
