"""What workflows may do to the world: one module per workflow. Every activity is safe to run again after a crash."""
