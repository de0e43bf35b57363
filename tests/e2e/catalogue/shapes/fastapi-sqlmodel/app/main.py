from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlmodel import Session, select

from .database import create_db_and_tables, get_session
from .models import Hero


@asynccontextmanager
async def lifespan(app: FastAPI):
    create_db_and_tables()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
def read_root():
    return {"message": "Heroes"}


@app.post("/heroes/")
def create_hero(hero: Hero, session: Annotated[Session, Depends(get_session)]) -> Hero:
    session.add(hero)
    session.commit()
    session.refresh(hero)
    return hero


@app.get("/heroes/")
def read_heroes(session: Annotated[Session, Depends(get_session)]) -> list[Hero]:
    return list(session.exec(select(Hero)).all())
