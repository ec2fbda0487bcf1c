"""Speed, beside the peers and the machine's limits, in one run."""
