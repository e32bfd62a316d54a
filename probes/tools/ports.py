"""Where protocols that speak TLS from the first byte are found."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PORTS: Mapping[str, int] = MappingProxyType(
    {"https": 443, "wss": 443, "imaps": 993, "smtps": 465, "pop3s": 995, "ldaps": 636, "amqps": 5671, "mqtts": 8883}
)
