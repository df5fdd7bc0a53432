"""The pictures of docs/orchestration.md: a flow run's page in Prefect's UI, down to its task runs or its artifacts.

    python docs/make_flow_picture.py http://127.0.0.1:4200/runs/flow-run/ID docs/images/flow.png
    python docs/make_flow_picture.py --artifacts http://127.0.0.1:4200/runs/flow-run/ID docs/images/artifacts.png

Needs Debian's chromium and the server that has the run.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH = 1280  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", action="store_true")
    parser.add_argument("url")
    parser.add_argument("picture", type=Path)
    flags = parser.parse_args()
    tab, last, height = ("Artifacts", "lineage", 1160) if flags.artifacts else ("Task Runs", "visualize", 980)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": height})
        page.goto(flags.url)
        page.get_by_text(tab, exact=True).last.click()
        page.get_by_text(last, exact=True).first.wait_for()
        page.wait_for_timeout(2000)  # the graph is drawn bit by bit
        page.screenshot(path=flags.picture)
        browser.close()


if __name__ == "__main__":
    main()
