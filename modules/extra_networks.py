"""A1111's `modules.extra_networks`, under its own name for whoever imports it from outside."""

from __future__ import annotations

from modules.surface.extra_networks import (
    ExtraNetworkParams as ExtraNetworkParams,
)
from modules.surface.extra_networks import (
    parse_prompt as parse_prompt,
)
from modules.surface.extra_networks import (
    parse_prompts as parse_prompts,
)
