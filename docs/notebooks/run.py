"""Run the notebooks, and renew what they show: python docs/notebooks/run.py

The cells of a notebook are carried out in order, in one namespace. What they show is kept as it is if only the ids that
the library makes are other ones. The tests run the notebooks the same way, and compare.
"""

import ast
import base64
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

FOLDER = Path(__file__).parent
MARKUP = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)
AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def outputs(notebook):
    """Yield, for each cell of code, what it shows: what it prints, and its last expression."""
    namespace = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            yield list(carried_out("".join(cell["source"]), namespace))


def carried_out(code, namespace):
    """Carry out a cell, and yield its outputs."""
    *statements, last = ast.parse(code).body
    is_shown = isinstance(last, ast.Expr) and not code.rstrip().endswith(";")
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(ast.Module(statements if is_shown else [*statements, last], []), "cell", "exec"), namespace)
        if is_shown:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    if printed.getvalue():
        yield {"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())}
    if value is not None:
        data, metadata = drawn(value)
        yield {"output_type": "display_data", "metadata": metadata, "data": data}


def drawn(value):
    """Return how a notebook draws a value, a picture, a table or text, and what is said of a picture besides."""
    if hasattr(value, "_repr_mimebundle_"):
        data, metadata = value._repr_mimebundle_()
        described = {kind: {**metadata.get(kind, {}), "alt": value.description} for kind in data}
        return {kind: base64.b64encode(of).decode() for kind, of in data.items()}, described
    if hasattr(value, "_repr_html_"):
        return {"text/html": lines(value._repr_html_())}, {}
    return {"text/plain": lines(repr(value))}, {}


def lines(text):
    """Return a text as a notebook keeps it."""
    return text.splitlines(keepends=True)


def alike(outputs):
    """Return what outputs say: without markup, with the ids that the library made numbered, and a word for a picture."""
    said = []
    for output in outputs:
        for kind, of in output.get("data", {"": output.get("text")}).items():
            said.append(kind if kind == "image/png" else " ".join(MARKUP.sub(" ", "".join(of)).split()))
    known = {}
    return [AN_ID.sub(lambda found: known.setdefault(found[0], f"id {len(known)}"), each) for each in said]


def pictures(outputs):
    """Return the pictures among outputs, and what is said of them."""
    return [
        (output["data"]["image/png"], output["metadata"]) for output in outputs if "image/png" in output.get("data", {})
    ]


def renew(path):
    """Run a notebook, and write what it shows."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, shown) in enumerate(zip(cells, outputs(notebook), strict=True), 1):
        cell["execution_count"] = number
        if alike(shown) != alike(cell["outputs"]) or pictures(shown) != pictures(cell["outputs"]):
            cell["outputs"] = shown
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        renew(path)
        print(path.name)
