"""A1111's `p.scripts`: the scripts of a tab, and their hooks called one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from modules.base.errors import StopAsked
from modules.plugins.host import CallFailed, Host
from modules.plugins.loading_order import callback_name
from modules.plugins.scripts import LoadedScript

HOOKS = frozenset({
    "setup", "before_process", "process", "before_process_batch", "after_extra_networks_activate", "process_batch",
    "process_before_every_sampling", "before_hr", "on_mask_blend", "post_sample", "postprocess_batch",
    "postprocess_batch_list", "postprocess_image", "postprocess_maskoverlay", "postprocess_image_after_composite",
    "postprocess",
})
# hooks after which a script is done with a job: pictures need not follow one another
PLANNING_HOOKS = frozenset({"setup", "before_process", "process"})


class ScriptRunner:
    """The scripts of a tab, as hooks see them, and the calls of their hooks.

    An extension may leave scripts out of `alwayson_scripts` or change their order: hooks are called by that list.
    note: called with a sentence for the job's owner
    """

    def __init__(self, host: Host, tab: str, note: Callable[[str], None]) -> None:
        self._host, self._note, self._loaded = host, note, host.scripts(tab)
        self.alwayson_scripts = [each.script for each in self._loaded if each.always_on]
        self.selectable_scripts = [each.script for each in self._loaded if not each.always_on]
        self.scripts = [each.script for each in self._loaded]
        self.titles = [each.title for each in self._loaded if not each.always_on]
        self.is_img2img, self.is_txt2img = tab == "img2img", tab == "txt2img"

    @classmethod
    def nothing(cls, host: Host) -> ScriptRunner:
        """Return a runner of no scripts."""
        runner = cls(host, "txt2img", lambda text: None)
        runner._loaded = []
        return runner

    def extensions(self) -> list[LoadedScript]:
        return list(self._loaded)

    def script(self, title: str) -> Any:
        """Return the script of that title; None if there is none."""
        return next((each.script for each in self._loaded if each.title.lower() == title.lower()), None)

    def hears(self, moment: str) -> bool:
        """Return whether a script overrides that hook."""
        return bool(self._overriding(moment))

    def setup_scripts(self, p: Any, *, is_ui: bool = True) -> None:
        self.call("setup", p)

    def call(self, moment: str, p: Any, *payload: Any, **kwargs: Any) -> None:
        """Call a hook of every always-on script that overrides it; one that fails is told, and the next is called."""
        for each in self._overriding(moment):
            arguments = (p.script_args or ())[each.args_from : each.args_to]
            try:
                self._host.call(each.extension, moment, getattr(each.script, moment), p, *payload, *arguments, **kwargs)
            except StopAsked:
                continue        # what is finished is kept as it is; the job's end is looked at between hooks
            except CallFailed as error:
                self._note(f"{error}; the picture was made without it.")

    def run(self, p: Any, *args: Any) -> Any:
        """Run the chosen script, whose number is the first argument. Raises CallFailed."""
        chosen = [each for each in self._loaded if not each.always_on]
        number = int(args[0]) if args else 0
        if not 0 < number <= len(chosen):
            return None
        each = chosen[number - 1]
        return self._host.call(each.extension, "run", each.script.run, p, *args[each.args_from : each.args_to])

    def __getattr__(self, name: str) -> Any:
        if name in HOOKS:
            return partial(self.call, name)
        raise AttributeError(f"'ScriptRunner' object has no attribute {name!r}")

    def _overriding(self, moment: str) -> Sequence[LoadedScript]:
        loaded = {id(each.script): each for each in self._loaded}
        listed = (loaded.get(id(script)) for script in self.alwayson_scripts)
        found = [each for each in listed if each and overrides(each.script, moment)]
        if len(found) < 2:
            return found
        names: dict[int, str] = {}
        for each in found:
            names[id(each)] = hook_name(each, moment, names.values())
        return self._host.in_asked_order(f"script_{moment}", found, lambda each: names[id(each)])


def plans_alone(script: Any) -> bool:
    """Return whether a script has no hook that comes after planning."""
    return not any(overrides(script, moment) for moment in HOOKS - PLANNING_HOOKS)


def hook_name(script: LoadedScript, moment: str, taken: Iterable[str]) -> str:
    """Return the name by which metadata.ini knows a script's hook."""
    file, kind = Path(script.script.filename).name, type(script.script).__name__
    return callback_name(script.extension, file, f"script_{moment}", kind, list(taken))


def overrides(script: Any, moment: str) -> bool:
    """Return whether a script's class has a hook of its own, or the instance was given one."""
    base = next(each for each in type(script).__mro__ if each.__module__.endswith("surface.scripts"))
    return getattr(type(script), moment, None) is not getattr(base, moment) or moment in vars(script)
