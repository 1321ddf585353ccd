"""A1111's scripts as flows over those of txt2img and img2img.

`params.scripts` declares their names and arguments, `table` their functions.
"""
