"""Serve a page that segments the pictures dropped on it.

It uses FastAPI and uvicorn, which Prefect needs anyway, and one page written by hand: files without a build step that
load nothing from other hosts. Gradio would not be simpler: release 6.31 needs an older Pillow than the pinned one and
adds 14 packages; its page asks other hosts for fonts and a script; and its annotated image has no opacity slider and
does not return the labels, so most of the page would be written by hand there too.
"""
