"""`python -m tools.words`: texts of the pages for which a language has no words, and words that nobody needs."""

from __future__ import annotations

import argparse
import json

from modules.app.languages import shipped_languages

from .texts import read_texts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.words", description=__doc__)
    parser.add_argument("language", nargs="*", choices=[[], *shipped_languages()], help="such as zh-CN; all by default")
    chosen, texts = parser.parse_args().language or list(shipped_languages()), read_texts()
    for tag in chosen:
        table = shipped_languages()[tag]
        missing, unneeded = sorted(texts - table.keys()), sorted(table.keys() - texts)
        print(f"{tag}: {len(missing)} of {len(texts)} texts have no words, {len(unneeded)} words no text")
        print(json.dumps(dict.fromkeys(missing, ""), ensure_ascii=False, indent=0))
        print("\n".join(f"no text any more: {text}" for text in unneeded))


if __name__ == "__main__":
    main()
