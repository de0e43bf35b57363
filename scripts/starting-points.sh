#!/bin/sh
# Makes the starting points that people really use, as their generators write them, in a folder:
#
#   scripts/starting-points.sh <folder>
#
# vite-<template> for each template of create-vite, express-generator, html5-boilerplate, django, flask, fastapi. What is
# there already stays. Needs node, npm, python3 with venv and pip, and the usual package indexes.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 <folder>" >&2
    exit 2
fi
mkdir -p "$1"
target=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

say() { echo "starting-points: $*" >&2; }
missing() { [ ! -e "$target/$1" ]; }
# A folder appears whole or not at all.
keep() { mv "$1" "$target/$2" && say "made $2"; }

npm_quiet() { npm --no-audit --no-fund --no-update-notifier --loglevel=error "$@"; }

# A template is a folder of the package, or one of the two variants that its generator makes of a neighbour.
cd "$work"
npm_quiet pack create-vite > /dev/null
tar -xzf create-vite-*.tgz
for folder in package/template-* react-compiler react-compiler-ts; do
    template=${folder##*/template-}
    missing "vite-$template" || continue
    node package/index.js "made-$template" --template "$template" --no-interactive < /dev/null > "$template.log" 2>&1 || {
        tail -n 5 "$template.log" >&2
        exit 1
    }
    keep "made-$template" "vite-$template"
done

if missing express-generator; then
    npm_quiet install --prefix "$work/express" express-generator > /dev/null 2>&1
    "$work/express/node_modules/.bin/express" --view=pug made-express > /dev/null
    keep made-express express-generator
fi

if missing html5-boilerplate; then
    mkdir h5bp && cd h5bp
    npm_quiet pack html5-boilerplate > /dev/null
    tar -xzf html5-boilerplate-*.tgz
    cd ..
    keep h5bp/package/dist html5-boilerplate
fi

if missing django; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check django
    "$work/venv/bin/django-admin" startproject mysite made-django 2> /dev/null || {
        mkdir made-django
        "$work/venv/bin/django-admin" startproject mysite made-django
    }
    keep made-django django
fi

# From the first page of each manual.
if missing flask; then
    mkdir made-flask
    cat > made-flask/app.py << 'END'
from flask import Flask

app = Flask(__name__)

@app.route("/")
def hello_world():
    return "<p>Hello, World!</p>"
END
    echo flask > made-flask/requirements.txt
    keep made-flask flask
fi
if missing fastapi; then
    mkdir made-fastapi
    cat > made-fastapi/main.py << 'END'
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root():
    return {"message": "Hello World"}
END
    echo fastapi > made-fastapi/requirements.txt
    keep made-fastapi fastapi
fi
