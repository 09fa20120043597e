# Thin names for ./dev, which does the work and explains itself with ./dev help.
.DEFAULT_GOAL := help
.PHONY: up test bench check replay status lint format lock env clean help

up test bench check replay status lint format lock env clean help:
	@FRESH="$(FRESH)" ./dev $@ $(ARGS)
