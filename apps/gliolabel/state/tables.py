"""The tables of the state database.

A case is named by its id alone: cases live in the study folder, so there is nothing here to join them to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DDL, JSON, BigInteger, DateTime, Dialect, Float, Index, Integer, String, TypeDecorator, UniqueConstraint, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Raised when a table changes in a way that older code cannot read.
SCHEMA_VERSION = 1


def now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. sqlite forgets time zones, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy reads it from the class


class About(Base):
    """Facts about the database itself, the schema version for one."""

    __tablename__ = "about"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))


class CaseRow(Base):
    """What is remembered of a case beside its files: when it was offered, its checksum, what a client attached."""

    __tablename__ = "cases"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class UploadRow(Base):
    """A volume that was uploaded; it is a case of one sequence."""

    __tablename__ = "uploads"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    path: Mapped[str] = mapped_column(String(1024))
    voxels_sha256: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(128), default="")
    created: Mapped[datetime] = mapped_column(default=now)


class LabelRow(Base):
    """One version of a label. Never changed afterwards but for its ``info``, never overwritten, hidden when removed."""

    __tablename__ = "label_versions"
    __table_args__ = (UniqueConstraint("case_id", "tag", "version"), Index("label_versions_by_tag", "tag", "case_id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[str] = mapped_column(String(128))
    tag: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(128), default="")
    created: Mapped[datetime] = mapped_column(default=now)
    #: The model version (``unet3d starter-1``) the label was made by or corrected from, if the client told.
    model_version: Mapped[str] = mapped_column(String(128), default="")
    #: Relative to the state folder. None: the label lies beside the case and was not asked for yet.
    path: Mapped[str | None] = mapped_column(String(1024), default=None)
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)
    removed: Mapped[datetime | None] = mapped_column(default=None)


class MaskRow(Base):
    """The last mask of a case that a reader was given: what the reader's submission began from."""

    __tablename__ = "masks"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    reader: Mapped[str] = mapped_column(String(256), primary_key=True)
    model: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(128))
    #: Relative to the state folder.
    path: Mapped[str] = mapped_column(String(1024))
    created: Mapped[datetime] = mapped_column(default=now)


class ChecksumRow(Base):
    """SHA-256 of a file outside the state folder, as long as its size and time of change stay."""

    __tablename__ = "checksums"

    path: Mapped[str] = mapped_column(String(4096), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))


class MapRow(Base):
    """One Monte-Carlo dropout run over a case: its maps by measure and the mask it belongs to, as files."""

    __tablename__ = "maps"
    __table_args__ = (UniqueConstraint("case_id", "model", "version", "passes", "seed"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[str] = mapped_column(String(128))
    model: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(128))
    passes: Mapped[int] = mapped_column(Integer)
    seed: Mapped[int] = mapped_column(Integer)
    #: Relative to the state folder, by measure (``std``, ``entropy``, ``mutual_information``) and ``mask``.
    paths: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sha256: Mapped[dict[str, Any]] = mapped_column(default=dict)
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: The places to look at, worst first.
    places: Mapped[list[Any]] = mapped_column(default=list)
    #: SHA-256 over what the map was computed from, so that a changed image is not given an old map.
    source: Mapped[str] = mapped_column(String(64), default="")
    #: Belongs to the last segmentation of the case; this run is what the tag ``uncertainty`` shows.
    current: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


class ScoreRow(Base):
    """How uncertain a model version was about a case; kept when the map itself is gone."""

    __tablename__ = "scores"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(128), primary_key=True)
    passes: Mapped[int] = mapped_column(Integer)
    seed: Mapped[int] = mapped_column(Integer)
    #: By region: ``band_mean``, ``volume_cv``, ``pairwise_dice``, ``volume_ml_p05``, ``volume_ml_p95``.
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    #: As of a map. None: scored before it was kept, and not known to be out of date.
    source: Mapped[str | None] = mapped_column(String(64), default=None)
    #: Why the case could not be scored, or nothing.
    error: Mapped[str | None] = mapped_column(String(1024), default=None)


class AgreementRow(Base):
    """How far a model version's mask and the newest accepted label of a case agree."""

    __tablename__ = "agreements"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(128), primary_key=True)
    #: Id of the :class:`LabelRow` that was compared.
    label_id: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(64), default="")
    #: By region; two empty masks agree (1).
    dice: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str | None] = mapped_column(String(1024), default=None)
    created: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class LeaseRow(Base):
    """A case that was offered to a reader, who has it until ``expires``. The row stays, so that what was passed over is known."""

    __tablename__ = "leases"

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    holder: Mapped[str] = mapped_column(String(256), primary_key=True, index=True)
    strategy: Mapped[str] = mapped_column(String(64), default="")
    #: Seconds since 1970.
    offered: Mapped[float] = mapped_column(Float)
    #: Seconds since 1970; 0: it was submitted, or the reader asked for another.
    expires: Mapped[float] = mapped_column(Float, index=True)


class SendingRow(Base):
    """A result of a case that is to be sent, or was. Written by :mod:`gliolabel.state.outbox`."""

    __tablename__ = "sendings"
    __table_args__ = (UniqueConstraint("case_id", "what", "version"), Index("sendings_by_due", "sent", "failed", "due"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[str] = mapped_column(String(128))
    #: ``final`` or ``model``.
    what: Mapped[str] = mapped_column(String(16))
    #: Of the accepted label; 0: the model's mask.
    version: Mapped[int] = mapped_column(Integer)
    #: Who asked for it, or submitted the label.
    actor: Mapped[str] = mapped_column(String(128), default="")
    asked: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    #: Seconds since 1970: not to be tried before.
    due: Mapped[float] = mapped_column(Float, default=0.0)
    #: Why the last try failed, or nothing.
    error: Mapped[str | None] = mapped_column(String(1024), default=None)
    #: It is not tried again.
    failed: Mapped[bool] = mapped_column(default=False)
    sent: Mapped[datetime | None] = mapped_column(default=None)
    place: Mapped[str] = mapped_column(String(1024), default="")
    #: Kind and SOPInstanceUID of what was sent.
    objects: Mapped[list[Any]] = mapped_column(default=list)


class ChangeRow(Base):
    """When a table last changed for a case, as a number that grows with every transaction: what is remembered in memory follows it."""

    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, index=True)


class RoleRow(Base):
    """What a case is for: training, validation, or the locked cases that no training sees. Written by :mod:`gliolabel.state.roles`."""

    __tablename__ = "roles"
    __table_args__ = (Index("roles_by_stratum", "stratum", "dealt", "role"),)

    case_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    #: Whose examination it is; all cases of a patient have one role.
    patient: Mapped[str] = mapped_column(String(128), index=True)
    role: Mapped[str] = mapped_column(String(16))
    #: Why, for a person.
    reason: Mapped[str] = mapped_column(String(512))
    #: The class of tumour size within which the patient was dealt a role.
    stratum: Mapped[str] = mapped_column(String(64))
    #: The patient was dealt the role by this case. False: an earlier case of the patient decided, or a training list did.
    dealt: Mapped[bool] = mapped_column(default=False)
    #: Of the whole tumour, as it was known then.
    volume_ml: Mapped[float | None] = mapped_column(default=None)
    created: Mapped[datetime] = mapped_column(default=now)


class AuditRow(Base):
    """One event. The database itself refuses to change or delete it, see below."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_model", "model", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    #: See :data:`gliolabel.state.audit.EVENTS`.
    event: Mapped[str] = mapped_column(String(32), index=True)
    #: Who: the user who logged in, or what the client called itself.
    actor: Mapped[str] = mapped_column(String(128))
    case_id: Mapped[str] = mapped_column(String(128), default="", index=True)
    model: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[str] = mapped_column(String(128), default="")
    reason: Mapped[str] = mapped_column(String(2048), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


_REFUSAL = "the audit log can only be added to"
for _name, _when in {
    "update": "UPDATE ON audit",
    "delete": "DELETE ON audit",
    # INSERT OR REPLACE deletes without asking the trigger above.
    "replace": "INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)",
}.items():
    event.listen(
        AuditRow.__table__,
        "after_create",
        DDL(f"CREATE TRIGGER audit_no_{_name} BEFORE {_when} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END").execute_if(dialect="sqlite"),
    )
for _statement in (
    f"CREATE OR REPLACE FUNCTION gliolabel_audit() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END; $$ LANGUAGE plpgsql",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION gliolabel_audit()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION gliolabel_audit()",
):
    event.listen(AuditRow.__table__, "after_create", DDL(_statement).execute_if(dialect="postgresql"))
