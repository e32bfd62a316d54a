"""The uptime ledger, pure: spans, workflows, figures, SLOs and their explanation. No I/O, no clock, no config."""
