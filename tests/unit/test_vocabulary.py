"""Every tracked file keeps to one vocabulary: AWS's, Python's and video's words, in American spelling.

The tables hold each word that is not used here and the word to use instead. To allow a word in one file, because a user
may type it or another system writes it, add it to EXCEPTIONS with the reason.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Not ours to spell: the license, locked requirements, and this file, which lists the words.
SKIPPED = ("LICENSE", "requirements/*.txt", "layers/*/requirements.txt", "tests/unit/test_vocabulary.py")
BINARY = {".gif", ".heic", ".ico", ".jpeg", ".jpg", ".mp4", ".png", ".webp", ".woff2", ".zip"}
# A copy without a git folder is walked; these hold nothing of ours.
UNTRACKED = {".aws-sam", ".git", ".hypothesis", ".local", "__pycache__", "node_modules", "out"}

# ---------------------------------------------------------------- the words

# Not used as a word of prose, nor as a part of any identifier or path. `*` stands for any ending.
WORDS = {
    # ours
    "told": "what it is: payload, response, record, message",
    "wish*": "option",
    "doubt* undoubt*": "reconciliation, unconfirmed, unsettled",
    "door*": "api, ApiContext, channel",
    "heed* unheed*": "ignore, honor",
    "announc* unannounc*": "publish; S3 sends an event",
    "rehears*": "deploy-local",
    "backdrop*": "background",
    "inbox*": "ApiUploads",
    "wake* woke woken waking": "due, resume",
    "rhythm*": "polling",
    "agreement*": "request_validation, request_conflicts",
    "rival*": "ambiguous jobs",
    "sighting*": "match",
    "breakage*": "truncated_response",
    # American spelling
    "analyse analysed analyses analysing": "analyze",
    "artefact*": "artifact",
    "authoris* unauthoris*": "authorize",
    "behaviour*": "behavior",
    "cancelled cancelling": "canceled",
    "capitalis*": "capitalize",
    "catalogue*": "catalog",
    "centre*": "center",
    "colour* discolour*": "color",
    "customis*": "customize",
    "favour*": "favor",
    "finalis*": "finalize",
    "fulfil fulfils fulfilment": "fulfill",
    "grey*": "gray",
    "honour*": "honor",
    "initialis*": "initialize",
    "judgement*": "judgment",
    "labell* unlabelled": "labeled",
    "learnt": "learned",
    "licence*": "license",
    "maximis*": "maximize",
    "minimis*": "minimize",
    "misspelt spelt": "misspelled",
    "neighbour*": "neighbor",
    "normalis* denormalis* unnormalis*": "normalize",
    "optimise* optimising optimisation*": "optimize",
    "organise* organising organisation*": "organize",
    "prioritis*": "prioritize",
    "recognis* unrecognis*": "recognize",
    "serialis* deserialis*": "serialize",
    "signalled signalling": "signaled",
    "standardis*": "standardize",
    "summaris*": "summarize",
    "synchronis*": "synchronize",
    "visualis*": "visualize",
    "whilst": "while",
}

# Not used, in this order, within any identifier or path, in snake_case, CamelCase or kebab-case.
SEQUENCES = {
    "answer_batch": "process_batch",
    "answer_call": "run_invocation",
    "answer_error": "error_response",
    "answer_fault": "internal_error",
    "brought_home": "stored",
    "bucket_wiring": "BucketNotifications",
    "bury_job": "tombstone_job",
    "call_memory": "RecentRequests",
    "carry_out": "dispatch",
    "conform_photo": "normalize_photo",
    "direct_call direct_calls": "invocations",
    "find_attention": "find_salient_point",
    "find_ending_error": "terminal_error",
    "find_tries": "settled_attempts",
    "find_vectors": "load_simd_resizer",
    "front_door": "api, VideosApi",
    "in_hand": "leased",
    "inflate_ahead inflated_ahead": "prefetch_inflate",
    "is_named_key": "is_api_object_key",
    "is_past": "has_ended or has_expired",
    "job_not_recorded": "JobNotReadyError",
    "keep_try": "record_settled_attempt",
    "last_chance": "GRACE_AFTER_DEADLINE",
    "lay_picture": "flatten_alpha",
    "leave_to_people": "park_job",
    "look_after": "RECONCILE_BACKOFF",
    "look_once look_at_server": "poll_once",
    "ministack_as_aws": "emulator_patches",
    "name_day": "budget_day",
    "name_job": "job_id_for",
    "name_key": "api_object_key",
    "names_job": "has_stable_id",
    "next_poll_seconds": "poll_delay_seconds",
    "normalize_directly": "normalize_on_demand",
    "note_on_job": "update_job",
    "read_look": "parse_frame_options",
    "receive_job receive_order": "create_job",
    "share_out": "allocate_budget",
    "sign_form": "presign_post",
    "sign_link": "presign_get",
    "stand_in stand_ins": "fake_video_server",
    "submission_not_taken": "SubmissionNotAcceptedError",
    "submit_directly": "submit_on_demand",
    "take_back": "refund",
    "take_up": "process, resume",
    "tell_result": "task_output",
    "too_many_waiters": "TaskTokenEvictedError",
    "vectors_layer": "SimdResizeLayer",
    "young_seconds": "NOT_FOUND_GRACE",
}

# Not used as a whole identifier of Python, nor as a quoted name in any file. Small words that prose may use.
# After a dot: as the name of an attribute, a keyword argument or a quoted name only.
NAMES = {
    "Answer": "Response",
    "Call": "Request",
    "Finding": "MatchResult",
    "LOOKED_AT": "THUMBNAIL_SIDE",
    "Line": "SweepPartition",
    "Look": "FrameOptions",
    "Mark": "OnExhausted",
    "Order": "NewJob",
    "PULL": "CENTER_BIAS",
    "RIM": "EDGE_TRIM",
    "Studio studio": "VideoStore",
    "Terms": "RequestLimits",
    "Waiting": "DueJob",
    "attention": "saliency",
    "endings": "outcome",
    "intake": "create_request",
    "looks": "polls",
    "recall": "get, find_recorded_upload",
    "remember": "put",
    "wire": "the step's own constructor; connect-bucket",
    ".caller": "invocation",
    ".follow": "polling",
}
# Names of other libraries, as they are reached.
LIBRARY_NAMES = {"ast.Call", "pytest.Mark"}

# Not used as the name of a module or a folder.
STEMS = {
    "attention": "saliency",
    "batch_operations": "s3_batch",
    "batches": "sqs",
    "calling": "api_requests",
    "conform": "normalize_photo",
    "doubts": "unconfirmed_jobs",
    "dying_decoder dying_process dying_work": "crashing_decoder",
    "endings": "outcome",
    "hearing": "event_capture",
    "inflating": "png_prefetch",
    "intake": "create_request",
    "kills": "kill_points",
    "pasting": "run_readme",
    "scripted": "canned_server",
    "steps": "run_steps",
    "studio": "video_store",
    "support": "stack_fixtures",
    "tally": "progress",
    "vectors": "simd_resize",
    "video_answers": "responses",
    "wire wire_command": "connect_bucket",
    "world": "simulated_stack",
}

# Not used in prose, whether or not a line ends within. `|` parts what may stand in one place.
PHRASES = {
    "in hand": "leased",
    "take|takes|took|taken|taking up": "process, resume",
    "need|needs|needed|needing a person": "a metric; parked for an operator",
    "leave|leaves|left to people|a person": "park for an operator",
    "bring|brings|brought home": "store",
    "local wire": "connect-bucket",
    "front door": "api",
    "stand-in|stand-ins": "fake video server",
    "a|another|each|every|first|last|next|one look": "poll, check",
    "all|both|few|many|more|of|several|the|these|three|two looks": "polls, checks",
}
# "the colors that the thumbnail looks like": no noun.
NO_NOUN = re.compile(r"\s+(?:like|up|for|at|as|into|through|right|wrong)\b")

EXCEPTIONS = {
    ("layers/sora_ready/sora_ready/domain/*.py", "centre"): "a user may spell the focus so",
    ("tests/unit/test_option_focus_and_crop.py", "centre"): "a user may spell the focus so",
    ("layers/sora_ready/sora_ready/*.py", "cancelled"): "servers report a canceled video so",
    ("tests/integration/test_track_job.py", "cancelled"): "servers report a canceled video so",
    ("README.md", "cancelled"): "S3 Batch Operations writes it so",
    ("tests/bench/peers.py", "centre"): "libvips spells it so",
    ("CHANGELOG.md", ""): "it says what the old names have become",
}


# ---------------------------------------------------------------- the checker


class Violation(NamedTuple):
    path: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: “{self.found}”; use: {self.instead}"


def split_rows(table: dict[str, str]) -> dict[str, str]:
    return {old: instead for row, instead in table.items() for old in row.split()}


WHOLE_WORDS = {old: instead for old, instead in split_rows(WORDS).items() if not old.endswith("*")}
BEGINNINGS = {old[:-1]: instead for old, instead in split_rows(WORDS).items() if old.endswith("*")}
OLD_SEQUENCES = {tuple(old.split("_")): instead for old, instead in split_rows(SEQUENCES).items()}
OLD_NAMES, OLD_STEMS = split_rows(NAMES), split_rows(STEMS)

TOKEN = re.compile(r"[A-Za-z](?:[\w]|-(?=[A-Za-z]))*")
HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
QUOTED = re.compile(r"([\"'`])([A-Za-z_]+)\1|^\s*(?:- )?([A-Za-z_]+):(?=\s|$)", re.MULTILINE)
# Blanks, a line's end with the next line's comment sign, or a hyphen.
GAP = r"(?:\s+(?:(?:#|//|>)\s*)?|-)"


def compile_phrase(phrase: str) -> re.Pattern[str]:
    places = ("|".join(re.escape(one) for one in place.split("|")) for place in phrase.split(" "))
    return re.compile(r"\b" + GAP.join(f"(?:{place})" for place in places) + r"\b(?!-)", re.IGNORECASE)


COMPILED_PHRASES = [(compile_phrase(old), instead) for old, instead in PHRASES.items()]


@cache
def check_token(token: str) -> tuple[tuple[str, str], ...]:
    """Each old word within one word of a text, and what to use instead."""
    parts = [part.lower() for part in HUMP.findall(token)]
    found = [
        (token, instead)
        for part in parts
        for instead in (WHOLE_WORDS.get(part), *(new for begin, new in BEGINNINGS.items() if part.startswith(begin)))
        if instead
    ]
    for old, instead in OLD_SEQUENCES.items():
        if any(tuple(parts[at : at + len(old)]) == old for at in range(len(parts) - len(old) + 1)):
            found.append((token, instead))
    return tuple(found)


def find_words(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for match in TOKEN.finditer(line):
            for found, instead in check_token(match[0]):
                yield number, found, instead


def find_phrases(text: str) -> Iterator[tuple[int, str, str]]:
    for pattern, instead in COMPILED_PHRASES:
        for match in pattern.finditer(text):
            if match[0].lower().endswith("looks") and NO_NOUN.match(text, match.end()):
                continue
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead


def find_python_names(source: str) -> Iterator[tuple[int, str, str]]:
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.string.strip()]
    texts = ["", "", *(token.string for token in tokens), ""]
    for at, token in enumerate(tokens, 2):
        name, before, after = token.string, texts[at - 1], texts[at + 1]
        if token.type != tokenize.NAME or f"{texts[at - 2]}{before}{name}" in LIBRARY_NAMES:
            continue
        names_a_part = before == "." or (before in {"(", ","} and after == "=")
        if instead := OLD_NAMES.get(name) or (OLD_NAMES.get(f".{name}") if names_a_part else None):
            yield token.start[0], name, instead


def find_quoted_names(text: str) -> Iterator[tuple[int, str, str]]:
    for match in QUOTED.finditer(text):
        name = match[2] or match[3]
        if instead := OLD_NAMES.get(name) or OLD_NAMES.get(f".{name}"):
            yield text.count("\n", 0, match.start(2) if match[2] else match.start(3)) + 1, name, instead


def find_in_path(path: str) -> Iterator[tuple[int, str, str]]:
    for place in path.split("/"):
        stem = place.split(".")[0]
        yield from ((0, found, instead) for found, instead in check_token(stem))
        if instead := OLD_STEMS.get(stem.removeprefix("test_")):
            yield 0, stem, instead


def check_file(path: str, text: str) -> list[Violation]:
    """All that a file says in words that are not used here. Line 0 is its path."""
    found = [*find_in_path(path), *find_words(text), *find_phrases(text)]
    if not path.endswith(".md"):
        found += find_quoted_names(text)
    if path.endswith(".py"):
        found += find_python_names(text)
    return [Violation(path, *one) for one in sorted(set(found)) if not is_exception(path, one[1])]


def is_exception(path: str, found: str) -> bool:
    return any(fnmatch(path, pattern) and word in found.lower() for pattern, word in EXCEPTIONS)


def tracked_files() -> list[Path]:
    """The files that git knows, or all of a copy that has no git folder."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(place in UNTRACKED or place.startswith(".venv") for place in path.relative_to(ROOT).parts)
        ]
    return sorted(path for path in paths if path.is_file() and path.suffix not in BINARY)


def read_ours() -> Iterator[tuple[str, str]]:
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if not any(fnmatch(name, pattern) for pattern in SKIPPED):
            yield name, path.read_text(encoding="utf-8")


# ---------------------------------------------------------------- the files


def test_no_tracked_file_uses_an_old_word() -> None:
    found = [str(one) for path, text in read_ours() for one in check_file(path, text)]

    assert not found, f"{len(found)} old words:\n" + "\n".join(found)


def test_all_kinds_of_files_are_checked() -> None:
    names = [name for name, _ in read_ours()]

    assert {Path(name).suffix for name in names} >= {".py", ".md", ".json", ".yaml", ".toml"}
    assert {"Makefile", "template.yaml", "README.md", "tests/unit/conftest.py"} <= set(names)
    assert len([name for name in names if name.endswith(".py")]) > 200


def test_each_exception_is_needed() -> None:
    texts = dict(read_ours())

    assert [
        (pattern, word)
        for pattern, word in EXCEPTIONS
        if not any(
            fnmatch(name, pattern) and re.search(rf"\b{word}\b", text, re.IGNORECASE) for name, text in texts.items()
        )
    ] == []


# ---------------------------------------------------------------- the checker sees


@pytest.mark.parametrize("old", split_rows(WORDS))
def test_an_old_word_is_seen_in_prose_and_as_part_of_an_identifier(old: str) -> None:
    word = old.replace("*", "s")

    assert check_file("page.md", f"A line.\nThe {word} of it.")[0].line == 2
    assert check_file("page.md", f"{word.capitalize()}, of course.")
    assert check_file("app.py", f"as_{word} = 1")
    assert check_file("app.py", f"class {word.capitalize()}Error: ...")
    assert check_file("template.yaml", f"Resources:\n  The{word.capitalize()}Queue: 1")
    assert check_file("event.json", f'{{"the-{word}": 1}}')


@pytest.mark.parametrize("old", split_rows(SEQUENCES))
def test_an_old_sequence_is_seen_in_any_case(old: str) -> None:
    camel = "".join(part.capitalize() for part in old.split("_"))

    assert check_file("app.py", f"def {old}() -> None: ...")
    assert check_file("app.py", f"_{old.upper()}_SECONDS = 1")
    assert check_file("template.yaml", f"  {camel}Queue:")
    assert check_file("Makefile", f"{old.replace('_', '-')}: ## Do it")
    assert check_file(f"local/{old}.py", "")


@pytest.mark.parametrize("old", split_rows(NAMES))
def test_an_old_name_is_seen_as_identifier_and_in_quotes(old: str) -> None:
    name = old.removeprefix(".")

    assert check_file("app.py", f"job.{name}")
    assert check_file("app.py", f"replace(job, {name}=1)")
    assert check_file("app.py", f'job["{name}"]')
    assert check_file("event.json", f'{{"{name}": 1}}')
    assert check_file("template.yaml", f"  {name}: 1")


@pytest.mark.parametrize("old", split_rows(STEMS))
def test_an_old_name_of_a_module_is_seen(old: str) -> None:
    assert check_file(f"local/{old}.py", "")[0].line == 0
    assert check_file(f"local/{old}/__init__.py", "")


@pytest.mark.parametrize("old", PHRASES)
def test_an_old_phrase_is_seen_wherever_its_line_ends(old: str) -> None:
    words = [place.split("|")[-1] for place in old.split(" ")]

    assert check_file("page.md", f"Text.\n\nA job {' '.join(words)}.")[0].line == 3
    assert check_file("page.md", f"A job {chr(10).join(words)}.")
    assert check_file("app.py", f"# A job {f'{chr(10)}# '.join(words)}.")
    assert check_file("app.py", f'logger.error("a job {" ".join(words)}")')
    assert check_file("template.yaml", f"  A: 1 # {' '.join(words).capitalize()}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app.py", "class Call: ..."),
        ("app.py", "def run(told: dict[str, object]) -> None: ..."),
        ("app.py", "from sora_ready.front_door import door"),
        ("app.py", "jobsInDoubt = 1"),
        ("app.py", '"""Take up the picture."""'),
        ("app.py", "x = f'{job.follow}'\ny = job.follow"),
        ("app.py", "logger.warning('a job needs a person')"),
        ("template.yaml", "Metric: JobsInDoubt"),
        ("template.yaml", "# Woken by the queue."),
        ("docs/events/job.json", '"wake_at": 1'),
        ("Makefile", "rehearse: ## Build"),
        ("pyproject.toml", "# colours"),
        ("README.md", "The server is polled; after two looks the job is settled."),
        ("events/announce-stream.json", "{}"),
    ],
)
def test_a_planted_word_is_seen(path: str, text: str) -> None:
    assert check_file(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app.py", "if isinstance(node, ast.Call): ..."),
        ("app.py", "def origin(request: Request) -> str: ..."),
        ("app.py", "follow(jobs, job); client.get(url, follow_redirects=True)"),
        ("app.py", "caller = sts.get_caller_identity()"),
        ("app.py", "# The caller of the HTTP API gives its origin."),
        ("app.py", "# The picture looks like a screenshot; a tag looks up its option; what it looks for"),
        ("app.py", "# Files differ in line endings. The answer is on the next line. Call it in order."),
        ("app.py", "outlook = fold = stolid = is_pastel = standing = handed_in = 1"),
        ("app.py", "# The words stand in a table. Each look-up is cached. It handed a person the key."),
        ("template.yaml", "AllowOrigins: !Ref Origins # CORS"),
        ("docs/openapi.json", '{"name": "order", "in": "query"}, {"name": "limit"}'),
        ("Makefile", "given = $(if $(filter command line,$(origin $(1))),$(value $(1)))"),
        ("README.md", "Color, gray, center, catalog: normalized, labeled, canceled. Advise, exercise, analysis."),
        ("layers/sora_ready/sora_ready/domain/options.py", '"""`centre` is accepted."""'),
    ],
)
def test_a_clean_text_is_left_alone(path: str, text: str) -> None:
    assert [str(one) for one in check_file(path, text)] == []


def test_a_violation_names_file_line_word_and_the_word_to_use() -> None:
    [violation] = check_file("local/run.py", "import os\n\nfront_door = 1\n")[:1]

    assert str(violation) == "local/run.py:3: “front_door”; use: api, ApiContext, channel"


def test_no_word_to_use_is_an_old_word_itself() -> None:
    advice = [instead for table in (WORDS, SEQUENCES, NAMES, STEMS, PHRASES) for instead in table.values()]

    assert [str(one) for text in advice for one in check_file("page.md", text)] == []


def test_a_copy_without_a_git_folder_has_the_same_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    for name in ("README.md", "local/run.py", ".venv/lib/x.py", ".aws-sam/y.yaml", "docs/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [path.relative_to(tmp_path).as_posix() for path in tracked_files()] == ["README.md", "local/run.py"]
