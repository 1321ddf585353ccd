"""A1111's `modules.options`: how extensions declare settings, and read all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import asdict
from typing import Any

from modules.base.fields import declared_params
from modules.plugins.setting_listeners import tell_changed_settings
from modules.settings.options import Settings
from modules.surface.binding import bound_host, view


class OptionInfo:
    """A setting of an extension: its default, and the control that shows it."""

    def __init__(
        self, default: Any = None, label: str = "", component: Any = None, component_args: Any = None,
        onchange: Callable[..., Any] | None = None, section: Any = None, refresh: Callable[..., Any] | None = None,
        comment_before: str = "", comment_after: str = "", infotext: str | None = None, restrict_api: bool = False,
        category_id: str | None = None,
    ) -> None:
        self.default, self.label = default, label
        self.component, self.component_args = component, component_args
        self.onchange, self.section, self.refresh = onchange, section, refresh
        self.category_id = category_id
        self.comment_before, self.comment_after = comment_before, comment_after
        self.infotext, self.restrict_api = infotext, restrict_api
        self.do_not_save = False

    def link(self, label: str, url: str) -> OptionInfo:
        self.comment_before += f"[<a href='{url}' target='_blank'>{label}</a>]"
        return self

    def js(self, label: str, js_func: str) -> OptionInfo:
        self.comment_before += f"[<a onclick='{js_func}(); return false'>{label}</a>]"
        return self

    def info(self, info: str) -> OptionInfo:
        self.comment_after += f"<span class='info'>({info})</span>"
        return self

    def html(self, html: str) -> OptionInfo:
        self.comment_after += html
        return self

    def needs_restart(self) -> OptionInfo:
        self.comment_after += " <span class='info'>(requires restart)</span>"
        return self

    def needs_reload_ui(self) -> OptionInfo:
        self.comment_after += " <span class='info'>(requires Reload UI)</span>"
        return self


class OptionHTML(OptionInfo):
    """A text among the settings."""

    def __init__(self, text: str) -> None:
        super().__init__(str(text).strip(), label="", component_args=None)
        self.do_not_save = True


class OptionDiv(OptionInfo):
    """A line between settings."""

    def __init__(self) -> None:
        super().__init__("")
        self.do_not_save = True


def options_section(
    section_identifier: tuple[Any, ...], options_dict: dict[str, OptionInfo]
) -> dict[str, OptionInfo]:
    """Put settings that name no section into this one: (id, title) or (id, title, category)."""
    for option in options_dict.values():
        option.section = option.section or section_identifier[:2]
        option.category_id = option.category_id or (section_identifier[2] if len(section_identifier) > 2 else None)
    return options_dict


def opts_of_job() -> Any:
    """Return the settings of the job whose hooks this thread calls; None outside of one."""
    job = bound_host().generation
    return job.opts if job else None


class OptionData(MutableMapping[str, Any]):
    """`opts.data`: all settings by name, as they are now; in a hook of a picture, its job's."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def __getitem__(self, name: str) -> Any:
        return self._options.values()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._options.set(name, value)

    def __delitem__(self, name: str) -> None:
        if job := opts_of_job():
            job.reset(name)
        else:
            self._options.file.forget([name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._options.values())

    def __len__(self) -> int:
        return len(self._options.values())


class Options:
    """`shared.opts`: settings as attributes. An unknown name is an AttributeError.

    In a hook of a picture they are its job's, and whatever is written holds for that job alone: others' pictures go on
    with what stands. Anywhere else they are the standing ones, and what is written is kept.
    """

    def __init__(self) -> None:
        vars(self).update(data_labels=option_labels(), data=OptionData(self), restricted_opts=set())

    @property
    def file(self) -> Any:
        return bound_host().program.settings

    def values(self) -> dict[str, Any]:
        if job := opts_of_job():
            return dict(job.values())
        return asdict(self.file.current) | self.file.foreign

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if job := opts_of_job():
            return getattr(job, name)
        settings = self.file
        if hasattr(settings.current, name):
            return getattr(settings.current, name)
        if name in (foreign := settings.foreign):
            return foreign[name]
        raise AttributeError(f"There is no setting {name!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("data", "data_labels", "restricted_opts"):
            vars(self)[name] = value
        else:
            self.set(name, value)

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        """Change a setting; returns whether it has changed. Raises Invalid for an impossible value.

        `onchange` is called where the change is kept.
        """
        option = self.data_labels.get(key)
        if self.values().get(key) == value or (option and (option.do_not_save or (is_api and option.restrict_api))):
            return False
        if job := opts_of_job():
            setattr(job, key, value)
            return True
        self.file.change(**{key: value})
        if run_callbacks:
            tell_changed_settings(bound_host(), [key])
        return True

    def add_option(self, key: str, info: OptionInfo) -> None:
        """Declare a setting: it is saved with the others, and outlives the extension."""
        self.data_labels[key] = info
        host = bound_host()
        host.options[key], host.owners[key] = info, host.calling
        if not info.do_not_save:
            self.file.declare(key, info.default)

    def onchange(self, key: str, func: Callable[..., Any], call: bool = True) -> None:
        """Call `func` whenever the setting changes, and once now if `call`."""
        if key in self.data_labels:
            self.data_labels[key].onchange = func
            bound_host().listening_to[key] = bound_host().calling
        if call:
            func()

    def get_default(self, key: str) -> Any:
        option = self.data_labels.get(key)
        return option.default if option else None

    def save(self, filename: str) -> None:
        """Settings are saved whenever one is changed."""

    def load(self, filename: str) -> None:
        """Settings are read when Easel starts."""

    def same_type(self, x: Any, y: Any) -> bool:
        number = (int, float)
        return x is None or y is None or type(x) is type(y) or (isinstance(x, number) and isinstance(y, number))

    def dumpjson(self) -> str:
        import json

        return json.dumps(self.values())

    def reorder(self) -> None:
        """Settings stand in the order of their sections."""

    def cast_value(self, key: str, value: Any) -> Any:
        """Return the value as the type of the setting's default."""
        default = self.get_default(key)
        if value is None or default is None:
            return value
        if isinstance(default, bool):
            return value not in (False, "False", "false", "0", 0)
        return type(default)(value)


def current_opts() -> Any:
    """Return `shared.opts`."""
    return view("opts", lambda host: Options())


def option_labels() -> dict[str, Any]:
    """Return what A1111 has as labels of its own settings, by their names."""
    usual = asdict(Settings()) | bound_host().program.settings.foreign
    sections = {name: (param.section, param.section) for name, param in declared_params(Settings).items()}
    return {name: OptionInfo(value, name, section=sections.get(name, ("", ""))) for name, value in usual.items()}
