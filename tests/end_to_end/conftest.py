"""One parent that forks the command line, for all tests that need real processes, and the runs that nothing stopped."""

from functools import cache

import pytest

from tests.end_to_end.forking import Forker
from tests.end_to_end.remains import EVERY_STEP
from tests.end_to_end.systems import SYSTEMS


@pytest.fixture(scope="session")
def forker():
    with Forker() as made:
        yield made


@pytest.fixture(scope="session")
def whole_run(forker, tmp_path_factory):
    """A function: the spec file of a system, which saves after every step, and the folder of its run."""

    @cache
    def run(system):
        folder = tmp_path_factory.mktemp(system)
        spec = folder / "spec.yaml"
        spec.write_text(SYSTEMS[system] + EVERY_STEP)
        status, said = forker.run("run", spec, "--out", folder / "whole")
        assert status == 0, said
        return spec, folder / "whole"

    return run
