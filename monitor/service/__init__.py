"""showup as a service of the machine: installed, upgraded, copied, and missed when it is gone."""
