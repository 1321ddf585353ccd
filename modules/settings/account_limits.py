"""The limits of an account's requests and disk space, by its role and the current settings."""

from __future__ import annotations

from dataclasses import dataclass

from modules.base.errors import Invalid
from modules.settings.account_options import role_setting
from modules.settings.options import Settings

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The limits of one account; 0 is no limit.

    megapixels: of a picture, before anything is cut off; pictures: of a job; steps: of a pass
    inputs: bytes of uploaded pictures; storage: bytes of the outputs
    """

    megapixels: float = 0.0
    pictures: int = 0
    steps: int = 0
    inputs: int = 0
    storage: int = 0

    def check_size(self, width: int, height: int) -> None:
        """Raise Invalid for a picture of more megapixels than the account may have."""
        if self.megapixels and width * height > self.megapixels * 1e6:
            raise Invalid(
                f"A picture of {width}×{height} has {width * height / 1e6:.2f} megapixels; your account's may have "
                f"{self.megapixels:g}.", "Ask for a smaller one.", "width" if width >= height else "height",
            )

    def check_steps(self, steps: int) -> None:
        """Raise Invalid for more steps than the account may have."""
        if self.steps and steps > self.steps:
            raise Invalid(f"Your account may ask for {self.steps:,} steps, not {steps:,}.", "Ask for fewer.", "steps")

    def check_pictures(self, pictures: int) -> None:
        """Raise Invalid for more pictures than a job of the account may have."""
        if self.pictures and pictures > self.pictures:
            raise Invalid(
                f"A job of your account may make {self.pictures:,} pictures, not {pictures:,}.",
                "Ask for fewer at once.", "n_iter",
            )


def account_limits(s: Settings, role: str) -> AccountLimits:
    """Return the limits of a role.

    role: a name of `Role`, in any case; an unknown one has a guest's limits
    """
    if role.lower() == "administrator":
        return AccountLimits()
    sizes = (getattr(s, role_setting(f"limit_{{}}_{name}", role)) for name in ("megapixels", "pictures", "steps"))
    megabytes = (getattr(s, role_setting(f"quota_{{}}_{name}", role)) for name in ("inputs", "storage"))
    return AccountLimits(*sizes, *(size * MEGABYTE for size in megabytes))
