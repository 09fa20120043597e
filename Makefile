# Thin names for ./dev, which does the work and explains itself with ./dev help.
.DEFAULT_GOAL := help
.PHONY: up test bench check replay status lint format lock env clean help

export FRESH

# exec: a signal sent to make reaches the command itself, not a shell between them.
up test bench check replay status lint format lock env clean help:
	@exec ./dev $@ $(ARGS)
