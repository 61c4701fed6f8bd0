"""Picture and tags → the exact frame in `ready/` and a job record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from sora_ready.adapters.buckets import OutputBucket, Upload, UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.catalog import Catalog
from sora_ready.domain.errors import (
    ImageRejected,
    Rejected,
    RequestRejected,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.normalize import ReadyImage, normalize_image
from sora_ready.domain.job import Job, SourceObject, Status, make_job_id, timestamp
from sora_ready.domain.request import Option, VideoRequest, apply_preset, fit_defaults, merge_options, parse_request
from sora_ready.domain.spending import price_job
from sora_ready.pipeline.decode_attempts import DecodeAttempts
from sora_ready.pipeline.identify import identify_upload


def normalize_upload(
    source: SourceObject,
    *,
    jobs: JobTable,
    uploads: UploadBucket,
    outputs: OutputBucket,
    catalog: Catalog,
    defaults: Mapping[str, str],
    max_source_bytes: int,
    decode_timeout_seconds: int,
) -> Job:
    """Make the announced upload a `ready` job, or a `rejected` one that says why; return it.

    An upload that was dealt with before is left as it is: S3 announces things more than once. The copy is saved before
    the record says so; the copy's own event then wakes `submit`.

    A job that is on record as `received`, with what its caller asked for, is taken up as it stands; one whose caller
    wants the copy alone is not submitted, but waits for a call.

    The job is on record as `received` before it is decoded: a picture whose decoding was begun twice, longer ago than
    `decode_timeout_seconds`, and never ended is `rejected` and not decoded again.
    """
    if source.bucket == outputs.name:
        # It is refused unseen.
        known = jobs.get_job(make_job_id(source))
    else:
        source, known = identify_upload(source, jobs=jobs, uploads=uploads)
    if known and known.status is not Status.RECEIVED:
        return known
    job_id = make_job_id(source)
    now = timestamp(jobs.now())
    record: dict[str, Any] = {
        "job_id": job_id,
        "source": source.as_record(),
        "created_at": known.created_at if known else now,
        "updated_at": now,
        "history": list(known.history) if known else [],
        "caller": known.caller if known else {},
    }
    with DecodeAttempts(jobs, decode_timeout_seconds) as attempts:
        try:
            _refuse_own_output(source, outputs)
            upload = uploads.open_upload(source)
            tags = uploads.read_tags(source) if upload.tag_count else {}
            asked = _options_on_record(known)
            given = merge_options(
                [("tag", tags), ("metadata", upload.metadata), ("body", asked), ("default", defaults)]
            )
            record |= _describe_options(given)
            options = fit_defaults(apply_preset(given), catalog)
            record |= _describe_options(options)
            request = parse_request(options, catalog)
            # What is refused unread needs no attempt.
            if upload.length <= max_source_bytes:
                begun = attempts.begin(known or Job.from_record(record | {"status": Status.RECEIVED}))
                if begun.status is not Status.RECEIVED:
                    return begun
                record |= {"created_at": begun.created_at, "history": begun.history, "caller": begun.caller}
            ready = _make_frame(upload, request, max_source_bytes)
            record["request"] = _describe_request(request, ready.size, options, catalog)
        except Rejected as rejection:
            rejected = {"status": Status.REJECTED, "error": rejection.as_record()}
            return _put_once(jobs, Job.from_record(record | rejected))
        record["picture"] = {
            "format": ready.source_format,
            "width": ready.source_size.width,
            "height": ready.source_size.height,
            "bytes": upload.length,
        }
        record["copy"] = outputs.put_ready_copy(job_id, ready)
        return _put_once(jobs, Job.from_record(record | {"status": Status.READY}))


def _refuse_own_output(source: SourceObject, outputs: OutputBucket) -> None:
    # A stack can be told to take its pictures from its own output bucket: each copy would become another job.
    if source.bucket == outputs.name:
        raise SourceRejected(
            "source_is_output",
            "The object lies in the stack's own output bucket, and would be made from again and again. Set the "
            "parameter ExistingUploadBucket to another bucket.",
            key=source.key,
        )


def _make_frame(upload: Upload, request: VideoRequest, max_source_bytes: int) -> ReadyImage:
    if upload.length > max_source_bytes:
        raise ImageRejected(
            "too_many_bytes",
            f"The file has {upload.length:,} bytes; at most {max_source_bytes:,} are accepted. Shrink the picture and "
            "upload it again.",
            bytes=upload.length,
            max_bytes=max_source_bytes,
        )
    return normalize_image(upload.body.read(), size=request.sizes, **asdict(request.frame_options))


def _options_on_record(known: Job | None) -> dict[str, Any]:
    """Return what was asked for with the job before its picture was here: by the API, a backfill, a direct call."""
    if known is None:
        return {}
    return {field: value for field, value in known.request.items() if known.option_sources.get(field) == "body"}


def _describe_options(options: Mapping[str, Option]) -> dict[str, Any]:
    return {
        "option_sources": {field: option.source for field, option in options.items()},
        "request": {field: option.value for field, option in options.items()},
    }


def _describe_request(
    request: VideoRequest, size: Size, options: Mapping[str, Option], catalog: Catalog
) -> dict[str, Any]:
    preset = {"preset": options["preset"].value} if "preset" in options else {}
    return preset | {
        "model": request.model,
        "size": str(size),
        "size_asked": options["size"].value,
        "seconds": request.seconds,
        "mode": str(request.frame_options.mode),
        "focus": str(request.frame_options.focus),
        "crop": str(request.frame_options.crop),
        "background": str(request.frame_options.background),
        "format": str(request.frame_options.format),
        "quality": request.frame_options.quality,
        "prompt": request.prompt,
        "price_usd": str(_price_request(request, size, options["model"], catalog)),
    }


def _price_request(request: VideoRequest, size: Size, model: Option, catalog: Catalog) -> Decimal:
    price = price_job(catalog[request.model], size, request.seconds)
    if price is None:
        priced = [name for name, other in catalog.models.items() if set(other.usd_per_second.values()) != {None}]
        raise RequestRejected(
            "model",
            model.value,
            model.source,
            priced,
            why=f"The catalog has no price for it at {size}, and what has no price cannot be kept within a budget: "
            "set one in the parameter VideoModels (0 if it is free).",
        )
    return price


def _put_once(jobs: JobTable, job: Job) -> Job:
    try:
        return jobs.put_job(replace(job, updated_at=timestamp(jobs.now())))
    except TransitionRefused:
        # Another delivery of the same event was quicker; its record is as good as this one.
        return jobs.get_job(job.id) or job
