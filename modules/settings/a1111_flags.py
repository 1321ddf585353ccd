"""A1111's flags that are not Easel's own: those that choose a setting's value, have no effect, or are refused."""

from __future__ import annotations

ATTENTION_FLAGS = {      # the highest of A1111's priorities first → the setting's value
    "xformers": "xformers",
    "force_enable_xformers": "xformers",
    "opt_split_attention": "Doggettx",
    "opt_sdp_no_mem_attention": "sdp-no-mem - scaled dot product without memory efficient attention",
    "opt_sdp_attention": "sdp - scaled dot product",
    "opt_sub_quad_attention": "sub-quadratic",
    "opt_split_attention_v1": "V1 - original v1",
    "opt_split_attention_invokeai": "InvokeAI",
}

# A1111's other flags; `=V` marks those with a value.
IGNORED_FLAGS = {
    "is not needed here.": """
        --xformers-flash-attention --reinstall-xformers --reinstall-torch --disable-opt-split-attention
        --sub-quad-q-chunk-size=V --sub-quad-kv-chunk-size=V --sub-quad-chunk-threshold=V
        --opt-channelslast --always-batch-cond-uncond
        --skip-torch-cuda-test --skip-python-version-check --skip-version-check --skip-prepare-environment
        --no-download-sd-model --do-not-download-clip --disable-model-loading-ram-optimization
        --gradio-queue --no-gradio-queue --show-negative-prompt --gradio-img2img-tool=V --gradio-inpaint-tool=V
        --deepdanbooru --unix-filenames-sanitization --disable-safe-unpickle --disable-tls-verify""",
    "has no effect yet.": """
        -f --update-all-extensions --update-check --test-server --log-startup --dump-sysinfo
        --medvram --medvram-sdxl --lowvram --lowram --upcast-sampling --use-ipex --disable-nan-check --unload-gfpgan
        --config=V --vae-path=V --gfpgan-model=V --no-progressbar-hiding --max-batch-count=V
        --textual-inversion-templates-dir=V --localizations-dir=V --allow-code --share
        --ngrok=V --ngrok-region=V --ngrok-options=V
        --clip-models-path=V --ldsr-models-path=V --ui-config-file=V --gradio-debug --gradio-allowed-path=V
        --use-textbox-seed --disable-console-progressbars --enable-console-prompts
        --api-log --ui-debug-mode --administrator --no-hashing
        --add-stop-route --api-server-stop
        --skip-load-model-at-start --filenames-max-length=V --no-prompt-history""",
}
REFUSED = {
    "Without it everyone who reaches the page can change the settings; leave it out if that is fine.": """
        --freeze-settings --freeze-settings-in-sections=V --freeze-specific-settings=V --hide-ui-dir-config""",
}
