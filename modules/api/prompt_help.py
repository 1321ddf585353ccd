"""/easel/v1: what helps with writing prompts: completions, and a prompt as the model reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from modules.api.cards import inserted, usual_strength
from modules.api.routing import KnownFields, owner, router
from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_PROMPT, MAX_SEARCH
from modules.library.index import IndexQuery
from modules.prompts.chunks import Find, embeddings_by_name, target_length
from modules.prompts.explained import LONGEST_EXPLAINED, ReadPrompt, explained_chunks, explained_prompt
from modules.prompts.tag_files import ListedTag

MOST_COMPLETIONS = 50
CompletionKind = Literal["network", "lora", "hypernetwork", "wildcard", "word"]
Completion = dict[str, Any]


class CompletionQuery(KnownFields):
    """What is being typed. kind: a network after <, a name after __, or a word"""

    kind: CompletionKind = "word"
    text: str = Field("", max_length=MAX_SEARCH)
    limit: int = Field(20, ge=1, le=MOST_COMPLETIONS)


class ReadRequest(KnownFields):
    prompt: str = Field(max_length=MAX_PROMPT, description=f"At most {LONGEST_EXPLAINED:,} characters are explained.")
    steps: int = Field(20, ge=1, le=150)


def routes(app: App) -> APIRouter:
    api = router("prompts", "/easel/v1", Role.GUEST)

    @api.get("/completions")
    def completions(wanted: Annotated[CompletionQuery, Query()], request: Request) -> dict[str, Any]:
        """What may be meant by what is being typed: `insert` takes its place, `kind` tells what it is.

        A style has nothing to insert: it is chosen by its name. Tags are in the CSV files of the folder `tags`.
        """
        found = COMPLETERS[wanted.kind](app, owner(request), wanted.text.strip(), wanted.limit)
        return {"completions": list(islice(found, wanted.limit))}

    @api.post("/prompts/explain")
    def explain(body: ReadRequest, request: Request) -> dict[str, Any]:
        """A prompt as the model reads it: for each prompt between AND the text of each step, with its tokens in chunks.

        A token is [letters, id, weight]; the id is null for an embedding's vector.
        """
        mine = app.data_of(owner(request))
        return {"prompts": [read_prompt(app, mine, each) for each in explained_prompt(body.prompt, body.steps)]}

    return api


# A prompt as it is read -------------------------------------------------------------------------------


def read_prompt(app: App, mine: AccountData, prompt: ReadPrompt) -> dict[str, Any]:
    tokenizer, settings = app.tokenizer(), mine.settings.current
    stages = []
    for stage in prompt.stages:
        chunks = explained_chunks(
            stage.plain, tokenizer, settings.emphasis, settings.comma_padding_backtrack,
            named_embeddings(app, stage.plain),
        )
        tokens = sum(map(len, chunks))
        stages.append({
            "first": stage.first, "last": stage.last, "text": stage.text, "tokens": tokens,
            "limit": target_length(tokens),
            "chunks": [[[each.text, each.id, each.weight] for each in chunk] for chunk in chunks],
        })
    return {"weight": prompt.weight, "stages": stages}


def named_embeddings(app: App, text: str) -> Find:
    """Return a function that finds the embeddings of a text, of those whose files have been read."""
    folded = text.lower()
    named = [entry for entry in app.cards.index.all("embedding") if entry.name.lower() in folded]
    facts = {entry.name: json.loads(entry.facts) for entry in named}
    vectors = {name: each["vectors"] for name, each in facts.items() if each and each.get("vectors")}
    return embeddings_by_name(vectors, app.tokenizer())


# Completions --------------------------------------------------------------------------------------------


def networks(*kinds: str) -> Callable[[App, str, str, int], Iterator[Completion]]:
    """Return what finds networks of some kinds by parts of their names."""

    def found(app: App, owner: str, text: str, limit: int) -> Iterator[Completion]:
        strength = usual_strength(app, owner)
        for kind in kinds:
            page = app.cards.index.page(IndexQuery(kind=kind, search=text, limit=limit))
            for entry in page.entries:
                tag = inserted(app.models.of(kind).kind, entry, strength)
                yield {"kind": kind, "name": entry.name, "insert": tag, "note": entry.activation or entry.family}

    return found


def wildcard_names(app: App, owner: str, text: str, limit: int) -> Iterator[Completion]:
    names = app.data_of(owner).wildcards.current().found
    fitting = [name for name in names if text.lower() in name.lower()]
    for name in sorted(fitting, key=lambda each: (not each.lower().startswith(text.lower()), each)):
        yield {"kind": "wildcard", "name": name, "insert": f"__{name}__", "note": ""}


def word_completions(app: App, owner: str, text: str, limit: int) -> Iterator[Completion]:
    """Yield embeddings, styles and tags."""
    yield from islice(networks("embedding")(app, owner, text, limit), 5)
    styles = app.data_of(owner).styles().values()
    fitting = (style for style in styles if style.name.lower().startswith(text.lower()))
    for style in islice(fitting, 5):
        yield {"kind": "style", "name": style.name, "insert": "", "note": style.prompt[:100]}
    keeps = app.data_of(owner).settings.current.completion_keeps_underscores
    for match in app.tags.index().find(text, limit):
        written = tag_text(match.tag, keeps)
        yield {
            "kind": "tag", "name": match.tag.name, "insert": written, "note": match.alias,
            "category": match.tag.category, "count": match.tag.count,
        }


def tag_text(tag: ListedTag, keeps_underscores: bool) -> str:
    """Return a tag as a prompt has it: its brackets are letters, not weights."""
    name = tag.name if keeps_underscores or len(tag.name) < 4 else tag.name.replace("_", " ")
    return name.replace("(", r"\(").replace(")", r"\)")


COMPLETERS: Mapping[CompletionKind, Callable[[App, str, str, int], Iterator[Completion]]] = {
    "network": networks("lora", "hypernetwork"),
    "lora": networks("lora"),
    "hypernetwork": networks("hypernetwork"),
    "wildcard": wildcard_names,
    "word": word_completions,
}
