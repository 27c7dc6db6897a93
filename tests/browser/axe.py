"""What of WCAG 2.2 A and AA a page breaks, by axe."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.find_browser import packages

AXE = """async () => (await axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
})).violations.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(
  n => n.html.slice(0, 160) + ' | ' + (n.any[0]?.message ?? '')).join(' || '))"""


def violations(page: Page) -> list[str]:
    """Return each broken rule with the elements that break it."""
    # Not as a script of the page: its policy rightly refuses strangers.
    page.evaluate((packages() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(AXE)
    assert isinstance(found, list)
    return found
