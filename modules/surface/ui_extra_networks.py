"""A1111's `modules.ui_extra_networks`: the pages of cards, as lists of what they show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modules.surface.binding import bound_host, view


class ExtraNetworksPage:
    """A page of cards; an extension's own are listed, Easel's page shows those of model files."""

    def __init__(self, title: str) -> None:
        self.title, self.name = title, title.lower()
        self.allow_prompt = self.allow_negative_prompt = True
        self.metadata: dict[str, Any] = {}
        self.items: dict[str, dict[str, Any]] = {}

    def refresh(self) -> None: ...

    def list_items(self) -> Iterator[dict[str, Any]]:
        return iter(())

    def allowed_directories_for_previews(self) -> list[str]:
        return []


class CatalogPage(ExtraNetworksPage):
    """The page of a kind of model files."""

    def __init__(self, catalog: Any) -> None:
        super().__init__(catalog.kind.title)
        self.catalog = catalog

    def refresh(self) -> None:
        self.catalog.refresh()

    def list_items(self) -> Iterator[dict[str, Any]]:
        for order, file in enumerate(self.catalog.list()):
            path = file.path
            yield {
                "name": file.name, "filename": str(path), "shorthash": file.shorthash, "preview": None,
                "description": None, "search_terms": [file.name], "local_preview": f"{path.with_suffix('')}.png",
                "metadata": {}, "sort_keys": {"default": order, "name": file.name.lower()},
            }

    def allowed_directories_for_previews(self) -> list[str]:
        return [str(root) for root in self.catalog.roots]


def __getattr__(name: str) -> Any:
    if name == "extra_pages":
        return pages()
    if name == "allowed_dirs":
        return {folder for page in pages() for folder in page.allowed_directories_for_previews()}
    raise AttributeError(f"module 'modules.ui_extra_networks' has no attribute {name!r}")


def pages() -> list[ExtraNetworksPage]:
    """Return Easel's pages of cards, and those that extensions have registered."""
    catalogs = bound_host().program.models.catalogs.values()
    return view("extra_pages", lambda host: [CatalogPage(each) for each in catalogs if each.kind.page])


def register_page(page: ExtraNetworksPage) -> None:
    pages().append(page)


def quote_js(text: str) -> str:
    """Return a text as a literal of JavaScript within double quotes of HTML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
