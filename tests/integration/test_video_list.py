"""The server's list is read to its end or not used: a missed video could give the job another job's video."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest

from sora_ready.adapters.video_server.client import LIST_LIMIT, LIST_PAGES, VideoServerClient
from sora_ready.domain.errors import VideoListUnsupported, VideoServerError, VideoServerUnavailableError
from sora_ready.domain.reconciliation import ListedVideo

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SINCE = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)
NOW = int(SINCE.timestamp()) + 600
Entry = dict[str, Any]


class ListServer:
    """A server whose list is what `respond` returns for the query parameters of a request."""

    def __init__(self, respond: Callable[[dict[str, str]], httpx2.Response]) -> None:
        self.queries: list[dict[str, str]] = []
        self.client = openai.OpenAI(
            base_url="http://server.test/v1",
            api_key="none",
            max_retries=0,
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._handle)),
        )
        self._respond = respond

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/videos")
        self.queries.append(dict(request.url.params))
        return self._respond(self.queries[-1])

    def read(self) -> list[ListedVideo]:
        return VideoServerClient(self.client).list_videos(SINCE)

    def ids(self) -> list[str]:
        return [video.id for video in self.read()]


def entry(video_id: str, **other: Any) -> Entry:
    return {"id": video_id, "object": "video", "created_at": NOW, **other}


def page(entries: list[Any], **other: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"object": "list", "data": entries} | other)


def paged(entries: list[Entry], size: int, *, has_more: bool = True) -> ListServer:
    """A server that returns pages of `size` videos, and honors `after`. `has_more`: whether it sends that field."""

    def respond(query: dict[str, str]) -> httpx2.Response:
        ids = [each["id"] for each in entries]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        end = start + size
        return page(entries[start:end], **({"has_more": end < len(entries)} if has_more else {}))

    return ListServer(respond)


def numbered(count: int, **other: Any) -> list[Entry]:
    return [entry(f"v{number}", **other) for number in range(count)]


def error_of(server: ListServer, kind: type[VideoServerError]) -> VideoServerError:
    with pytest.raises(kind) as raised:
        server.read()
    return raised.value


def test_a_listed_video_has_what_the_server_says() -> None:
    video = entry("v1", model="sora-2", size="1280x720", seconds="4", prompt="a calm sea")

    assert ListServer(lambda _: page([video], has_more=False)).read() == [
        ListedVideo("v1", "sora-2", "1280x720", "4", "a calm sea", NOW)
    ]


def test_a_request_asks_for_the_newest_first_and_for_the_largest_page() -> None:
    server = ListServer(lambda _: page([], has_more=False))

    assert server.read() == []
    assert server.queries == [{"limit": str(LIST_LIMIT), "order": "desc"}]


def test_a_long_list_is_read_page_by_page() -> None:
    server = paged(numbered(7), 3)

    assert server.ids() == [f"v{number}" for number in range(7)]
    assert [query.get("after") for query in server.queries] == [None, "v2", "v5"]


def test_reading_stops_at_videos_older_than_the_given_time() -> None:
    old = [entry(f"old{number}", created_at=NOW - 3600) for number in range(50)]
    server = paged([entry("new"), *old], 10)

    assert server.ids() == ["new"]
    assert len(server.queries) == 1


@pytest.mark.parametrize(("seconds", "listed"), [(0, True), (-1, False)])
def test_a_video_created_at_the_given_time_is_included(seconds: int, *, listed: bool) -> None:
    video = entry("v1", created_at=int(SINCE.timestamp()) + seconds)

    assert (ListServer(lambda _: page([video], has_more=False)).ids() == ["v1"]) is listed


def test_a_server_that_lists_the_oldest_first_is_read_to_its_end() -> None:
    # Old videos are on every page, and a new one is on the last.
    videos = [entry(f"v{number}", created_at=NOW - 3600 + number) for number in range(8)]
    server = paged([*videos[:3], entry("first"), *videos[3:], entry("second")], 4)

    assert server.ids() == ["first", "second"]


def test_a_video_without_a_creation_time_is_included() -> None:
    assert ListServer(lambda _: page([entry("v1", created_at=None)], has_more=False)).ids() == ["v1"]


# ---------------------------------------------------------------- other ways of paging


def test_the_next_page_starts_after_the_last_video() -> None:
    assert paged(numbered(5), 2).ids() == ["v0", "v1", "v2", "v3", "v4"]


def test_without_has_more_a_short_page_is_the_last() -> None:
    server = paged(numbered(5), 100, has_more=False)

    assert len(server.ids()) == 5
    assert len(server.queries) == 1


def test_without_has_more_a_full_page_may_not_be_the_last() -> None:
    server = paged(numbered(LIST_LIMIT + 1), LIST_LIMIT, has_more=False)

    assert len(server.ids()) == LIST_LIMIT + 1


@pytest.mark.parametrize("more", [{"has_more": True}, {}])
def test_a_server_that_repeats_a_page_has_no_usable_list(more: dict[str, bool]) -> None:
    server = ListServer(lambda _: page(numbered(LIST_LIMIT), **more))

    with pytest.raises(VideoListUnsupported):
        server.ids()
    assert len(server.queries) == 2


def test_a_video_listed_twice_is_returned_once() -> None:
    assert ListServer(lambda _: page([entry("v1"), entry("v1")], has_more=False)).ids() == ["v1"]


def test_overlapping_pages_are_merged() -> None:
    pages = iter(["ab", "bc", "cd"])

    def respond(_: dict[str, str]) -> httpx2.Response:
        names = next(pages)
        return page([entry(name) for name in names], has_more="d" not in names)

    server = ListServer(respond)

    assert server.ids() == ["a", "b", "c", "d"]


def test_an_endless_list_is_not_used() -> None:
    numbers = iter(range(10**6))
    server = ListServer(lambda _: page([entry(f"v{next(numbers)}")], has_more=True))

    assert error_of(server, VideoListUnsupported).code == "list_too_long"
    assert len(server.queries) == LIST_PAGES


# ---------------------------------------------------------------- servers without a list


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_list_raises_no_list(status: int) -> None:
    assert error_of(ListServer(lambda _: httpx2.Response(status)), VideoListUnsupported).code == "no_list"


@pytest.mark.parametrize("body", [[], {}, None, "videos", {"data": None}, {"data": {"id": "v1"}}, {"videos": []}])
def test_a_response_that_is_not_a_list_raises_no_list(body: Any) -> None:
    response = httpx2.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert error_of(ListServer(lambda _: response), VideoListUnsupported).code == "no_list"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_an_http_error_makes_the_server_unavailable(status: int) -> None:
    assert error_of(ListServer(lambda _: httpx2.Response(status)), VideoServerUnavailableError).code == f"http_{status}"


@pytest.mark.parametrize("text", ["", "<html>welcome</html>", '{"data": [{"id": "v'])
def test_a_response_that_is_not_json_makes_the_server_unavailable(text: str) -> None:
    response = httpx2.Response(200, text=text, headers={"Content-Type": "text/html"})

    assert error_of(ListServer(lambda _: response), VideoServerUnavailableError).code == "server_unreachable"


def test_a_failed_connection_makes_the_server_unavailable() -> None:
    def fail(_: dict[str, str]) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    assert error_of(ListServer(fail), VideoServerUnavailableError).code == "server_unreachable"


# ---------------------------------------------------------------- incomplete entries


def test_an_entry_with_only_an_id_is_listed() -> None:
    assert ListServer(lambda _: page([{"id": "v1"}], has_more=False)).read() == [ListedVideo("v1")]


@pytest.mark.parametrize("malformed", [None, 7, "v1", [], {}, {"id": None}, {"id": ""}])
def test_an_entry_without_an_id_is_left_out(malformed: Any) -> None:
    assert ListServer(lambda _: page([malformed, entry("v1")], has_more=False)).ids() == ["v1"]


@pytest.mark.parametrize(("sent", "seconds"), [("4", "4"), (4, "4"), (4.0, None), (None, None), ([4], None)])
def test_a_length_is_read_from_text_or_a_whole_number(sent: Any, seconds: str | None) -> None:
    (video,) = ListServer(lambda _: page([entry("v1", seconds=sent)], has_more=False)).read()

    assert video.seconds == seconds


@pytest.mark.parametrize("sent", ["yesterday", "2026-11-12", None, [], 1e300])
def test_a_malformed_creation_time_is_unknown(sent: Any) -> None:
    (video,) = ListServer(lambda _: page([entry("v1", created_at=sent)], has_more=False)).read()

    assert video.created_at is None
