"""Whether a request is within what its account may ask for, as far as the request tells; the rest the worker looks at.

No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.imaging.folders import upright_size
from modules.params.batch import ExtrasBatch
from modules.params.extras import size_after
from modules.params.hires import hires_target
from modules.params.txt2img import Generation, Txt2Img
from modules.settings.account_limits import AccountLimits
from modules.store.migrations import pictures_of


def check_limits(limits: AccountLimits, request: Any, params: Mapping[str, Any], inputs: Path) -> None:
    """params: the request as it is going to be recorded; inputs: the folder of the pictures it starts from

    Raises Invalid naming the field.
    """
    limits.check_pictures(pictures_of(params))
    if isinstance(request, Generation):
        limits.check_size(params["width"], params["height"])
        limits.check_steps(params["steps"])
    if isinstance(request, Txt2Img) and request.enable_hr:
        limits.check_size(*hires_target(request).kept)
        limits.check_steps(request.hr_second_pass_steps)
    if isinstance(request, ExtrasBatch) and limits.megapixels and request.upscalers:
        for name in params.get("images", ()):
            limits.check_size(*size_after(request, upright_size(inputs / name)))
