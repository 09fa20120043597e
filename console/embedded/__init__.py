"""The parts that run on this machine when no real server is configured, and the supervisor that keeps them running."""
