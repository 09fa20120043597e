"""The objects of the operator's endpoints."""
