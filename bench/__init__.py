"""Measures of the whole engine on one machine, each beside its floor (design, section 6): ``python -m bench``."""
