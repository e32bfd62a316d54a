"""A local PagerDuty over TLS: events, incidents that escalate by the clock, the REST API, and a page for a person."""

from monitor.sandbox.pagerduty.account import Account, Incident, Woken
from monitor.sandbox.pagerduty.people import Policy, Rule, Schedule, Service, User
from monitor.sandbox.pagerduty.server import PagerDutyServer

__all__ = ["Account", "Incident", "PagerDutyServer", "Policy", "Rule", "Schedule", "Service", "User", "Woken"]
