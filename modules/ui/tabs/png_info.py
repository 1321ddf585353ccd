"""PNG Info: drop a picture, see what made it. Read in the browser; the picture itself is not sent anywhere."""

from __future__ import annotations

import gradio as gr

from modules.ui.words import Words


def build(words: Words) -> None:
    with gr.Row(elem_id="pnginfo_page"):
        gr.HTML(elem_id="pnginfo_image", padding=False)
        with gr.Column(elem_id="pnginfo_data"):
            gr.HTML(elem_id="pnginfo_generation_info", padding=False)
            gr.Button(words("Send to txt2img"), elem_id="pnginfo_send_to_txt2img", variant="primary", visible="hidden")
