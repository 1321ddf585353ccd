"""What a Python program imports: `from easel import Easel`. See docs/python.md."""

from modules.commands.easel import Easel, Generated

__all__ = ["Easel", "Generated"]
