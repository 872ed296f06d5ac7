"""Pages, whose blocks are taken from top to bottom."""

import pathlib
import re
import textwrap

from . import elsewhere

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Where `sh` blocks are for somebody to type.
FOLDERS = ["*.md", "docs/*.md", "client/README.md", "benches/compare/README.md", "examples/*/README.md"]


class Document:
    """A page. A block that another step runs is not in it."""

    def __init__(self, path):
        self.path, self.text = path, (ROOT / path).read_text()
        # Those in lists are indented.
        fences = re.findall(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", self.text, re.S | re.M)
        blocks = [(language, textwrap.dedent(text)) for _, language, text in fences]
        self.blocks = [block for block in blocks if block[0] != "sh" or not elsewhere.has(path, block[1])]

    def take(self, language):
        """The next block in this language. No other `sh` block may stand before it."""
        while self.blocks:
            found, text = self.blocks.pop(0)
            if found == language:
                return text
            assert found != "sh", f"{self.path}: nobody types {text}"
        raise AssertionError(f"{self.path}: there is no other block of {language}")

    def follows(self, language):
        """Is the next block in this language?"""
        return bool(self.blocks) and self.blocks[0][0] == language

    def promises(self, text):
        # A line may break anywhere in a sentence.
        assert text in " ".join(self.text.split()), f"{self.path} does not say {text} any more"
        return text

    def left(self):
        return [text for language, text in self.blocks if language == "sh"]


def check_that_all_are_typed(pages):
    """Every page with `sh` blocks of its own is one of these."""
    found = [str(path.relative_to(ROOT)) for pattern in FOLDERS for path in ROOT.glob(pattern)]
    assert len(found) > 30, found
    missing = [path for path in found if path not in pages and Document(path).left()]
    assert not missing, f"nobody types the blocks of {missing}"
