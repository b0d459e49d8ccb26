"""One watched process for all hostile specs of a session."""

import pytest

from tests.hostile.texts import HARMLESS
from tests.hostile.watching import Watched


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    harmless = tmp_path_factory.mktemp("harmless") / "harmless.yaml"
    harmless.write_text(HARMLESS)
    process = Watched(harmless)
    yield process
    process.close()
