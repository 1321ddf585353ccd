"""Our scripts in one file do what they did as modules."""

from __future__ import annotations

import json
import re

import pytest

from modules.ui import gradio_sheets
from modules.ui.bundle import bundle_modules, compact_sheet
from modules.ui.carried_scripts import carried_imports, carried_scripts
from modules.ui.look import ASSETS, LATER_SHEETS, SHEETS, Assets


@pytest.fixture
def folder(tmp_path):
    def written(**files: str):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.js"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path

    return written


def test_what_is_imported_comes_first_and_once(folder):
    made = folder(
        main='import { b } from "./b.js";\nimport { c as d } from "./in/c.js";\nb(d);\n',
        b='import { c } from "./in/c.js";\nexport const b = (x) => x + c;\n',
        in__c='export const c = 1;\nexport async function f() {}\nexport class G {}\nconst here = import.meta.url;\n',
    )
    text = bundle_modules(made, "main.js")
    places = [text.index(f"modules[{name!r}] = ".replace("'", '"')) for name in ("in/c.js", "b.js", "main.js")]
    assert places == sorted(places)
    assert text.count('modules["in/c.js"] = ') == 1
    assert 'const { c: d } = modules["in/c.js"];' in text
    assert "return { c, f, G };" in text
    assert 'new URL("./in/c.js", import.meta.url)' in text


def test_a_circle_is_named(folder):
    made = folder(main='import { a } from "./a.js";\n', a='import { b } from "./main.js";\nexport const a = 1;\n')
    with pytest.raises(ValueError, match=r"main.js → a.js → main.js"):
        bundle_modules(made, "main.js")


@pytest.mark.parametrize(
    "line", ['import * as x from "./a.js";', "export { x };", "export default 5;", 'import x from "./a.js";']
)
def test_a_form_that_is_not_understood_is_named(folder, line):
    made = folder(main=f"{line}\n", a="export const x = 1;\n")
    with pytest.raises(ValueError, match="main.js"):
        bundle_modules(made, "main.js")


@pytest.mark.parametrize("line", ["const one = 1;", "export const other = 1, one = 2;"])
def test_a_name_that_is_imported_and_not_exported_is_told(folder, line):
    made = folder(main='import { one as two } from "./a.js";\n', a=f"{line}\n")
    with pytest.raises(ValueError, match=r"main.js imports one, which a.js does not export"):
        bundle_modules(made, "main.js")


def test_lines_are_not_indented_but_where_a_template_may_go_on(folder):
    made = folder(main='import { b } from "./b.js";\nif (b) {\n\n  b();\n}\n', b="export const b = `one\n  two`;\n")
    text = bundle_modules(made, "main.js")
    assert "if (b) {\nb();\n}" in text and "`one\n  two`" in text


def test_a_style_sheet_says_the_same_without_comments_and_indentation():
    sheet = '/* one\n two */\na {\n  color: red; /* three */\n\n  &::before { content: "/* four */"; }\n}\n'
    assert compact_sheet(sheet) == 'a {\ncolor: red; /* three */\n&::before { content: "/* four */"; }\n}\n'


def test_keyframes_hold_steps_and_no_rules_which_a_browser_drops_there():
    for path in ASSETS.glob("*.css"):
        for steps in re.findall(r"@keyframes[^{]*\{(.*?)^\}", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            assert re.fullmatch(r"\s*(?:(?:from|to|[\d.]+%)(?:,\s*[\d.]+%)* \{[^{}]*\}\s*)+", steps), f"{path.name}: {steps}"


@pytest.fixture
def parts(folder):
    """A folder with two parts that share a module, one of which asks for the other; bundled, and what was published."""
    made = folder(
        main='import { a } from "./a.js";\nconst b = () => import("./b.js");\nconst c = () => import("./c.js");\nb(a, c);\n',
        a="export const a = 1;\n",
        shared='import { a } from "./a.js";\nexport const shared = a;\n',
        b='import { shared } from "./shared.js";\nexport const b = () => import("./c.js");\nb(shared);\n',
        c='import { shared } from "./shared.js";\nimport { a } from "./a.js";\nexport const c = shared + a;\n',
        core__late="export const lateLoader = () => null;\n",
    )
    files = {}

    def publish(modules, text):
        files[modules[-1]] = text
        return [modules[-1].replace(".js", "-file.js")]

    return bundle_modules(made, "main.js", publish), files


def test_what_is_asked_for_later_is_in_files_of_its_own_and_what_parts_share_in_another(parts):
    text, files = parts
    assert set(files) == {"shared.js", "b.js", "c.js"}
    assert 'loadPart("b.js")' in text and 'loadPart("c.js")' in files["b.js"]
    assert not any(f'modules["{name}"] = ' in text for name in files)
    assert not any('modules["a.js"] = ' in file for file in files.values())
    assert [sum(f'modules["{name}"] = ' in file for file in files.values()) for name in files] == [1, 1, 1]


def test_a_part_is_loaded_with_what_it_needs_before_it(parts):
    text, _ = parts
    needed = json.loads(re.search(r"lateLoader\(modules, (\{.*?\}), import.meta.url\)", text)[1])
    assert needed == {"b.js": ["shared-file.js", "b-file.js"], "c.js": ["shared-file.js", "c-file.js"]}
    assert text.index("const loadPart") < text.index('modules["main.js"] = ')


def test_rooms_that_come_later_bring_their_style_sheets_with_them():
    assets = Assets.build()
    files = [each.name.partition("-")[0] + "." + each.ending for each in assets.later]
    assert {f"{room}.{ending}" for room in LATER_SHEETS for ending in ("js", "css")} <= {*files}
    assert not {*LATER_SHEETS} & {*SHEETS}
    assert {*LATER_SHEETS, *SHEETS, "a1111"} == {path.stem for path in ASSETS.glob("*.css")}


def test_comments_of_whole_lines_are_left_out_and_nothing_else_is(folder):
    made = folder(main='// one\n/** two\n * three */\nexport const a = "// four"; // five\n/* six */ export const b = 1;\n')
    text = bundle_modules(made, "main.js")
    assert not any(word in text for word in ("one", "two", "three"))
    assert '"// four"; // five' in text


def test_gradios_sheets_stand_before_ours_and_its_scripts_find_links_to_them():
    assets = Assets.build()
    assert len(assets.gradio) > 20
    head = assets.head("/sub")
    assert all(f'<link rel="stylesheet" disabled href="./assets/{name}">' in head for name in assets.gradio)
    texts = [(gradio_sheets.FOLDER / name).read_text(encoding="utf-8") for name in assets.gradio]
    ours = compact_sheet((ASSETS / "page.css").read_text(encoding="utf-8"))
    assert assets.sheet.text.index(ours) > max(map(assets.sheet.text.index, texts))


def test_the_document_names_the_scripts_of_gradio_that_draw_the_first_tab_and_no_others():
    assets = Assets.build()
    assert all(f'<link rel="modulepreload" href="./assets/{name}">' in assets.head("") for name in assets.drawing)
    names = (*assets.drawing, *assets.carried)
    texts = {name: (gradio_sheets.FOLDER / name).read_text(encoding="utf-8") for name in names}
    needed = {found for text in texts.values() for found in re.findall(r'(?:from|import)"\./([\w-]+\.js)"', text)}
    assert len(texts) > 20 and needed <= {*texts}


def test_gradios_small_scripts_come_with_what_runs_first_and_name_what_they_import():
    assets = Assets.build()
    assert len(assets.carried) > 15 and not {*assets.carried} & {*assets.drawing}
    for text in assets.carried.values():
        assert "./" not in text and all((gradio_sheets.FOLDER / name).is_file() for name in re.findall(r'"gradio/([^"]+)"', text))
    start = assets.start("", {}, "").text
    assert start.index("window.easelCarried = ") < start.index("window.easel = ")


@pytest.mark.parametrize("text", ['import("./a.js")', "here(import.meta.url)", "import`./b.js`", 'x = "../c.js"', "x" * 5000])
def test_a_script_that_needs_its_address_or_is_large_is_not_carried(tmp_path, text):
    (tmp_path / "a.js").write_text(text)
    (tmp_path / "b.js").write_text('import{x as y}from"./a.js";import"./c-d.js";export{y as x}from"./a.js";')
    carried = carried_scripts(tmp_path, ["a.js", "b.js", "not-there.js"])
    assert carried == {"b.js": 'import{x as y}from"gradio/a.js";import"gradio/c-d.js";export{y as x}from"gradio/a.js";'}
    assert carried_imports(carried) == ["a.js", "c-d.js"]


def test_every_script_but_the_first_and_the_workers_is_in_a_bundle():
    built = Assets.build(extended=True)
    text = "".join(each.text for each in (built.main, built.a1111, *built.later))
    apart = {"core/carried.js", "core/boot.js", "core/parts.js", "core/resting.js", "editor/png_worker.js", "api.js"}
    missing = [path for path in ASSETS.rglob("*.js") if f'modules["{path.relative_to(ASSETS)}"] = ' not in text]
    assert {str(path.relative_to(ASSETS)) for path in missing} == apart


def test_names_change_with_the_content():
    assets = Assets.build()
    assert assets.main.name == Assets.build().main.name
    starts = tuple(
        assets.start("/sub", facts, described)
        for facts, described in (({"a": 1}, ""), ({"a": 1}, "window.gradio_config = 1;\n"), ({}, ""))
    )
    assert len({built.name for built in (*starts, assets.sheet, assets.main)}) == 5
    assert f'src="/sub/easel/page/{assets.main.name}"' in assets.head("/sub")
    assert f'src="/sub/easel/page/{starts[0].name}"' in assets.first("/sub", starts[0], {})


def test_only_a_page_with_extensions_loads_what_their_scripts_need_of_a1111s():
    plain, extended = Assets.build(), Assets.build(extended=True)
    added = {built.name for built in (extended.a1111, extended.a1111_sheet)}
    assert len(added) == 2 and all(f"/easel/page/{name}" in extended.head("") for name in added)
    assert "a1111" not in plain.head("")
    assert '"easel":"/sub/easel/page/api.js"' in extended.start("/sub", {}, "").text
    assert "api.js" not in plain.start("/sub", {}, "").text
    theirs = r'<[^<]*a1111-[^>]*>(?:</script>)?'
    html = r'<link rel="modulepreload" href="./assets/HTML-[^>]*>'
    assert "".join(re.split(f"{theirs}|{html}", extended.head(""))) == plain.head("")
