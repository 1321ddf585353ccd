"""The pictures from which the sticker model is trained, drawn from emoji of three free sets.

`python -m tools.stickers FOLDER` fetches the sets from the npm registry, composes pictures of them and writes each with
its captions, as `webui.py train` reads them. One seed gives one folder to the byte. What needs installing: `npm`,
`pip install resvg-py==0.5.0`.
"""
