from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class Priority(StrEnum):
    low = "low"
    normal = "normal"
    high = "high"


class TodoIn(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    priority: Priority = Priority.normal
    due: date | None = None


class TodoPatch(BaseModel):
    title: str | None = Field(default=None, min_length=1, max_length=200)
    priority: Priority | None = None
    due: date | None = None
    done: bool | None = None


class Todo(TodoIn):
    id: int
    done: bool = False
    created_at: datetime


class Stats(BaseModel):
    total: int
    done: int
    open: int
    overdue: int
