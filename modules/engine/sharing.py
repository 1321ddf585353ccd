"""How training and pictures share the device: by seconds, since one step of training may take as long as many of a
picture's.

While pictures wait, each of their seconds earns training a part of a second; a step of training is begun once some is
earned, and its seconds are paid off before the next. Alone, training has all the time and earns nothing.
"""

from __future__ import annotations

MOST_EARNED = 2.0      # seconds; what a long call of pictures earned may not hold up the next person for longer


class DeviceShare:
    """The account of device time that training has earned."""

    def __init__(self) -> None:
        self.earned = 0.0

    def pictures_took(self, seconds: float, share: float) -> None:
        """Note a call of pictures while training waited; share: of all time, that is training's."""
        self.earned = min(MOST_EARNED, self.earned + seconds * share / (1 - share)) if share < 1 else MOST_EARNED

    def training_took(self, seconds: float, pictures_waited: bool) -> None:
        """Note a call of training."""
        self.earned = self.earned - seconds if pictures_waited else 0.0

    @property
    def is_due(self) -> bool:
        """True if training goes before the pictures that wait."""
        return self.earned > 0
