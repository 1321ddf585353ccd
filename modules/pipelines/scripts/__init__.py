"""A1111's scripts as flows over txt2img's and img2img's: `params.scripts` tells their names and arguments,
`table` how each is done.
"""
