"""The picture of docs/orchestration.md: a flow run's page in Prefect's UI, down to its task runs.

    python docs/make_flow_picture.py http://127.0.0.1:4200/runs/flow-run/ID docs/images/flow.png

Needs Debian's chromium and the server that has the run.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 980}  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("picture", type=Path)
    flags = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(flags.url)
        page.get_by_text("Task Runs", exact=True).click()
        page.get_by_text("visualize", exact=True).first.wait_for()
        page.wait_for_timeout(2000)  # the graph is drawn bit by bit
        page.screenshot(path=flags.picture)
        browser.close()


if __name__ == "__main__":
    main()
