"""A partner's calendar API that drifts, ends, runs out of keys and of patience, each at a switch."""

from monitor.sandbox.partner.server import PartnerServer

__all__ = ["PartnerServer"]
