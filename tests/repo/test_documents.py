"""Links of the documents lead somewhere, templates are templates, and what is published is what the code says."""

import re
import subprocess
import sys

from jinja2 import Environment, TemplateSyntaxError
from tree import ROOT, files, name_of

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_links_inside_the_repository_lead_to_files() -> None:
    dead = [
        f"{name_of(path)}: {link}"
        for path in files(".md")
        for link in LINK.findall(re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.DOTALL))
        if not (path.parent / link).exists()
    ]
    assert dead == []


def test_every_template_parses() -> None:
    templates = [path for path in files(".html", ".jinja") if "/templates/" in name_of(path)]
    broken = []
    for path in templates:
        try:
            Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"]).parse(path.read_text())
        except TemplateSyntaxError as error:
            broken.append(f"{name_of(path)}:{error.lineno}: {error.message}")
    assert broken == []
    assert templates, "there is no template at all"


def test_published_documents_are_those_of_the_code() -> None:
    done = subprocess.run([sys.executable, "docs/publish.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
