"""Where the real recordings are, and what happens when they are not."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def houfeng_data() -> Path:
    """The folder of real recordings: HOUFENG_DATA, or ../shared/data beside the checkout.

    Without it a test is skipped, saying so; in CI it fails.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HOUFENG_DATA", default))
    if folder.is_dir():
        return folder
    message = f"no recordings at {folder}: set HOUFENG_DATA to the folder of data sets"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
