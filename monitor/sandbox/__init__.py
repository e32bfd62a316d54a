"""Local servers that speak the real protocols: for the demo, the drills, the tests, and to see a page arrive.

Nothing is imported here, so that the command line stays light: take `SlackServer` from `monitor.sandbox.slack`,
`PagerDutyServer` from `.pagerduty`, `PhoneServer` from `.phone`, `ModelServer` from `.models`, `Clinic` from `.clinic`,
`WebhookServer` from `.webhook`, `PingServer` from `.pings`, `HttpTarget` from `.http_target`, `Fault` from `.faults`.
Every server listens on loopback only, takes its port from the system, and is used as `async with Server() as server:`.
"""
