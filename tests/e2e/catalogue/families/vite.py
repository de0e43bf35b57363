"""Every template of create-vite."""

from __future__ import annotations

from catalogue.made import npx
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

CREATE_VITE = "create-vite@9.3.0"
#: The templates of Qwik ask for a version of it that is not published; those of this one do not.
CREATE_VITE_FOR_QWIK = "create-vite@7.1.3"


def template(name: str):
    """Returns what makes one template."""
    generator = CREATE_VITE_FOR_QWIK if name.startswith("qwik") else CREATE_VITE
    return npx(generator, "app", "--template", name, "--no-interactive")


def imported(path: str, statement: str) -> Swap:
    """Returns the change that puts an import before the others."""
    return Swap(path, "import ", f"{statement}\nimport ")


def jsx_parts(leaf: str, heading: str, before: str) -> dict:
    """Returns the changes to a component in JSX whose heading is known."""
    folder = leaf.rsplit("/", 1)[0]
    component = f"{folder}/Added.{leaf.rsplit('.', 1)[1]}"
    title = f"<h1>{heading}</h1>"
    return {
        "shows": heading,
        "edit": Edit(leaf, heading),
        "broken": Break(leaf, before),
        "added": Added(
            {component: "export default function Added() {\n  return <p>Added here</p>\n}\n"},
            "Added here",
            (imported(leaf, "import Added from './Added'"), Swap(leaf, title, f"{title}\n          <Added />")),
        ),
        "dependency": Dependency(
            (
                imported(leaf, "import { clsx } from 'clsx'"),
                Swap(leaf, title, "<h1>{clsx('a new', 'dependency')}</h1>"),
            ),
            "a new dependency",
        ),
        "hot": True,
    }


def component_parts(leaf: str, added: str, before: str) -> dict:
    """Returns the changes to a component of one file that begins with its script."""
    title = "<h1>Get started</h1>"
    brace = ("{{ ", " }}") if leaf.endswith(".vue") else ("{", "}")
    import_path = "./" + added.rsplit("/", 1)[1]
    body = "<template>\n  <p>Added here</p>\n</template>\n" if leaf.endswith(".vue") else "<p>Added here</p>\n"
    return {
        "shows": "Get started",
        "edit": Edit(leaf, "Get started"),
        "broken": Break(leaf, before),
        "added": Added(
            {added: body},
            "Added here",
            (imported(leaf, f"import Added from '{import_path}'"), Swap(leaf, title, f"{title}\n      <Added />")),
        ),
        "dependency": Dependency(
            (
                imported(leaf, "import { clsx } from 'clsx'"),
                Swap(leaf, title, f"<h1>{brace[0]}clsx('a new', 'dependency'){brace[1]}</h1>"),
            ),
            "a new dependency",
        ),
        "hot": True,
    }


def vanilla_parts(ending: str) -> dict:
    """Returns the changes to the template without a framework."""
    leaf, title = f"src/main.{ending}", "<h1>Get started</h1>"
    return {
        "shows": "Get started",
        "edit": Edit(leaf, "Get started"),
        "broken": Break(leaf, "document.querySelector"),
        "added": Added(
            {f"src/added.{ending}": "export const added = 'Added here'\n"},
            "Added here",
            (imported(leaf, "import { added } from './added'"), Swap(leaf, title, f"{title}${{added}}")),
        ),
        "dependency": Dependency(
            (
                imported(leaf, "import { clsx } from 'clsx'"),
                Swap(leaf, title, "<h1>${clsx('a new', 'dependency')}</h1>"),
            ),
            "a new dependency",
        ),
        "hot": True,
    }


def lit_parts(ending: str) -> dict:
    """Returns the changes to the template of web components."""
    leaf, slot = f"src/my-element.{ending}", "<slot></slot>"
    return {
        "shows": "Count is",
        "edit": Edit(leaf, "Count is", "Edited {n} is", "Edited {n} is"),
        "broken": Break(leaf, "return html"),
        "added": Added(
            {f"src/added.{ending}": "export const added = 'Added here'\n"},
            "Added here",
            (imported(leaf, "import { added } from './added'"), Swap(leaf, slot, f"{slot}${{added}}")),
        ),
        "dependency": Dependency(
            (imported(leaf, "import { clsx } from 'clsx'"), Swap(leaf, slot, "${clsx('a new', 'dependency')}")),
            "a new dependency",
        ),
        "hot": True,
    }


def _points() -> list[Point]:
    parts = {}
    for ending in ("", "-ts"):
        x, plain = ("tsx", "ts") if ending else ("jsx", "js")
        react = jsx_parts(f"src/App.{x}", "Get started", "const [count")
        parts |= {
            f"vanilla{ending}": vanilla_parts(plain),
            f"vue{ending}": component_parts("src/components/HelloWorld.vue", "src/components/Added.vue", "const count"),
            f"react{ending}": react,
            f"react-compiler{ending}": react,
            f"preact{ending}": jsx_parts(f"src/app.{x}", "Get started", "const [count"),
            f"lit{ending}": lit_parts(plain),
            f"svelte{ending}": component_parts("src/App.svelte", "src/Added.svelte", "import Counter"),
            f"solid{ending}": jsx_parts(f"src/App.{x}", "Get started", "const [count"),
            f"qwik{ending}": jsx_parts(f"src/app.{x}", "Vite + Qwik", "const count"),
        }
    in_part = {"svelte-ts"}
    return [Point(f"vite-{name}", template(name), part=name in in_part, **it) for name, it in parts.items()]


POINTS = _points()
