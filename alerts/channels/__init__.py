"""One folder a provider: spec (light), send, listen, doctor. `alerts.channel_table` names them all."""
