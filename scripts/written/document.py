"""Pages, whose blocks are taken from top to bottom."""

import pathlib
import re
import textwrap

from . import elsewhere

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Where `sh` blocks are for somebody to type.
FOLDERS = ["*.md", "docs/*.md", "client/README.md", "benches/compare/README.md", "examples/*/README.md"]
# Those in lists are indented.
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.S | re.M)


class Document:
    """A page, or a section of it (its heading, without the marks)."""

    def __init__(self, path, section=None, owed=("sh",)):
        """Each block in one of the languages `owed` has to be taken."""
        self.path, self.text, self.owed = path, (ROOT / path).read_text(), owed
        if section:
            heading = re.search(rf"^(#+) {re.escape(section)}$", self.text, re.M)
            assert heading, f"{path} has no section {section}"
            rest = self.text[heading.end() :]
            end = re.search(rf"^#{{2,{len(heading[1])}}} ", rest, re.M)
            self.text = rest[: end.start()] if end else rest
        self.blocks = [(language, textwrap.dedent(text)) for _, language, text in BLOCK.findall(self.text)]

    def take(self, language, begins=""):
        """The next block in this language, which begins so. None that is owed may stand before it."""
        while self.blocks:
            found, text = self.blocks.pop(0)
            if found == language:
                assert text.startswith(begins), f"{self.path}: not {begins}, but\n{text}"
                return text
            assert found not in self.owed, f"{self.path}: nobody takes {text}"
        raise AssertionError(f"{self.path}: there is no other block of {language} {begins}")

    def follows(self, language):
        """Is the next block in this language?"""
        return bool(self.blocks) and self.blocks[0][0] == language

    def promises(self, text):
        """A part of a sentence, in which a line may break between two words."""
        pattern = r"\s+".join(re.escape(word) for word in text.split())
        assert re.search(pattern, self.text), f"{self.path} does not say {text} any more"
        return text

    def left(self):
        return [text for language, text in self.blocks if language in self.owed]


def typed_here(path):
    """The page without the blocks that another step runs."""
    page = Document(path)
    page.blocks = [it for it in page.blocks if it[0] != "sh" or not elsewhere.has(path, it[1])]
    return page


def check_that_all_are_typed(pages):
    """Every page with `sh` blocks of its own is one of these."""
    found = [str(path.relative_to(ROOT)) for pattern in FOLDERS for path in ROOT.glob(pattern)]
    assert len(found) > 30, found
    missing = [path for path in found if path not in pages and typed_here(path).left()]
    assert not missing, f"nobody types the blocks of {missing}"
