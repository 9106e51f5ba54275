"""The page: self-contained, safe whatever names are in the data, and written atomically."""

import base64
import errno
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser

import pytest

from aconnect.errors import FileError, InvalidArgumentError, MissingExtraError
from aconnect.report import write_report
from tests.report.conftest import HOSTILE, START, make_rows, write_lines

pytest.importorskip("duckdb")
pytest.importorskip("altair")
pytest.importorskip("vl_convert")

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


class Elements(HTMLParser):
    """Collects the elements of a page, and the text of its scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self._in_script = [], [], False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

        self._in_script = tag == "script"

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of all datasets, with hostile names wherever a name can be."""
    folder, rows = tmp_path_factory.mktemp("report"), make_rows()
    rows["content"] = [{**item, "title": HOSTILE} for item in rows["content"]]
    rows["users"] = [{**user, "last_name": HOSTILE} for user in rows["users"]]
    for number, entry in enumerate(rows["audit_logs"]):
        entry["action"] = f"{HOSTILE}{number % 3}"
    for dataset, each in rows.items():
        write_lines(folder / f"{dataset}.jsonl", each)
    report = write_report(folder, folder / "page.html", title=HOSTILE)
    assert report.notes == ()
    return report.path


@pytest.fixture(scope="module")
def page(written):
    return written.read_text("utf-8")


def test_names_are_only_text(page):
    """No name of content, user, action or page becomes an element, or ends one."""
    parsed = Elements(page)
    names = [tag for tag, _ in parsed.elements]
    assert "img" not in names
    assert names.count("script") == 3
    assert not any(key.startswith("on") for _, attributes in parsed.elements for key in attributes)
    assert html.escape(HOSTILE) in page
    charts = json.loads(parsed.scripts[0])
    texts = json.dumps(charts)
    assert HOSTILE in texts


def test_policy(page):
    """Only the scripts of the page run, by their digests, and nothing is loaded."""
    parsed = Elements(page)
    (policy,) = [
        attributes["content"]
        for tag, attributes in parsed.elements
        if tag == "meta" and "http-equiv" in attributes
    ]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    (allowed,) = re.findall(r"script-src ([^;]*)", policy)
    assert allowed.split() == [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in parsed.scripts[1:]
    ]
    for _, attributes in parsed.elements:
        assert not attributes.keys() & {"src", "href", "action", "data"}


def test_tables(page):
    """Each chart has a heading and a table in the page itself."""
    names = [tag for tag, _ in Elements(page).elements]
    charts = json.loads(Elements(page).scripts[0])
    assert len(charts) == 9
    assert names.count("details") == len(charts) + 1  # and the list of unused content
    assert names.count("h2") == len(charts) + 2


def test_written_atomically(folder, rows, tmp_path, monkeypatch):
    """If the disk is full, the earlier page stays, and nothing else is left."""
    source, path = folder({"visits": rows["visits"]}), tmp_path / "out" / "page.html"
    path.parent.mkdir()
    path.write_text("before")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(FileError, match="No space left"):
        write_report(source, path)
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_bad_arguments(folder, rows, tmp_path):
    """What cannot be is refused before anything is read."""
    source = folder({"visits": rows["visits"]})
    for path in (tmp_path, tmp_path / "absent" / "page.html"):
        with pytest.raises(InvalidArgumentError, match="choose another path"):
            write_report(source, path)
    path = tmp_path / "page.html"
    with pytest.raises(InvalidArgumentError, match="is empty"):
        write_report(source, path, from_=START, to=START)
    with pytest.raises(InvalidArgumentError, match="no time zone"):
        write_report(source, path, from_=datetime(2026, 1, 1))  # noqa: DTZ001
    assert not path.exists()


def test_missing_extra(tmp_path, monkeypatch):
    """Without the extra, the error says how to install it."""
    for name in ("contents", "figures", "charts", "page", "reading"):
        monkeypatch.delitem(sys.modules, f"aconnect.report.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"duckdb.*pip install 'aconnect\[report\]'"):
        write_report(tmp_path, tmp_path / "page.html")


@pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="this machine has no Chromium"
)
def test_charts_in_a_browser(written, page, tmp_path):
    """In a browser, each chart has all its marks, with labels, and no name does any harm."""
    assert BROWSER is not None, "CI needs Chromium"
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--virtual-time-budget=20000", f"--user-data-dir={tmp_path / 'profile'}"),
    )
    done = subprocess.run(  # noqa: S603  our own words
        [BROWSER, *flags, "--dump-dom", written.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    parsed = Elements(done.stdout)
    charts = json.loads(Elements(page).scripts[0])
    assert ("html", {"lang": "en", "data-drawn": str(len(charts))}) in parsed.elements
    assert "img" not in [tag for tag, _ in parsed.elements]
    for name, chart in charts.items():
        drawn = done.stdout.partition(f'id="{name}"')[2].partition("<details")[0]
        labels = re.findall(r'aria-label="([^"]*)" role="graphics-symbol"[^>]*"(?:bar|rect)', drawn)
        (values,) = chart["datasets"].values()
        assert len(labels) == len(values), name
        assert {html.unescape(label) for label in labels} == {each["label"] for each in values}
        # Axes have texts: of times, names or numbers.
        assert len(re.findall(r"<text[^>]*>[^<]+</text>", drawn)) >= 4, name
