"""A1111's `modules.ui_components`: components that its own form and extensions share."""

from __future__ import annotations

from typing import Any

from modules.plugins.gradio3 import gradio_module

gr: Any = gradio_module("gradio")       # extensions use its habits on these too


class FormComponent:
    """A component that stands in a form with its neighbours."""


class ToolButton(FormComponent, gr.Button):
    """A small button with a symbol."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = kwargs.pop("elem_classes", None) or []
        classes = ["tool", "symbol", *([given] if isinstance(given, str) else given)]
        super().__init__(*args, elem_classes=classes, **kwargs)


class ResizeHandleRow(gr.Row):
    """A row of two columns; here their widths are the page's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.elem_classes.append("resize-handle-row")


class FormRow(FormComponent, gr.Row):
    """A row of a form."""


class FormColumn(FormComponent, gr.Column):
    """A column of a form."""


class FormGroup(FormComponent, gr.Group):
    """A group of a form."""


class FormHTML(FormComponent, gr.HTML):
    """HTML in a form."""


class FormColorPicker(FormComponent, gr.ColorPicker):
    """A colour in a form."""


class DropdownMulti(FormComponent, gr.Dropdown):
    """A dropdown of which several may be chosen."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(multiselect=True, **kwargs)


class DropdownEditable(FormComponent, gr.Dropdown):
    """A dropdown into which other values may be typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_custom_value=True, **kwargs)


class InputAccordion(gr.Checkbox):
    """An accordion with a checkbox, the value that functions get; the page shows it before the title."""

    def __init__(self, value: Any, **kwargs: Any) -> None:
        label, elem_id = kwargs.pop("label", None), kwargs.pop("elem_id", None)
        shown = kwargs.pop("visible", True)
        self.accordion_id = elem_id or f"input-accordion-{id(self)}"
        accordion = gr.Accordion(
            label, open=bool(value), elem_id=self.accordion_id, elem_classes=["input-accordion"], visible=shown
        )
        given = kwargs.pop("elem_classes", None) or []
        classes = ["input-accordion-checkbox", *([given] if isinstance(given, str) else given)]
        with accordion:
            super().__init__(
                value, label=label, elem_id=f"{self.accordion_id}-checkbox", elem_classes=classes, **kwargs
            )
        self.accordion = accordion

    def extra(self) -> Any:
        """A place for small things beside the accordion's label."""
        with self.accordion:
            return gr.Column(elem_id=f"{self.accordion_id}-extra", elem_classes=["input-accordion-extra"], min_width=0)

    def __enter__(self) -> Any:
        self.accordion.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.accordion.__exit__(*error)
