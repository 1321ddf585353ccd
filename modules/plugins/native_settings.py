"""Settings of extensions of Easel's own API: declared as A1111's are, and given to the functions that ask for them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from modules.base.border import outcome
from modules.base.fields import checker, declared_params, defaults
from modules.plugins.native import NativeExtension


def setting_key(native: NativeExtension, name: str) -> str:
    """Return the name of an extension's setting in the settings file: warm_light_presets."""
    return f"{native.name.replace('-', '_')}_{name}"


def declare_settings(native: NativeExtension, options: Any) -> None:
    """Declare an extension's settings. options: A1111's `shared.opts`, and its class `OptionInfo` as an attribute"""
    cls = native.declaration.setting_class
    if cls is None:
        return
    for name, param in declared_params(cls).items():
        info = options.OptionInfo(defaults(cls)[name], param.label, section=(native.name, native.declaration.title))
        info.param = param
        options.opts.add_option(setting_key(native, name), info)


def settings_value(native: NativeExtension, standing: Mapping[str, Any]) -> Any:
    """Return an extension's settings as a value of its class; one that no longer fits is at its default."""
    cls = native.declaration.setting_class
    if cls is None:
        return None
    usual = defaults(cls)
    given = {name: standing.get(setting_key(native, name), value) for name, value in usual.items()}
    fitting = {
        name: value for name, value in given.items()
        if not isinstance(outcome(checker(cls).validate_python, {name: value}), Exception)
    }
    return checker(cls).validate_python(fitting)


def with_settings(
    native: NativeExtension, function: Callable[..., Any], standing: Callable[[], Mapping[str, Any]]
) -> Callable[..., Any]:
    """Return a function without the parameter that is annotated by the settings' class: it is given their values.

    standing: returns the server's settings of extensions
    """
    cls = native.declaration.setting_class
    hints = get_type_hints(function, include_extras=True)
    wanting = next((name for name, hint in hints.items() if cls is not None and hint is cls), None)
    if wanting is None:
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**kwargs, wanting: settings_value(native, standing())})

    signature = inspect.signature(function)
    left = [parameter for name, parameter in signature.parameters.items() if name != wanting]
    called.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    called.__annotations__ = {name: hint for name, hint in hints.items() if name != wanting}
    del called.__wrapped__  # type: ignore[attr-defined]
    return called
