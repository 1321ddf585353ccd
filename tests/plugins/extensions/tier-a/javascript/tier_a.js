"use strict";

onUiLoaded(() => {
    gradioApp().getElementById("txt2img_prompt").dataset.tierA = "here";
});
