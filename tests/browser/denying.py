"""An authorizer for tests that says no to what a file names, as long as it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_server.auth import AllowAllAuthorizer

DENIED = "TESTS_DENIED"


class Denying(AllowAllAuthorizer):
    """Refuses the actions on our resource that stand in the file."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Whether this may be done now."""
        return resource != "inngest" or action not in Path(os.environ[DENIED]).read_text().split()
