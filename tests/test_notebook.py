"""The notebook, run as Jupyter runs it, in a workspace that has been trained."""

import nbclient
import nbformat
import pytest

NAME = "notebooks/results.ipynb"


def test_it_is_committed_without_output(root):
    notebook = nbformat.read(root / NAME, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.mark.slow
def test_it_runs(trained, monkeypatch):
    """Each cell shows what it is for; none writes into the workspace."""
    before = trained.run("git", "status", "--porcelain")
    notebook = nbformat.read(trained.path / NAME, as_version=4)
    for name in ("PATH", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, trained.environment.get(name, ""))
    metadata = {"path": str(trained.path / "notebooks")}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": metadata}).execute()
    kinds = [kind for cell in notebook.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())]
    assert kinds.count("image/png") == 4  # three scenes and the confidence
    assert kinds.count("image/svg+xml") == 3  # loss, scores, gradient flow
    assert kinds.count("text/html") == 3  # scores, classes, confusions
    assert trained.run("git", "status", "--porcelain") == before
