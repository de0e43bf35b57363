"""A project as builders with AI export it: Vite, React, Tailwind, parts on Radix as shadcn has them; 60 packages."""

from __future__ import annotations

import json

from harness.projects import Files

RADIX = {
    **dict.fromkeys(
        (
            "accordion alert-dialog aspect-ratio avatar checkbox collapsible dialog hover-card menubar "
            "navigation-menu popover progress radio-group scroll-area separator slider slot switch tabs toast toggle toggle-group tooltip"
        ).split(),
        "^1.1.0",
    ),
    **dict.fromkeys(("context-menu", "dropdown-menu", "label", "select"), "^2.1.0"),
}
PACKAGES = {
    **{f"@radix-ui/react-{name}": version for name, version in RADIX.items()},
    "@hookform/resolvers": "^3.10.0",
    "@supabase/supabase-js": "^2.50.0",
    "@tanstack/react-query": "^5.83.0",
    "class-variance-authority": "^0.7.1",
    "clsx": "^2.1.1",
    "cmdk": "^1.1.1",
    "date-fns": "^3.6.0",
    "embla-carousel-react": "^8.6.0",
    "input-otp": "^1.4.2",
    "lucide-react": "^0.462.0",
    "next-themes": "^0.3.0",
    "react": "^18.3.1",
    "react-day-picker": "^8.10.1",
    "react-dom": "^18.3.1",
    "react-hook-form": "^7.61.1",
    "react-resizable-panels": "^2.1.9",
    "react-router-dom": "^6.30.1",
    "recharts": "^2.15.4",
    "sonner": "^1.7.4",
    "tailwind-merge": "^2.6.0",
    "tailwindcss-animate": "^1.0.7",
    "vaul": "^0.9.9",
    "zod": "^3.25.0",
}
TOOLS = {
    "@tailwindcss/typography": "^0.5.16",
    "@types/node": "^22.16.5",
    "@types/react": "^18.3.23",
    "@types/react-dom": "^18.3.7",
    "@vitejs/plugin-react-swc": "^3.11.0",
    "autoprefixer": "^10.4.21",
    "postcss": "^8.5.6",
    "tailwindcss": "^3.4.17",
    "typescript": "^5.8.3",
    "vite": "^5.4.19",
}
#: Parts that stand on a package other than Radix, with what each takes from it.
OTHERS = {
    "calendar": ("DayPicker", "react-day-picker"),
    "carousel": ("useEmblaCarousel", "embla-carousel-react"),
    "chart": ("ResponsiveContainer", "recharts"),
    "command": ("Command", "cmdk"),
    "drawer": ("Drawer", "vaul"),
    "form": ("FormProvider", "react-hook-form"),
    "input-otp": ("OTPInput", "input-otp"),
    "resizable": ("PanelGroup", "react-resizable-panels"),
    "sonner": ("Toaster", "sonner"),
}
PLAIN = "alert badge breadcrumb button card input pagination sheet sidebar skeleton table textarea".split()
PAGES = (
    "Billing Calendar Customers Dashboard Help Index Inbox Invoices Login NotFound Orders Pricing Products Profile Reports "
    "Settings Team"
).split()
SECTIONS = "Activity Clients Features Footer Greeting Header Hero Metrics Numbers Plans Questions Quotes Steps Trial".split()
HOOKS = "use-mobile use-orders use-query-text use-session use-theme".split()

CONFIG = """import path from 'path'
import react from '@vitejs/plugin-react-swc'
import { defineConfig } from 'vite'

export default defineConfig({
  server: { host: '::', port: 8080 },
  plugins: [react()],
  resolve: { alias: { '@': path.resolve(__dirname, './src') } },
})
"""
TAILWIND = """import animate from 'tailwindcss-animate'
import typography from '@tailwindcss/typography'

export default {
  darkMode: ['class'],
  content: ['./index.html', './src/**/*.{ts,tsx}'],
  theme: { extend: { colors: { brand: 'hsl(var(--brand))' } } },
  plugins: [animate, typography],
}
"""


def name_of(file: str) -> str:
    """Returns the name of the part in a file."""
    return "".join(word.capitalize() for word in file.split("-"))


def parts() -> Files:
    """Returns the parts that pages are made of, a file for each."""
    files = {}
    for name in RADIX:
        files[name] = (
            f"import * as Primitive from '@radix-ui/react-{name}'\n\n"
            f"export const {name_of(name)} = Primitive.Root\nexport {{ Primitive as {name_of(name)}Parts }}\n"
        )
    for name, (taken, package) in OTHERS.items():
        wanted = taken if taken.startswith("use") else f"{{ {taken} as Taken }}"
        files[name] = (
            f"import {wanted} from '{package}'\n\n"
            f"export const {name_of(name)} = {taken if taken.startswith('use') else 'Taken'}\n"
        )
    for name in PLAIN:
        files[name] = (
            "import * as React from 'react'\nimport { cva } from 'class-variance-authority'\nimport { cn } from '@/lib/utils'\n\n"
            f"const styles = cva('rounded-md border px-4 py-2', {{\n"
            "  variants: { tone: { calm: 'bg-white text-brand', loud: 'bg-brand text-white' } },\n"
            "  defaultVariants: { tone: 'calm' },\n})\n\n"
            f"export const {name_of(name)} = React.forwardRef<HTMLDivElement, React.HTMLAttributes<HTMLDivElement>>(\n"
            "  ({ className, ...more }, ref) => <div ref={ref} className={cn(styles(), className)} {...more} />,\n)\n"
        )
    return {f"src/components/ui/{name}.tsx": text for name, text in files.items()}


def page(number: int, name: str) -> str:
    """Returns a page that uses some of the parts."""
    used = [*RADIX, *OTHERS, *PLAIN]
    some = [used[(number * 3 + step) % len(used)] for step in range(6)]
    imports = "".join(f"import {{ {name_of(it)} }} from '@/components/ui/{it}'\n" for it in some)
    return (
        f"import {{ format }} from 'date-fns'\nimport {{ Heart, Settings, Users }} from 'lucide-react'\n{imports}"
        "import { Card } from '@/components/ui/card'\n"
        f"\nconst parts = [{', '.join(name_of(it) for it in some)}]\n\nexport default function {name}() {{\n"
        f"  return (\n    <main className=\"grid gap-{number % 8} p-{number % 10} md:grid-cols-{number % 4 + 1}\">\n"
        f"      <h1 className=\"text-{'brand' if number % 2 else 'black'}\">{name}</h1>\n"
        "      <Heart /> <Users /> <Settings />\n"
        "      <Card>{parts.length} parts on {format(new Date(2026, 0, 1), 'yyyy')}</Card>\n    </main>\n  )\n}\n"
    ).replace("import { Card } from '@/components/ui/card'\n", "", 1 if "card" in some else 0)


def app() -> str:
    """Returns the routes: every page is imported, as builders do."""
    imports = "".join(f"import {name} from './pages/{name}'\n" for name in PAGES)
    routes = "".join(
        f'          <Route path="/{"" if name == "Index" else "*" if name == "NotFound" else name.lower()}" '
        f"element={{<{name} />}} />\n"
        for name in PAGES
    )
    return (
        "import { QueryClient, QueryClientProvider } from '@tanstack/react-query'\n"
        "import { BrowserRouter, Route, Routes } from 'react-router-dom'\n"
        "import { Sonner } from '@/components/ui/sonner'\nimport { ThemeProvider } from 'next-themes'\n"
        f"{imports}\nconst queries = new QueryClient()\n\nexport default function App() {{\n  return (\n"
        '    <QueryClientProvider client={queries}>\n      <ThemeProvider attribute="class">\n        <Sonner />\n'
        f"        <BrowserRouter>\n          <Routes>\n{routes}          </Routes>\n        </BrowserRouter>\n"
        "      </ThemeProvider>\n    </QueryClientProvider>\n  )\n}\n"
    )


def front() -> str:
    """Returns the first page, which has the sections."""
    imports = "".join(f"import {{ {name} }} from '@/components/sections/{name}'\n" for name in SECTIONS)
    shown = "".join(f"      <{name} />\n" for name in SECTIONS)
    return (
        "import { z } from 'zod'\nimport { zodResolver } from '@hookform/resolvers/zod'\n"
        f"import {{ useForm }} from 'react-hook-form'\nimport {{ database }} from '@/integrations/database'\n{imports}"
        "\nconst schema = z.object({ email: z.string().email() })\n\nexport default function Index() {\n"
        "  const form = useForm({ resolver: zodResolver(schema) })\n  return (\n    <main>\n"
        "      <h1>{database ? 'Everything in one place' : ''}</h1>\n"
        f"      <input {{...form.register('email')}} />\n{shown}    </main>\n  )\n}}\n"
    )


def section(number: int, name: str) -> str:
    """Returns a section of the first page; one of them is a chart."""
    chart = name == "Numbers"
    drawn = '<LineChart width={300} height={100} data={[{ it: 1 }, { it: 3 }]}><Line dataKey="it" /></LineChart>'
    return (
        ("import { Line, LineChart } from 'recharts'\n" if chart else "")
        + "import { Button } from '@/components/ui/button'\n\n"
        + f"export function {name}() {{\n  return (\n    <section className=\"py-{number} hover:opacity-{number * 5}\">\n"
        + f"      <h2>{name}</h2>\n      <Button>More</Button>\n      {drawn if chart else ''}\n    </section>\n  )\n}}\n"
    )


def project(heading: str = "Everything in one place") -> Files:
    """Returns every file; the first page shows the heading."""
    manifest = {
        "name": "exported",
        "private": True,
        "type": "module",
        "scripts": {"dev": "vite", "build": "vite build"},
        "dependencies": PACKAGES,
        "devDependencies": TOOLS,
    }
    files = {
        "package.json": json.dumps(manifest, indent=2) + "\n",
        "vite.config.ts": CONFIG,
        "tailwind.config.ts": TAILWIND,
        "postcss.config.js": "export default { plugins: { tailwindcss: {}, autoprefixer: {} } }\n",
        "tsconfig.json": '{ "compilerOptions": { "jsx": "react-jsx", "paths": { "@/*": ["./src/*"] } } }\n',
        "components.json": '{ "style": "default", "tsx": true, "aliases": { "ui": "@/components/ui" } }\n',
        "README.md": "# Exported\n",
        ".gitignore": "node_modules\ndist\n",
        "index.html": '<!doctype html>\n<html lang="en"><head><title>Exported</title></head>\n'
        '<body><div id="root"></div><script type="module" src="/src/main.tsx"></script></body></html>\n',
        "public/robots.txt": "User-agent: *\nAllow: /\n",
        "src/main.tsx": "import { createRoot } from 'react-dom/client'\nimport App from './App.tsx'\nimport './index.css'\n\n"
        "createRoot(document.getElementById('root')!).render(<App />)\n",
        "src/index.css": "@tailwind base;\n@tailwind components;\n@tailwind utilities;\n\n:root {\n  --brand: 220 80% 40%;\n}\n",
        "src/vite-env.d.ts": '/// <reference types="vite/client" />\n',
        "src/App.tsx": app(),
        "src/lib/utils.ts": "import { clsx, type ClassValue } from 'clsx'\nimport { twMerge } from 'tailwind-merge'\n\n"
        "export const cn = (...inputs: ClassValue[]) => twMerge(clsx(inputs))\n",
        "src/integrations/database.ts": "import { createClient } from '@supabase/supabase-js'\n\n"
        "export const database = createClient('https://database.example', 'public')\n",
        **parts(),
        **{f"src/components/sections/{name}.tsx": section(at, name) for at, name in enumerate(SECTIONS)},
        **{f"src/pages/{name}.tsx": page(at, name) for at, name in enumerate(PAGES)},
        **{f"src/hooks/{name}.ts": f"export const name = '{name}'\n" for name in HOOKS},
        "src/pages/Index.tsx": front().replace("Everything in one place", heading),
    }
    return files
