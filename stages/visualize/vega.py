"""The charts' library as text to put into a page: Vega-Lite, which DVC draws its plots with too.

Output: one JavaScript module, which sets `window.vegaEmbed`. It comes out of the pinned package vl-convert-python,
which carries the published sources. Invariant: the same package gives the same bytes, and nothing is fetched.
"""

from functools import cache
from importlib.metadata import distribution

NOTICE = "Vega, Vega-Lite and Vega-Embed, © University of Washington Interactive Data Lab, BSD 3-clause license"


@cache  # it takes seconds
def library() -> str:
    """The module's text, about 0.9 MB."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def conditions() -> str:
    """What the 3-clause BSD license asks to be printed with every copy: from the package, which is under it as well."""
    text = distribution("vl-convert-python").read_text("licenses/LICENSE")
    if not text:
        raise RuntimeError("the package vl-convert-python has no license file at licenses/LICENSE")
    _, start, rest = text.partition("Redistribution and use")
    return start + rest.rstrip()
