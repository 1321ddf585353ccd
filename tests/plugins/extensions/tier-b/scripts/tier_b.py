"""An extension that looks into sampling: every callback of a step, and pictures drawn within a picture."""

from copy import copy

from modules import script_callbacks, scripts
from modules.processing import process_images


class TierB(scripts.Script):
    """`calls`: what was called, in order; amount: how far σ is lowered; nested: draw each picture again"""

    def __init__(self):
        self.calls = []

    def title(self):
        return "Tier B"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        import gradio as gr

        amount = gr.Slider(label="Amount", minimum=0.0, maximum=0.5, value=0.0)
        nested = gr.Checkbox(label="Nested", value=False)
        return [amount, nested]

    def process(self, p, amount, nested):
        self.calls = []
        self.callbacks = []
        if amount:
            self.register(script_callbacks.on_cfg_denoiser, lambda params: self.lower(params, amount))
            self.register(script_callbacks.on_cfg_denoised, lambda params: self.calls.append("cfg_denoised"))
            self.register(script_callbacks.on_cfg_after_cfg, lambda params: self.calls.append("cfg_after_cfg"))

    def register(self, on, function):
        self.callbacks.append(function)
        on(function)

    def lower(self, params, amount):
        self.calls.append("cfg_denoiser")
        params.sigma[: params.sigma.shape[0] // 2] *= 1 - amount

    def postprocess_image(self, p, pp, amount, nested):
        self.calls.append("postprocess_image")
        if nested and not getattr(p, "tier_b_inner", False):
            again = copy(p)
            again.tier_b_inner, again.n_iter, again.batch_size = True, 1, 1
            again.do_not_save_samples = again.do_not_save_grid = True
            pp.image = process_images(again).images[0]

    def postprocess(self, p, processed, amount, nested):
        for each in self.callbacks:
            script_callbacks.remove_callbacks_for_function(each)
