"""A page of the documents, whose blocks are taken from top to bottom."""

import re
import textwrap

from . import ROOT

BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.S | re.M)
LANGUAGES = ("sh", "ini", "toml")


class Page:
    def __init__(self, path, section=None):
        """All of the page, or one section (its heading, without the marks)."""
        self.path, self.text = path, (ROOT / path).read_text()
        if section:
            heading = re.search(rf"^(#+) {re.escape(section)}$", self.text, re.M)
            assert heading, f"{path} has no section {section}"
            rest = self.text[heading.end() :]
            end = re.search(rf"^#{{2,{len(heading[1])}}} ", rest, re.M)
            self.text = rest[: end.start()] if end else rest
        found = BLOCK.finditer(self.text)
        self.blocks = [(it["language"], textwrap.dedent(it["text"])) for it in found if it["language"] in LANGUAGES]

    def take(self, language, begins):
        """The next block. It is in this language, and its first line begins so."""
        assert self.blocks, f"{self.path} has no block any more that begins with {begins}"
        found, text = self.blocks.pop(0)
        assert (found, text.startswith(begins)) == (language, True), f"{self.path}: not {begins}, but\n{text}"
        return text

    def says(self, command):
        """A command inside a sentence, which may be broken between two words."""
        pattern = r"\s+".join(re.escape(word) for word in command.split())
        assert re.search(pattern, self.text), f"{self.path} does not say {command} any more"
        return command

    def is_done(self):
        assert not self.blocks, f"{self.path}: nobody types {self.blocks}"
