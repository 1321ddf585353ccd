"""A1111's `launch`: what extensions and their install.py ask of the environment."""

from __future__ import annotations

from typing import Any

from modules.surface.launch_utils import (
    check_run as check_run,
)
from modules.surface.launch_utils import (
    git_tag as git_tag,
)
from modules.surface.launch_utils import (
    is_installed as is_installed,
)
from modules.surface.launch_utils import (
    requirements_met as requirements_met,
)
from modules.surface.launch_utils import (
    run as run,
)
from modules.surface.launch_utils import (
    run_pip as run_pip,
)


def __getattr__(name: str) -> Any:
    from modules.surface import launch_utils

    return getattr(launch_utils, name)
