"""What a failure means for people: incidents, who is told, and how. Knows no probes; imports `probes.words` only."""
