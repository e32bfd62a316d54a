"""A small dental clinic with an AI intake: what the demo watches, and what the drills break."""

from monitor.sandbox.clinic.calendar import Appointment, Calendar, Taken
from monitor.sandbox.clinic.language import Request, receptionist, understand
from monitor.sandbox.clinic.server import Clinic

__all__ = ["Appointment", "Calendar", "Clinic", "Request", "Taken", "receptionist", "understand"]
