from datetime import date

from fastapi import APIRouter

from app.models import Stats
from app.store import store

router = APIRouter()


@router.get("")
async def read_stats() -> Stats:
    todos = store.list()
    done = sum(todo.done for todo in todos)
    overdue = sum(1 for todo in todos if not todo.done and todo.due and todo.due < date.today())
    return Stats(total=len(todos), done=done, open=len(todos) - done, overdue=overdue)
