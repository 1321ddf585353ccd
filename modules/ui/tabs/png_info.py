"""PNG Info: drop a picture, see its generation data, send them on or edit them. The server reads the file."""

from __future__ import annotations

import gradio as gr

from modules.ui.words import Words


def build(words: Words) -> None:
    with gr.Row(elem_id="pnginfo_page"):
        gr.HTML(elem_id="pnginfo_image", padding=False)
        with gr.Column(elem_id="pnginfo_data"):
            gr.HTML(elem_id="pnginfo_generation_info", padding=False)
            with gr.Row(elem_id="pnginfo_sends"):
                for name in ("txt2img", "img2img", "inpaint", "extras"):
                    main = "primary" if name == "txt2img" else "secondary"
                    gr.Button(words(f"Send to {name}"), elem_id=f"{name}_tab", variant=main)
            gr.HTML(elem_id="pnginfo_editor", padding=False)
        gr.HTML(elem_id="pnginfo_many", padding=False)
