"""The answer to `/` for the second or two until the page is built."""

# by a script: to an address with a tab's name behind "#" a <meta http-equiv="refresh"> goes without asking the server
RELOADING = "<script>setTimeout(() => location.reload(), 1000)</script>"
STARTING = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
{RELOADING}<title>Easel is starting</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
  body {{ display: grid; place-content: center; min-height: 90vh; text-align: center }}
</style></head>
<body><p>Easel is starting …</p></body></html>
"""

BROKEN_PAGE = STARTING.replace(
    RELOADING, "",
).replace(
    "<title>Easel is starting</title>", "<title>Easel</title>",
).replace(
    "Easel is starting …",
    "The page could not be built; the server's log says why.<br>The API works: <a href=docs>its description</a>.",
)
