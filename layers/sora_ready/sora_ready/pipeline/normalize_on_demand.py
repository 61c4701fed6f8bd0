"""`normalize` as a state machine, another function or an operator invokes it directly."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from sora_ready.domain.errors import (
    JobNotFound,
    Rejected,
    RequestConflict,
    RequestRejected,
    SourceForbidden,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.job import Channel, Invocation, Job, SourceObject, Status, timestamp
from sora_ready.domain.job_id import make_job_id
from sora_ready.domain.options import Option
from sora_ready.domain.outcome import terminal_error
from sora_ready.domain.request import merge_options, request_conflicts, validate_options
from sora_ready.pipeline.create_job import create_job
from sora_ready.pipeline.direct_invocation import DirectInvocation
from sora_ready.pipeline.identify import find_job
from sora_ready.pipeline.normalize import Normalize


@dataclass(frozen=True)
class NormalizeOnDemand:
    """Makes an object's frame for whoever invokes the function, with that invocation's options."""

    normalize: Normalize

    def __call__(self, invocation: DirectInvocation) -> Job:
        """Make the object a `ready` job with these options and return it, or return the job that it is already.

        The object's tags and metadata take precedence over the invocation's options. An upload is one job, through
        whichever channel it comes. With `submit` False only a direct invocation of `submit` sends it.

        Raises `ImageRejected`, `RequestRejected` and `SourceRejected`, which are recorded too; `RequestConflict` if the
        upload is a job with other options, which stays as it is; `JobNotFound`; `SourceForbidden`, which is not
        recorded.
        """
        options: dict[str, Option] = {}
        jobs = self.normalize.jobs
        if invocation.job_id:
            source = jobs.find_job(invocation.job_id).source
        else:
            source = self._find_source(invocation)
            options = self._read_options(invocation, source)
            if jobs.get_job(make_job_id(source)) is None:
                self._check_readable(source)
                values = {name: option.value for name, option in options.items()}
                create_job(source, values, Invocation(Channel.DIRECT, submit=invocation.submit), jobs)
        try:
            job = self.normalize(source)
        except SourceForbidden as forbidden:
            # Here the job has a record, if only as `received`.
            forbidden.facts["job_id"] = make_job_id(source)
            raise
        if job.status is Status.DELETED:
            raise JobNotFound(job.id)
        # Checked afterwards: until then the upload's own event may have been faster.
        conflicts = request_conflicts(job, options)
        conflicts += [] if invocation.submit is job.invocation.submit else ["submit"]
        if conflicts and not invocation.job_id:
            raise RequestConflict(job.id, conflicts)
        error = terminal_error(job)
        if isinstance(error, Rejected):
            raise error
        return job

    def _find_source(self, invocation: DirectInvocation) -> SourceObject:
        jobs = self.normalize.jobs
        try:
            found = self.normalize.uploads.find_upload(invocation.bucket, invocation.key, invocation.version_id)
        except SourceRejected as rejection:
            if invocation.version_id and jobs.get_job(make_job_id(invocation.source)):
                # The object of an earlier job may be deleted since.
                return invocation.source
            self._record_rejection(invocation.source, rejection)
            raise
        job = find_job(found, jobs)
        return job.source if job else found

    def _read_options(self, invocation: DirectInvocation, source: SourceObject) -> dict[str, Option]:
        try:
            options = merge_options([("body", invocation.options)])
            # Before they are recorded: a record doesn't hold everything that an invocation may contain.
            validate_options(options, self.normalize.defaults, self.normalize.catalog)
        except RequestRejected as rejection:
            self._record_rejection(source, rejection)
            raise
        return options

    def _check_readable(self, source: SourceObject) -> None:
        """Open the object and read its tags. Raises `SourceForbidden`: a HEAD may be allowed where neither is."""
        # Any other rejection is raised again, and recorded, by `Normalize`.
        with suppress(SourceRejected):
            upload = self.normalize.uploads.open_upload(source)
            upload.body.close()
            if upload.tag_count:
                self.normalize.uploads.read_tags(source)

    def _record_rejection(self, source: SourceObject, rejection: Rejected) -> None:
        jobs = self.normalize.jobs
        job_id, now = make_job_id(source), timestamp(jobs.now())
        if jobs.get_job(job_id) is None:
            job = Job(job_id, Status.REJECTED, source, now, now, invocation=Invocation(Channel.DIRECT))
            with suppress(TransitionRefused):
                jobs.put_job(replace(job, error=rejection.to_job_error()))
        rejection.facts["job_id"] = job_id
