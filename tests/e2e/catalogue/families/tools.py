"""What people add to a React page in Vite: ways to style it, other compilers, other kinds of files."""

from __future__ import annotations

from catalogue.families.vite import imported, jsx_parts, template
from catalogue.made import over
from catalogue.point import Break, Dependency, Edit, Point, Swap

REACT = template("react-ts")
LEAF, HEADING = "src/App.tsx", "Tools"
CONFIG = "vite.config.ts"

MAIN = """import { createRoot } from 'react-dom/client'
import './index.css'
import App from './App'

createRoot(document.getElementById('root')!).render(<App />)
"""


def app(body: str = "", imports: str = "", attributes: str = "") -> str:
    """Returns a page with a heading, a button and what else there is."""
    return (
        f"import {{ useState }} from 'react'\n{imports}\nexport default function App() {{\n"
        f"  const [count, setCount] = useState(0)\n  return (\n    <main{attributes}>\n"
        f"          <h1>{HEADING}</h1>\n      <button onClick={{() => setCount(count + 1)}}>Count {{count}}</button>\n"
        f"      {body}\n    </main>\n  )\n}}\n"
    )


def config(plugins: str = "react()", imports: str = "", more: str = "") -> str:
    """Returns Vite's configuration."""
    return (
        f"import {{ defineConfig }} from 'vite'\nimport react from '@vitejs/plugin-react'\n{imports}\n"
        f"export default defineConfig({{ plugins: [{plugins}]{more} }})\n"
    )


def tool(name: str, dependencies: dict[str, str], files: dict[str, str], **more) -> Point:
    """Returns the React template with a tool and with a page that uses it."""
    without = tuple(more.pop("without", ()))
    swaps = tuple(more.pop("swaps", ()))
    whole = {"src/main.tsx": MAIN, "src/index.css": "body {\n  margin: 2rem;\n}\n", LEAF: app(), CONFIG: config(), **files}
    make = over(REACT, files=whole, dependencies=dependencies, swaps=swaps, without=without)
    return Point(name, make, **{**jsx_parts(LEAF, HEADING, "const [count"), **more})


#: For those that have clsx already.
MS = Dependency(
    (imported(LEAF, "import ms from 'ms'"), Swap(LEAF, HEADING, "{ms(120000)} is a new dependency")),
    "2m is a new dependency",
    name="ms",
    version="^2.1.3",
)

RADIX = (
    "accessible-icon accordion alert-dialog aspect-ratio avatar checkbox collapsible compose-refs context-menu dialog "
    "direction dismissable-layer dropdown-menu focus-scope form hover-card id label menubar navigation-menu popover portal "
    "presence primitive progress radio-group roving-focus scroll-area select separator slider slot switch tabs toast toggle "
    "toggle-group toolbar tooltip visually-hidden"
).split()


def shadcn() -> Point:
    """Returns what builders of pages with AI export: a component file for each of 40 packages of Radix, and Tailwind."""
    names = {it: "".join(word.capitalize() for word in it.split("-")) for it in RADIX}
    components = {
        f"src/components/ui/{it}.tsx": f"import * as {name} from '@radix-ui/react-{it}'\n\nexport {{ {name} }}\n"
        for it, name in names.items()
    }
    index = "".join(f"export * from './{it}'\n" for it in RADIX)
    utils = (
        "import { clsx, type ClassValue } from 'clsx'\nimport { twMerge } from 'tailwind-merge'\n\n"
        "export const cn = (...inputs: ClassValue[]) => twMerge(clsx(inputs))\n"
    )
    button = (
        "import { Slot } from '@radix-ui/react-slot'\nimport { cva } from 'class-variance-authority'\n"
        "import { cn } from '@/lib/utils'\n\nconst styles = cva('rounded-md px-4 py-2', {\n"
        "  variants: { variant: { default: 'bg-black text-white', outline: 'border' } },\n"
        "  defaultVariants: { variant: 'default' },\n})\n\n"
        "export function Button({ asChild = false, className = '', ...more }: any) {\n"
        "  const Part = asChild ? Slot : 'button'\n  return <Part className={cn(styles(), className)} {...more} />\n}\n"
    )
    page = app(
        "<Button variant=\"outline\">Shown by Radix</Button><p><Heart /> {Object.keys(ui).length} parts</p>",
        "import { Heart } from 'lucide-react'\nimport * as ui from '@/components/ui'\n"
        "import { Button } from '@/components/ui/button'\n",
    )
    versions = {f"@radix-ui/react-{it}": "^1" for it in RADIX} | {"@radix-ui/react-form": "^0.1"}
    for it in ("primitive", "context-menu", "dropdown-menu", "select"):
        versions[f"@radix-ui/react-{it}"] = "^2"
    return tool(
        "shadcn-40-radix",
        {
            **versions,
            "class-variance-authority": "^0.7.1",
            "clsx": "^2.1.1",
            "lucide-react": "^0.500.0",
            "tailwind-merge": "^3.0.0",
            "tailwindcss": "^4.1.0",
            "@tailwindcss/vite": "^4.1.0",
        },
        {
            **components,
            "src/components/ui/index.ts": index,
            "src/components/ui/button.tsx": button,
            "src/lib/utils.ts": utils,
            "src/index.css": '@import "tailwindcss";\n',
            LEAF: page,
            CONFIG: config(
                "react(), tailwindcss()",
                "import path from 'node:path'\nimport tailwindcss from '@tailwindcss/vite'\n",
                ", resolve: { alias: { '@': path.resolve(import.meta.dirname, './src') } }",
            ),
        },
        dependency=MS,
    )


TAILWIND_3 = {"tailwindcss": "^3.4.17", "postcss": "^8.5.6", "autoprefixer": "^10.4.21"}

POINTS = [
    tool(
        "tailwind-3",
        TAILWIND_3,
        {
            "tailwind.config.js": "export default {\n  content: ['./index.html', './src/**/*.{js,ts,jsx,tsx}'],\n"
            "  theme: { extend: {} },\n  plugins: [],\n}\n",
            "postcss.config.js": "export default {\n  plugins: {\n    tailwindcss: {},\n    autoprefixer: {},\n  },\n}\n",
            "src/index.css": "@tailwind base;\n@tailwind components;\n@tailwind utilities;\n",
            LEAF: app('<p className="pt-[17px]">Styled</p>'),
        },
    ),
    tool(
        "tailwind-4",
        {"tailwindcss": "^4.1.0", "@tailwindcss/vite": "^4.1.0"},
        {
            "src/index.css": '@import "tailwindcss";\n',
            LEAF: app('<p className="pt-[17px]">Styled</p>'),
            CONFIG: config("react(), tailwindcss()", "import tailwindcss from '@tailwindcss/vite'\n"),
        },
    ),
    shadcn(),
    tool(
        "pwa",
        {"vite-plugin-pwa": "^1.0.0"},
        {
            CONFIG: config(
                "react(), VitePWA({ registerType: 'autoUpdate', manifest: { name: 'App' } })",
                "import { VitePWA } from 'vite-plugin-pwa'\n",
            ),
        },
    ),
    tool(
        "mdx",
        {"@mdx-js/rollup": "^3.1.0", "@mdx-js/react": "^3.1.0"},
        {
            "src/text.mdx": "export const said = 'by MDX'\n\n## A text\n\nSaid {said}\n",
            LEAF: app("<Text />", "import Text from './text.mdx'\n"),
            CONFIG: config("{ enforce: 'pre', ...mdx() }, react()", "import mdx from '@mdx-js/rollup'\n"),
        },
        edit=Edit("src/text.mdx", "A text"),
        broken=Break("src/text.mdx", "## A text", "<p>{</p>"),
    ),
    tool(
        "sass",
        {"sass-embedded": "^1.90.0"},
        {
            "src/_colours.scss": "$main: teal;\n",
            "src/app.scss": "@use 'colours';\n\nmain {\n  h1 {\n    color: colours.$main;\n  }\n}\n",
            LEAF: app(imports="import './app.scss'\n"),
        },
        broken=Break("src/app.scss", "    color:", "    color: $nothing;"),
    ),
    tool(
        "css-modules",
        {},
        {
            "src/App.module.css": ".title {\n  color: teal;\n}\n",
            LEAF: app("<p className={styles.title}>Styled</p>", "import styles from './App.module.css'\n"),
        },
        broken=Break("src/App.module.css", ".title", ".wrong {"),
    ),
    tool(
        "typescript-paths",
        {"vite-tsconfig-paths": "^5.1.4"},
        {
            "src/parts/said.ts": "export const said: string = 'Said by a path'\n",
            LEAF: app("<p>{said}</p>", "import { said } from '@/parts/said'\n"),
            CONFIG: config("react(), tsconfigPaths()", "import tsconfigPaths from 'vite-tsconfig-paths'\n"),
        },
        swaps=(
            Swap(
                "tsconfig.app.json",
                '"compilerOptions": {',
                '"compilerOptions": {\n    "paths": { "@/*": ["./src/*"] },',
            ),
        ),
        edit=Edit("src/parts/said.ts", "Said by a path"),
        broken=Break("src/parts/said.ts", "export const"),
    ),
    tool(
        "react-swc",
        {"@vitejs/plugin-react-swc": "^4.2.0", "vite": "^7.1.0", "@vitejs/plugin-react": "^5.0.0"},
        {CONFIG: config().replace("plugin-react'", "plugin-react-swc'")},
    ),
    tool(
        "react-babel",
        {"vite": "^7.1.0", "@vitejs/plugin-react": "^5.0.0", "styled-jsx": "^5.1.6"},
        {
            CONFIG: config("react({ babel: { plugins: ['styled-jsx/babel'] } })"),
            LEAF: app("<style jsx>{`h1 { color: teal; }`}</style>"),
        },
    ),
]
