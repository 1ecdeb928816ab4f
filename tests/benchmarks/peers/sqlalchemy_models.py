"""The tables of the SQLAlchemy peer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, Index, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from benchmarks.rules import JOURNAL


class Base(DeclarativeBase):
    """What all tables share."""


class Organization(Base):
    """One organization."""

    __tablename__ = "organization"
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    organization_name: Mapped[str | None]


class Project(Base):
    """One project."""

    __tablename__ = "project"
    project_id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str | None] = mapped_column(ForeignKey("organization.organization_id"))
    project_name: Mapped[str | None]
    project_type: Mapped[int | None]
    operating_start_date: Mapped[date | None]
    operating_end_date: Mapped[date | None]


class Access(Base):
    """That a user can access an organization."""

    __tablename__ = "access"
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(primary_key=True)


class User(Base):
    """One user."""

    __tablename__ = "user"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    permissions: Mapped[str] = mapped_column(default="")
    is_case_manager: Mapped[bool] = mapped_column(default=True)
    left_on: Mapped[date | None]
    access: Mapped[list[Access]] = relationship()

    def can_access(self, project: Project) -> bool:
        """Whether the user can access the organization that runs a project."""
        if "all-organizations" in self.permissions:
            return True
        return any(access.organization_id == project.organization_id for access in self.access)


class Client(Base):
    """One client."""

    __tablename__ = "client"
    personal_id: Mapped[str] = mapped_column(primary_key=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]


class Enrollment(Base):
    """One enrollment."""

    __tablename__ = "enrollment"
    enrollment_id: Mapped[str] = mapped_column(primary_key=True)
    personal_id: Mapped[str] = mapped_column(ForeignKey("client.personal_id"), index=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.project_id"))
    household_id: Mapped[str | None]
    relationship_to_hoh: Mapped[int | None]
    entry_date: Mapped[date]
    exit_date: Mapped[date | None]
    deleted: Mapped[bool] = mapped_column(default=False)
    client: Mapped[Client] = relationship()
    project: Mapped[Project] = relationship()
    assignments: Mapped[list[Assignment]] = relationship(back_populates="enrollment")
    members: Mapped[list[Enrollment]] = relationship(
        primaryjoin="and_(Enrollment.project_id == remote(foreign(Enrollment.project_id)),"
        "Enrollment.household_id == remote(foreign(Enrollment.household_id)))",
        viewonly=True,
    )
    __table_args__ = (Index("enrollment_by_household", "project_id", "household_id"),)

    def assignments_(self) -> list[Assignment]:
        """Return the stints on the enrollment."""
        return self.assignments


class Assignment(Base):
    """One stint."""

    __tablename__ = "assignment"
    assignment_id: Mapped[str] = mapped_column(primary_key=True)
    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollment.enrollment_id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"))
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    role: Mapped[str] = mapped_column(default="Case Manager")
    kept_after_exit: Mapped[bool] = mapped_column(default=False)
    voided: Mapped[bool] = mapped_column(default=False)
    enrollment: Mapped[Enrollment] = relationship(back_populates="assignments")
    __table_args__ = (Index("assignment_by_user", "user_id", "end_date"),)


class Change(Base):
    """One line of history."""

    __tablename__ = "change"
    number: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[str]
    recorded_at: Mapped[str]
    user_id: Mapped[str | None]
    action: Mapped[str]
    kind: Mapped[str]
    record_id: Mapped[str] = mapped_column(index=True)
    before: Mapped[str | None]
    after: Mapped[str | None]
    reason: Mapped[str | None]
    batch_id: Mapped[str] = mapped_column(index=True)
    digest: Mapped[str]


class Move(Base):
    """One stint that a reassignment has ended, and the one that follows it."""

    __tablename__ = "move"
    ended_id: Mapped[str] = mapped_column(ForeignKey("assignment.assignment_id"), primary_key=True)
    started_id: Mapped[str] = mapped_column(ForeignKey("assignment.assignment_id"), primary_key=True)
    end_before: Mapped[date | None]
    batch_id: Mapped[str] = mapped_column(index=True)
    ended: Mapped[Assignment] = relationship(foreign_keys=ended_id)
    started: Mapped[Assignment] = relationship(foreign_keys=started_id)


@contextmanager
def opened(file: str, begin: str = "BEGIN IMMEDIATE") -> Iterator[Engine]:
    """Give an engine whose connections are as durable as those of the other peers."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in (f"journal_mode = {JOURNAL}", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    try:
        yield engine
    finally:
        engine.dispose()
