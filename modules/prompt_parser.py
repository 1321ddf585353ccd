"""A1111's `modules.prompt_parser`, under its own name for whoever imports it from outside."""

from __future__ import annotations

from modules.surface.prompt_parser import (
    get_learned_conditioning_prompt_schedules as get_learned_conditioning_prompt_schedules,
)
from modules.surface.prompt_parser import (
    get_multicond_prompt_list as get_multicond_prompt_list,
)
from modules.surface.prompt_parser import (
    parse_prompt_attention as parse_prompt_attention,
)
