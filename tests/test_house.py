"""The house: arrows between its rooms run one way, and no files import each other in a circle."""

import tomllib

from imports import ROOT, imported_modules, module_name, source_file

PACKAGES = ("sceneparse", "stages", "pipeline")
# The library's rooms, each of which may import those before it.
ROOMS = (
    *("core", "params", "dataset", "fetch", "records", "scores", "report", "network", "inference"),
    *("predict", "export", "web", "convert"),
)
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def imports(file):
    """Modules of the project that a file imports: the files themselves, no packages that hold them."""
    names = set(imported_modules(file))
    files = {source_file(name): name for name in names if name.partition(".")[0] in PACKAGES}
    packages = {name.rpartition(".")[0] for name in names}
    return {module_name(path) for path in files if path} - {name for name in packages if name not in names}


def test_the_rooms_are_those_that_exist():
    folders = {path.name for path in (ROOT / "sceneparse").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)


def allowed(source, target):
    """Whether a module may import another: names of package, room or stage, file."""
    if target[0] != source[0]:
        return target[0] == "sceneparse" and source[0] != "sceneparse"
    if source[0] == "stages":
        return source[1:2] == target[1:2]
    if source[0] == "sceneparse" and len(source) > 1 and len(target) > 1:
        return ROOMS.index(target[1]) <= ROOMS.index(source[1])
    return True


def test_arrows_run_one_way():
    arrows = [(module_name(file), name) for file in FILES for name in imports(file)]
    assert len(arrows) > len(FILES)
    assert [arrow for arrow in arrows if not allowed(*(name.split(".") for name in arrow))] == []


def test_no_circle_of_files():
    arrows = {module_name(file): imports(file) for file in FILES}
    done, path = set(), []

    def walk(module):
        assert module not in path, f"a circle: {[*path[path.index(module) :], module]}"
        if module in done:
            return
        path.append(module)
        for target in sorted(arrows.get(module, ())):
            walk(target)
        done.add(path.pop())

    for module in arrows:
        walk(module)


def test_names_of_files_are_unique():
    """But for those whose folder says the rest, and a section's schema, which is named as its stage."""
    names = [file.relative_to(ROOT) for file in FILES if file.name not in ("__init__.py", "__main__.py", "stage.py")]
    plain = [path for path in names if not path.is_relative_to("sceneparse/params")]
    repeated = {path.name for path in plain if [other.name for other in plain].count(path.name) > 1}
    assert repeated == set()


def test_a_built_package_has_the_pages():
    """Their files are no code, so the package has those that pyproject.toml names."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    pages = {path.relative_to(ROOT).parent for package in PACKAGES for path in (ROOT / package).rglob("page")}
    assert pages
    assert {name.replace(".", "/") for name, files in data.items() if "page/*" in files} == set(map(str, pages))
