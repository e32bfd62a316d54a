"""What the keeper does at set times beside its probes: each chore looks, by itself, and is said once when it fails."""
