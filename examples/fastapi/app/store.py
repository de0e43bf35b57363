from datetime import UTC, datetime
from itertools import count

from app.models import Priority, Todo, TodoIn, TodoPatch


class Store:
    """Keeps the list in memory; it starts anew with the process."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._todos: dict[int, Todo] = {}
        for title, priority in [
            ("Write the release notes", Priority.high),
            ("Water the plants", Priority.normal),
            ("Return the library books", Priority.low),
        ]:
            self.add(TodoIn(title=title, priority=priority))

    def list(self, done: bool | None = None) -> list[Todo]:
        return [todo for todo in self._todos.values() if done is None or todo.done == done]

    def get(self, todo_id: int) -> Todo | None:
        return self._todos.get(todo_id)

    def add(self, new: TodoIn) -> Todo:
        todo = Todo(id=next(self._ids), created_at=datetime.now(UTC), **new.model_dump())
        self._todos[todo.id] = todo
        return todo

    def change(self, todo_id: int, patch: TodoPatch) -> Todo | None:
        todo = self._todos.get(todo_id)
        if todo is None:
            return None
        changed = todo.model_copy(update=patch.model_dump(exclude_unset=True))
        self._todos[todo_id] = changed
        return changed

    def remove(self, todo_id: int) -> bool:
        return self._todos.pop(todo_id, None) is not None


store = Store()
