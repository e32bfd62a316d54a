"""What commands and the API can ask for: one function each, plain JSON in and out, the same in the keeper and
without it."""

from monitor.services import away as away
from monitor.services import drills as drills
from monitor.services import escalation as escalation
from monitor.services import events as events
from monitor.services import flags as flags
from monitor.services import golden as golden
from monitor.services import hooks as hooks
from monitor.services import incidents as incidents
from monitor.services import jobs as jobs
from monitor.services import mutes as mutes
from monitor.services import oncall as oncall
from monitor.services import pressed as pressed
from monitor.services.acts import backup
from monitor.services.base import ACTS, SERVICES
from monitor.services.partners import expiries
from monitor.services.questions import status
from monitor.services.spending import spend

__all__ = ["ACTS", "SERVICES", "backup", "expiries", "spend", "status"]
