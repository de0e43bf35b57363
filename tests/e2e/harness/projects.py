"""Small real projects, one per stack and framework, each of which shows `version N` somewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from harness.service import setting
from previewd import Stack

Files = dict[str, str]


@dataclass(frozen=True)
class Project:
    """A project of which one file shows a version at one address."""

    name: str
    stack: int
    #: Every file, at a version.
    files: Callable[[int], Files]
    #: The file that holds the version, and its text.
    changed: str
    #: The address that shows it.
    path: str = "/"
    #: How long the first creation may take, with the installation.
    create_seconds: float = 180
    #: How long a reload may take.
    reload_seconds: float = 20
    #: Whether a source-only commit needs no container.
    keeps_container: bool = True

    def change(self, version: int) -> Files:
        """Returns the one file that changes, at a version."""
        return {self.changed: self.files(version)[self.changed]}


# Versions have three digits, so that two in a row differ in one digit and the file keeps its size.
def static(version: int) -> Files:
    """Returns a page with a style and a script."""
    return {
        "index.html": (
            "<!doctype html>\n<html><head><title>Page</title><link rel=stylesheet href=css/style.css></head>\n"
            f"<body><h1>version {version:03d}</h1><script src=js/main.js></script></body></html>\n"
        ),
        "css/style.css": "h1 { color: teal; }\n",
        "js/main.js": "document.body.dataset.loaded = 'yes';\n",
    }


def fastapi(version: int) -> Files:
    """Returns an ASGI app. The server is not among its requirements, as in many a first project."""
    return {
        "requirements.txt": "fastapi\n",
        "main.py": (
            "from fastapi import FastAPI\n\nfrom shop import catalogue\n\napp = FastAPI()\n\n\n"
            '@app.get("/")\ndef index():\n    return {"text": f"version {catalogue.VERSION}"}\n'
        ),
        "shop/__init__.py": "",
        "shop/catalogue.py": f'VERSION = "{version:03d}"\n',
    }


def flask(version: int) -> Files:
    """Returns a WSGI app."""
    return {
        "requirements.txt": "flask\n",
        "app.py": (
            "from flask import Flask\n\nfrom catalogue import VERSION\n\napp = Flask(__name__)\n\n\n"
            '@app.get("/")\ndef index():\n    return f"version {VERSION}\\n"\n'
        ),
        "catalogue.py": f'VERSION = "{version:03d}"\n',
    }


def express(version: int) -> Files:
    """Returns an Express app."""
    return {
        "package.json": (
            '{\n  "name": "shop",\n  "private": true,\n  "scripts": { "start": "node server.js" },\n'
            '  "dependencies": { "express": "^5.1.0" }\n}\n'
        ),
        "server.js": (
            "const express = require('express');\nconst { VERSION } = require('./lib/catalogue');\n\n"
            "const app = express();\napp.get('/', (req, res) => res.send(`version ${VERSION}`));\n"
            "app.listen(process.env.PORT || 3000);\n"
        ),
        "lib/catalogue.js": f"exports.VERSION = '{version:03d}';\n",
    }


def react(version: int) -> Files:
    """Returns a React app that Vite serves."""
    return {
        "package.json": (
            '{\n  "name": "shop",\n  "private": true,\n  "type": "module",\n  "scripts": { "dev": "vite" },\n'
            '  "dependencies": { "react": "^19.1.0", "react-dom": "^19.1.0" },\n'
            '  "devDependencies": { "@vitejs/plugin-react": "^5.0.0", "vite": "^7.1.0" }\n}\n'
        ),
        "vite.config.js": (
            "import { defineConfig } from 'vite';\nimport react from '@vitejs/plugin-react';\n\n"
            "export default defineConfig({ plugins: [react()] });\n"
        ),
        "index.html": (
            '<!doctype html>\n<html><head><title>Shop</title></head><body><div id="root"></div>'
            '<script type="module" src="/src/main.jsx"></script></body></html>\n'
        ),
        "src/main.jsx": (
            "import { createRoot } from 'react-dom/client';\nimport App from './App.jsx';\n\n"
            "createRoot(document.getElementById('root')).render(<App />);\n"
        ),
        "src/App.jsx": (
            "import { useState } from 'react';\n\nexport default function App() {\n"
            "  const [count, setCount] = useState(0);\n"
            f'  return <button id="shop" onClick={{() => setCount(count + 1)}}>version-{version:03d} count {{count}}</button>;\n'
            "}\n"
        ),
    }


def dockerfile(version: int) -> Files:
    """Returns a project with a Dockerfile of its own."""
    base = setting("PREVIEW_PYTHON_IMAGE", "python:3.12-slim")
    return {
        "Dockerfile": f'FROM {base}\nWORKDIR /srv/shop\nCOPY . .\nEXPOSE 9090\nCMD ["python3", "-u", "server.py"]\n',
        "server.py": (
            "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n\n"
            f'VERSION = "{version:03d}"\n\n\n'
            "class Handler(BaseHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n\n    def do_GET(self):\n"
            "        body = f'version {VERSION}\\n'.encode()\n        self.send_response(200)\n"
            "        self.send_header('Content-Length', str(len(body)))\n        self.end_headers()\n"
            "        self.wfile.write(body)\n\n    def log_message(self, *args):\n        pass\n\n\n"
            "ThreadingHTTPServer(('0.0.0.0', 9090), Handler).serve_forever()\n"
        ),
    }


def plain_node(version: int) -> Files:
    """Returns a Node app without dependencies that does on demand what apps do by accident."""
    return {
        "package.json": '{\n  "name": "plain",\n  "private": true,\n  "scripts": { "start": "node server.js" }\n}\n',
        "server.js": PLAIN_SERVER.replace("VERSION_HERE", f"{version:03d}"),
    }


PLAIN_SERVER = """\
const http = require('node:http');
const crypto = require('node:crypto');

const VERSION = 'VERSION_HERE';
const kept = [];

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://app');
  const number = (name, otherwise) => Number(url.searchParams.get(name) ?? otherwise);
  if (url.pathname === '/crash') {
    console.log('one before the last');
    console.error('the last words');
    setTimeout(() => process.exit(number('code', 1)), number('ms', 0));
    return;
  }
  if (url.pathname === '/hog') {
    setInterval(() => kept.push(Buffer.alloc(8 << 20, 1)), 1);
    return;
  }
  if (url.pathname === '/print') console.log('x'.repeat(number('bytes', 1)));
  if (url.pathname === '/lines') {
    const write = url.searchParams.has('stderr') ? console.error : console.log;
    for (let i = number('from', 0); i < number('from', 0) + number('count', 1); i += 1) write(`line ${i}`);
  }
  if (url.pathname === '/env') return res.end(JSON.stringify(process.env));
  if (url.pathname === '/slow') return setTimeout(() => res.end(`version ${VERSION}`), number('ms', 1000));
  res.end(`version ${VERSION}\\n`);
});

server.on('upgrade', (req, socket) => {
  const key = crypto.createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
    `Sec-WebSocket-Accept: ${key.digest('base64')}\\r\\n\\r\\n`);
  const text = Buffer.from(`version ${VERSION}`);
  socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  socket.on('data', (frame) => { if ((frame[0] & 15) === 8) socket.end(Buffer.from([0x88, 0])); });
  socket.on('end', () => socket.end());
  socket.on('error', () => {});
});

server.listen(process.env.PORT || 3000, () => console.log(`plain server ${VERSION} listens`));
"""

STATIC = Project("static", Stack.STACK_STATIC, static, "index.html", reload_seconds=5, create_seconds=60)
FASTAPI = Project("fastapi", Stack.STACK_PYTHON, fastapi, "shop/catalogue.py")
FLASK = Project("flask", Stack.STACK_PYTHON, flask, "catalogue.py")
EXPRESS = Project("express", Stack.STACK_NODE, express, "lib/catalogue.js")
REACT = Project("react", Stack.STACK_REACT, react, "src/App.jsx", path="/src/App.jsx", reload_seconds=10)
DOCKERFILE = Project(
    "dockerfile", Stack.STACK_DOCKERFILE, dockerfile, "server.py", reload_seconds=60, keeps_container=False
)
PLAIN_NODE = Project("plain-node", Stack.STACK_NODE, plain_node, "server.js", create_seconds=60)

#: One of each kind, in the order of their speed.
STACKS = [STATIC, REACT, EXPRESS, FASTAPI, FLASK, DOCKERFILE]
