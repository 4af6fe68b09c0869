"""Where the project and the files of its tests lie."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
FIXTURES = TESTS / "fixtures"
GOLDEN = FIXTURES / "report" / "golden"
