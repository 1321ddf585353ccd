"""An extension as A1111's authors write them: prompts, a selectable script, a tab, settings, a route."""

import gradio as gr

from modules import infotext_utils, script_callbacks, scripts, shared
from modules.shared import opts

NAME = "Tier A"


class TierA(scripts.Script):
    def title(self):
        return NAME

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with gr.Accordion(NAME, open=False):
            enabled = gr.Checkbox(label="Enabled", value=False, elem_id=self.elem_id("enabled"))
            words = gr.Textbox(label="Words", value="in the rain")
            where = gr.Dropdown(label="Where", choices=["before", "after"], value="after", type="index")
        self.infotext_fields = [(enabled, lambda d: "Tier A" in d), (words, "Tier A")]
        self.paste_field_names = ["Tier A"]
        return [enabled, words, where]

    def process(self, p, enabled, words, where):
        if enabled:
            p.all_prompts = [f"{prompt}, {words}" if where else f"{words}, {prompt}" for prompt in p.all_prompts]
            p.extra_generation_params["Tier A"] = words

    def postprocess(self, p, processed, *args):
        self.last = len(processed.images)


class Chosen(scripts.Script):
    def title(self):
        return "Tier A, chosen"

    def show(self, is_img2img):
        return is_img2img

    def ui(self, is_img2img):
        return [gr.Slider(label="Times", minimum=1, maximum=4, step=1, value=2)]

    def run(self, p, times):
        from modules.processing import process_images

        p.n_iter = int(times)
        return process_images(p)


def on_ui_settings():
    section = ("tier_a", NAME)
    shared.opts.add_option("tier_a_loud", shared.OptionInfo(False, "Loud", section=section))
    shared.opts.add_option(
        "tier_a_times", shared.OptionInfo(3, "Times", gr.Slider, {"minimum": 1, "maximum": 9, "step": 1}, section=section)
    )


def on_ui_tabs():
    with gr.Blocks(analytics_enabled=False) as tab:
        said = gr.Textbox(label="Said", elem_id="tier_a_said")
        button = gr.Button("Say", elem_id="tier_a_say")
        button.click(fn=lambda: "loud" if opts.tier_a_loud else "quiet", inputs=[], outputs=[said])
        data = gr.Textbox(label="Data", elem_id="tier_a_data")
        infotext_utils.bind_buttons(infotext_utils.create_buttons(["txt2img"]), None, data)
    return [(tab, NAME, "tier_a_tab")]


def on_app_started(demo, app):
    @app.get("/tier-a/times")
    def times():
        return {"times": shared.opts.tier_a_times}


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_ui_tabs(on_ui_tabs)
script_callbacks.on_app_started(on_app_started)
