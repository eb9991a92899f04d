import os
import subprocess
import sys
from pathlib import Path

import pytest

BODY = "import pytest\n\n\ndef test_fine():\n    pass\n\n\n@pytest.mark.skip\ndef test_later():\n    pass\n"


@pytest.mark.parametrize(("strict", "code"), [("0", 0), ("1", 1)])
def test_a_skipped_test_fails_the_gate_only(tmp_path: Path, strict: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(BODY)
    env = os.environ | {"FLOWTOWER_TEST_STRICT": strict, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "shared.testing.strict", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert ("skipped tests fail the gate" in done.stdout) == (code == 1)
