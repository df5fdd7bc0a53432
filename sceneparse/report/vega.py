"""Library of the charts as text to put into a page: Vega-Lite, with which DVC draws its plots too.

Output: one JavaScript module, which sets `window.vegaEmbed`. It comes from the pinned package vl-convert-python,
which carries the published sources. Invariant: the same package gives the same bytes, without the network.
"""

from functools import cache
from importlib.metadata import distribution

NOTICE = "Vega, Vega-Lite and Vega-Embed, © University of Washington Interactive Data Lab, BSD 3-clause license"


@cache  # it takes seconds
def library() -> str:
    """Return the module's text, about 0.9 MB."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def conditions() -> str:
    """Return the text that the 3-clause BSD license requires in every copy: the license of the package itself."""
    text = distribution("vl-convert-python").read_text("licenses/LICENSE")
    if not text:
        raise RuntimeError("the package vl-convert-python has no license file at licenses/LICENSE")
    _, start, rest = text.partition("Redistribution and use")
    return start + rest.rstrip()
