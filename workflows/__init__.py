"""What decides: deterministic, no I/O, importable with the standard library, temporalio and ``overround.domain`` alone."""
