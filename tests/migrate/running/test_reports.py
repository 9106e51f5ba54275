"""Reports in files: escaped, complete, self-contained, and written atomically."""

import csv
import html
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from aconnect import migrate
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.running.reports.counting import counts, notes
from aconnect.migrate.running.reports.page import render

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def report_item(number, **fields):
    """Return an item that was migrated as planned."""
    known = {
        "name": f"item-{number}",
        "owner": "ana",
        "outcome": "done",
        "source_guid": f"old-{number}",
        "source_url": f"https://old.example/content/{number}/",
        "target_guid": f"new-{number}",
        "target_url": f"https://new.example/content/{number}/",
        "bytes": 1000,
    }
    return migrate.ReportItem(number=number, **{**known, **fields})


@pytest.fixture
def report():
    """A report with an item in each state."""
    items = (
        report_item(1, vanity="/sales/"),
        report_item(
            2,
            outcome="failed",
            step="deployed",
            error_type="TaskFailedError",
            error="it failed",
            log=("a", "b"),
        ),
        report_item(3, differences=("title is 'B' instead of 'A'",), notes=("set it by hand",)),
        report_item(4, outcome="skipped", target_url=None, notes=("set it by hand", "another")),
        report_item(5, outcome="pending", target_url=None),
    )
    return migrate.Report(
        plan="abcdefgh",
        source="https://old.example",
        destination="https://new.example",
        started=START,
        ended=START + timedelta(seconds=3661),
        items=items,
        notes=("lost for all",),
    )


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_short(report):
    """Each item is in one state; the same note of several items is one note."""
    assert counts(report) == {"failed": 1, "differs": 1, "pending": 1, "done": 1, "skipped": 1}
    assert notes(report) == [("set it by hand", ["item-3", "item-4"]), ("another", ["item-4"])]


def test_page(report):
    """The page has totals, failures with their logs, differences, notes, and all addresses."""
    page = render(report)
    text = html.unescape(re.sub(r"<[^>]+>", "\n", page))
    for words in (
        "Migration from https://old.example to https://new.example",
        "took 1:01:01",
        "5.0 kB",
        "building\n\nTaskFailedError: it failed\na\nb",
        "title is 'B' instead of 'A'",
        "item-3, item-4",
        "lost for all",
        "/sales/",
    ):
        assert words in text
    links = [attributes["href"] for tag, attributes in Elements(page).elements if tag == "a"]
    assert links.count("https://old.example/content/4/") == 1
    assert links.count("https://new.example/content/1/") == 1


def test_no_failures(report):
    """What there is none of has no section."""
    page = render(msgspec.structs.replace(report, items=report.items[:1]))
    assert 'id="items"' in page
    for name in ("failures", "differences", "notes"):
        assert f'id="{name}"' not in page


def test_escaped(report):
    """No text of a server becomes an element, and no address that is not of the web a link."""
    fields = ("name", "owner", "vanity", "error", "error_type", "step", "source_guid")
    one = report_item(
        1,
        outcome="failed",
        source_url=f"javascript:{HOSTILE}",
        target_url=f"https://new.example/{HOSTILE}",
        log=(HOSTILE,),
        differences=(HOSTILE,),
        notes=(HOSTILE,),
    )
    one = msgspec.structs.replace(one, **dict.fromkeys(fields, HOSTILE))
    hostile = msgspec.structs.replace(
        report, items=(one,), notes=(HOSTILE,), source=HOSTILE, destination=HOSTILE, plan=HOSTILE
    )
    page = render(hostile)
    elements = Elements(page).elements
    assert "img" not in [tag for tag, _ in elements]
    assert [tag for tag, _ in elements].count("script") == 1
    assert not any(key.startswith("on") for _, attributes in elements for key in attributes)
    assert {attributes["href"] for tag, attributes in elements if tag == "a"} == {
        f"https://new.example/{HOSTILE}"
    }
    for _, attributes in elements:
        assert not attributes.keys() & {"src", "action", "data"}


def test_policy(report):
    """The page loads nothing, and runs only its own script."""
    page = render(report)
    policies = [one["content"] for tag, one in Elements(page).elements if "http-equiv" in one]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; script-src 'sha256-")


async def test_formats(report, tmp_path):
    """The suffix decides the format; JSON has all, CSV the addresses."""
    path = await migrate.save_report(report, tmp_path / "a.JSON")
    assert msgspec.json.decode(path.read_bytes(), type=migrate.Report) == report
    path = await migrate.save_report(report, tmp_path / "a.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["state"] for row in rows] == ["done", "failed", "differs", "skipped", "pending"]
    assert rows[0]["old_url"], rows[0]["new_url"] == (
        report.items[0].source_url,
        report.items[0].target_url,
    )
    assert rows[4]["new_url"] == ""
    path = await migrate.save_report(report, str(tmp_path / "a.html"))
    assert path.read_text() == render(report)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["a", "a.xls", "absent/a.html"])
async def test_refused_paths(report, tmp_path, name):
    """An unknown suffix or a missing folder is refused, and nothing is written."""
    with pytest.raises(InvalidArgumentError, match="cannot write"):
        await migrate.save_report(report, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


async def test_lone_surrogates(report, tmp_path):
    """Text that cannot be encoded does not prevent a report."""
    items = (report_item(1, name="a\ud800b"),)
    report = msgspec.structs.replace(report, items=items)
    for suffix in (".html", ".csv"):
        path = await migrate.save_report(report, tmp_path / f"a{suffix}")
        assert "a?b" in path.read_text()


@pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="this machine has no Chromium"
)
def test_filter_in_a_browser(report, tmp_path):
    """In a browser, the table can be filtered by words and by state."""
    assert BROWSER is not None, "CI needs Chromium"
    # The policy would refuse a second script.
    page = re.sub(r"<meta http-equiv[^>]*>", "", render(report))
    action = (
        "document.getElementById('words').value = 'ANA item';"
        "document.getElementById('state').value = 'failed';"
        "document.getElementById('state').dispatchEvent(new Event('change'));"
    )
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", f'<script type="module">{action}</script></body>'))
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--virtual-time-budget=20000", f"--user-data-dir={tmp_path / 'profile'}"),
    )
    done = subprocess.run(  # noqa: S603  our own words
        [BROWSER, *flags, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert ">1 of 5</span>" in done.stdout
    assert done.stdout.count('<tr hidden=""') == 4
    assert '<div class="controls" id="controls">' in done.stdout
