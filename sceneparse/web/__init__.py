"""`sceneparse web`: a page where a picture is dropped and its segmentation is looked at.

Built on FastAPI and uvicorn, which Prefect brings along anyway, and one page written by hand: files without a build
step that load nothing from anywhere. Gradio was weighed: release 6.31 wants an older Pillow than the one that is
pinned here, and adds 14 packages; its page asks other hosts for fonts and a script; and its annotated image has no
opacity slider and does not give the labels away, so most of the page would be written by hand there too.
"""
