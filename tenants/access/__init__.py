"""Reasons: why somebody may or may not do something, who may, what somebody may, what a grant would open."""
