from fastapi import APIRouter, HTTPException, Response, status

from app.models import Todo, TodoIn, TodoPatch
from app.store import store

router = APIRouter()


@router.get("")
async def list_todos(done: bool | None = None) -> list[Todo]:
    return store.list(done)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_todo(new: TodoIn) -> Todo:
    return store.add(new)


@router.get("/{todo_id}")
async def read_todo(todo_id: int) -> Todo:
    return _found(store.get(todo_id))


@router.patch("/{todo_id}")
async def change_todo(todo_id: int, patch: TodoPatch) -> Todo:
    return _found(store.change(todo_id, patch))


@router.delete("/{todo_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_todo(todo_id: int) -> Response:
    if not store.remove(todo_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such todo")
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _found(todo: Todo | None) -> Todo:
    if todo is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such todo")
    return todo
