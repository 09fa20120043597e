"""What decides: deterministic, no I/O, on the standard library, temporalio and ``overround.domain`` alone."""
