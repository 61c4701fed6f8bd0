"""Picture and options → the exact frame in `ready/`, and a job record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.upload_bucket import Upload, UploadBucket
from sora_ready.domain.catalog import Catalog
from sora_ready.domain.errors import ImageRejected, Rejected, RequestRejected, SourceRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.imaging import ReadyImage, make_ready_image
from sora_ready.domain.job import Job, JobRequest, Picture, SourceObject, Status, timestamp
from sora_ready.domain.job_id import make_job_id
from sora_ready.domain.options import Option
from sora_ready.domain.request import VideoRequest, apply_model_defaults, apply_preset, merge_options, parse_request
from sora_ready.domain.spending import price_job
from sora_ready.pipeline.decode_attempts import DecodeAttempts
from sora_ready.pipeline.identify import identify_upload

OWN_OUTPUT = (
    "The object is in the stack's own output bucket, so each copy would become another job. Set the parameter "
    "ExistingUploadBucket to another bucket."
)


@dataclass(frozen=True)
class Normalize:
    """Makes an upload's frame. `defaults` are the stack's options; a decode that takes longer has crashed."""

    jobs: JobTable
    uploads: UploadBucket
    outputs: OutputBucket
    catalog: Catalog
    defaults: Mapping[str, str]
    max_source_bytes: int
    decode_timeout_seconds: int

    def __call__(self, source: SourceObject) -> Job:
        """Make an upload a `ready` job, or a `rejected` one that says why; return it.

        A job beyond `received` is returned unchanged: S3 sends events more than once. The copy is saved before the
        record names it; the copy's own event then triggers `submit`. The job is `received` on record before its picture
        is decoded, so that a picture which crashed its decoder twice is `rejected` and not decoded again.
        """
        own_output = source.bucket == self.outputs.name
        if own_output:
            # It is rejected unread.
            known = self.jobs.get_job(make_job_id(source))
        else:
            source, known = identify_upload(source, jobs=self.jobs, uploads=self.uploads)
        if known and known.status is not Status.RECEIVED:
            return known
        now = timestamp(self.jobs.now())
        job = Job(make_job_id(source), Status.RECEIVED, source, created_at=now, updated_at=now)
        if known:
            job = replace(job, created_at=known.created_at, history=known.history, invocation=known.invocation)
        with DecodeAttempts(self.jobs, self.decode_timeout_seconds) as attempts:
            try:
                if own_output:
                    # A stack can be configured to read its own output bucket.
                    raise SourceRejected("source_is_output", OWN_OUTPUT, key=source.key)
                upload = self.uploads.open_upload(source)
                given = self._merge_options(source, upload, known)
                job = _with_options(job, given)
                options = apply_model_defaults(apply_preset(given), self.catalog)
                job = _with_options(job, options)
                request = parse_request(options, self.catalog)
                # What is rejected unread needs no attempt.
                if upload.length <= self.max_source_bytes:
                    started = attempts.start(known or job)
                    if started.status is not Status.RECEIVED:
                        return started
                    job = replace(
                        job, created_at=started.created_at, history=started.history, invocation=started.invocation
                    )
                ready = self._make_frame(upload, request)
                job_request = self._describe_request(request, ready.size, options)
            except Rejected as rejection:
                return self._put(replace(job, status=Status.REJECTED, error=rejection.to_job_error()))
            picture = Picture(ready.source_format, ready.source_size.width, ready.source_size.height, upload.length)
            copy = self.outputs.put_ready_copy(job.id, ready)
            # Options that the request doesn't hold stay as they were given.
            rest = {name: value for name, value in job.options.items() if not hasattr(job_request, name)}
            return self._put(
                replace(job, status=Status.READY, options=rest, request=job_request, picture=picture, copy=copy)
            )

    def _merge_options(self, source: SourceObject, upload: Upload, known: Job | None) -> dict[str, Option]:
        tags = self.uploads.read_tags(source) if upload.tag_count else {}
        # Recorded before the picture came: by the API, a backfill or a direct invocation.
        recorded = {}
        if known:
            recorded = {
                name: value for name, value in known.options.items() if known.option_sources.get(name) == "body"
            }
        return merge_options(
            [("tag", tags), ("metadata", upload.metadata), ("body", recorded), ("default", self.defaults)]
        )

    def _make_frame(self, upload: Upload, request: VideoRequest) -> ReadyImage:
        if upload.length > self.max_source_bytes:
            raise ImageRejected(
                "too_many_bytes",
                f"The file has {upload.length:,} bytes; at most {self.max_source_bytes:,} are accepted. Shrink the "
                "picture and upload it again.",
                bytes=upload.length,
                max_bytes=self.max_source_bytes,
            )
        return make_ready_image(upload.body.read(), request.sizes, request.frame_options)

    def _describe_request(self, request: VideoRequest, size: Size, options: Mapping[str, Option]) -> JobRequest:
        frame_options = request.frame_options
        return JobRequest(
            model=request.model,
            size=str(size),
            requested_size=options["size"].value,
            seconds=request.seconds,
            mode=str(frame_options.mode),
            focus=str(frame_options.focus),
            crop=str(frame_options.crop),
            background=str(frame_options.background),
            format=str(frame_options.format),
            quality=frame_options.quality,
            prompt=request.prompt,
            price_usd=self._price(request, size, options["model"]),
            preset=options["preset"].value if "preset" in options else "",
        )

    def _price(self, request: VideoRequest, size: Size, model: Option) -> Decimal:
        price = price_job(self.catalog[request.model], size, request.seconds)
        if price is None:
            models = self.catalog.items()
            priced = [name for name, other in models if set(other.usd_per_second.values()) != {None}]
            raise RequestRejected(
                "model",
                model.value,
                model.source,
                priced,
                why=f"The catalog has no price for it at {size}, and no budget can cover what has no price: set one in "
                "the parameter VideoModels (0 if it is free).",
            )
        return price

    def _put(self, job: Job) -> Job:
        # Another delivery of the same event may be faster; its record is as good.
        written = replace(job, updated_at=timestamp(self.jobs.now()))
        return self.jobs.write_or_reload(job, lambda: self.jobs.put_job(written))


def _with_options(job: Job, options: Mapping[str, Option]) -> Job:
    return replace(
        job,
        options={name: option.value for name, option in options.items()},
        option_sources={name: option.source for name, option in options.items()},
    )
