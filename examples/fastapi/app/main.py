"""A to-do list: a JSON API under /api, and a page that uses it."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from app.routers import stats, todos
from app.store import store

TITLE = "Things to do"

app = FastAPI(title=TITLE, version="1.0.0")
app.include_router(todos.router, prefix="/api/todos", tags=["todos"])
app.include_router(stats.router, prefix="/api/stats", tags=["stats"])

templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


@app.get("/", response_class=HTMLResponse, include_in_schema=False)
async def index(request: Request) -> HTMLResponse:
    return templates.TemplateResponse(request, "index.html", {"title": TITLE, "todos": store.list()})


@app.get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
