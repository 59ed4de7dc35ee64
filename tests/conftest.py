"""What all tests share: the seed of what is made at random, told at the start."""

import os
import secrets


def pytest_configure() -> None:
    """One seed for all workers; given from outside, a run is repeated."""
    os.environ.setdefault("FUZZ_SEED", secrets.token_hex(8))


def pytest_report_header() -> str:
    """Printed before the first test."""
    return f"FUZZ_SEED={os.environ['FUZZ_SEED']}"
