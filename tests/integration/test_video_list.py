"""The server's list is read to its end or not believed: a video that was overlooked would be given to the wrong job."""

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


class Listing:
    """A server that answers for its list what a function says, given what it was asked with."""

    def __init__(self, answer: Callable[[dict[str, str]], httpx2.Response]) -> None:
        self.asked: list[dict[str, str]] = []
        self.client = openai.OpenAI(
            base_url="http://server.test/v1",
            api_key="none",
            max_retries=0,
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._answer)),
        )
        self._say = answer

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/videos")
        self.asked.append(dict(request.url.params))
        return self._say(self.asked[-1])

    def read(self) -> list[ListedVideo]:
        return VideoServerClient(self.client).list_videos(SINCE)

    def ids(self) -> list[str]:
        return [video.id for video in self.read()]


def entry(video_id: str, **other: Any) -> Entry:
    return {"id": video_id, "object": "video", "created_at": NOW, **other}


def page(entries: list[Any], **other: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"object": "list", "data": entries} | other)


def paged(entries: list[Entry], size: int, *, says_more: bool = True) -> Listing:
    """A server that gives so many videos at a time, after the one that it is asked to go on from."""

    def answer(asked: dict[str, str]) -> httpx2.Response:
        ids = [each["id"] for each in entries]
        start = ids.index(asked["after"]) + 1 if "after" in asked else 0
        end = start + size
        return page(entries[start:end], **({"has_more": end < len(entries)} if says_more else {}))

    return Listing(answer)


def numbered(count: int, **other: Any) -> list[Entry]:
    return [entry(f"v{number}", **other) for number in range(count)]


def refuse(listing: Listing, kind: type[VideoServerError]) -> VideoServerError:
    with pytest.raises(kind) as refusal:
        listing.read()
    return refusal.value


def test_a_listed_video_is_read_as_the_server_tells_it() -> None:
    told = entry("v1", model="sora-2", size="1280x720", seconds="4", prompt="a calm sea")

    assert Listing(lambda _: page([told], has_more=False)).read() == [
        ListedVideo("v1", "sora-2", "1280x720", "4", "a calm sea", NOW)
    ]


def test_the_newest_are_asked_for_first_as_many_as_the_protocol_allows() -> None:
    listing = Listing(lambda _: page([], has_more=False))

    assert listing.read() == []
    assert listing.asked == [{"limit": str(LIST_LIMIT), "order": "desc"}]


def test_a_long_list_is_read_page_by_page() -> None:
    listing = paged(numbered(7), 3)

    assert listing.ids() == [f"v{number}" for number in range(7)]
    assert [asked.get("after") for asked in listing.asked] == [None, "v2", "v5"]


def test_reading_ends_where_the_videos_are_too_old_to_matter() -> None:
    old = [entry(f"old{number}", created_at=NOW - 3600) for number in range(50)]
    listing = paged([entry("new"), *old], 10)

    assert listing.ids() == ["new"]
    assert len(listing.asked) == 1


@pytest.mark.parametrize(("seconds", "listed"), [(0, True), (-1, False)])
def test_what_was_begun_at_the_given_moment_counts(seconds: int, *, listed: bool) -> None:
    video = entry("v1", created_at=int(SINCE.timestamp()) + seconds)

    assert (Listing(lambda _: page([video], has_more=False)).ids() == ["v1"]) is listed


def test_a_server_that_lists_the_oldest_first_is_read_to_its_end() -> None:
    # given old videos on every page, and one of those that matter on the last
    videos = [entry(f"v{number}", created_at=NOW - 3600 + number) for number in range(8)]
    listing = paged([*videos[:3], entry("first"), *videos[3:], entry("second")], 4)

    assert listing.ids() == ["first", "second"]


def test_a_video_of_which_the_server_does_not_say_when_is_listed() -> None:
    assert Listing(lambda _: page([entry("v1", created_at=None)], has_more=False)).ids() == ["v1"]


# ---------------------------------------------------------------- servers that page in their own way


def test_a_page_without_a_last_id_is_gone_on_from_its_last_video() -> None:
    assert paged(numbered(5), 2).ids() == ["v0", "v1", "v2", "v3", "v4"]


def test_a_short_page_of_a_server_that_does_not_say_whether_there_is_more_is_the_last() -> None:
    listing = paged(numbered(5), 100, says_more=False)

    assert len(listing.ids()) == 5
    assert len(listing.asked) == 1


def test_a_full_page_of_a_server_that_does_not_say_whether_there_is_more_may_not_be_the_last() -> None:
    listing = paged(numbered(LIST_LIMIT + 1), LIST_LIMIT, says_more=False)

    assert len(listing.ids()) == LIST_LIMIT + 1


@pytest.mark.parametrize("more", [{"has_more": True}, {}])
def test_a_server_that_gives_the_same_page_again_and_speaks_of_more_has_no_list_with_an_end(
    more: dict[str, bool],
) -> None:
    listing = Listing(lambda _: page(numbered(LIST_LIMIT), **more))

    with pytest.raises(VideoListUnsupported):
        listing.ids()
    assert len(listing.asked) == 2


def test_a_video_that_is_listed_twice_is_one() -> None:
    assert Listing(lambda _: page([entry("v1"), entry("v1")], has_more=False)).ids() == ["v1"]


def test_pages_that_overlap_are_put_together() -> None:
    pages = iter(["ab", "bc", "cd"])

    def answer(_: dict[str, str]) -> httpx2.Response:
        names = next(pages)
        return page([entry(name) for name in names], has_more="d" not in names)

    listing = Listing(answer)

    assert listing.ids() == ["a", "b", "c", "d"]


def test_a_list_without_an_end_is_not_believed() -> None:
    numbers = iter(range(10**6))
    listing = Listing(lambda _: page([entry(f"v{next(numbers)}")], has_more=True))

    assert refuse(listing, VideoListUnsupported).code == "list_too_long"
    assert len(listing.asked) == LIST_PAGES


# ---------------------------------------------------------------- servers without a list


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_list_says_so(status: int) -> None:
    assert refuse(Listing(lambda _: httpx2.Response(status)), VideoListUnsupported).code == "no_list"


@pytest.mark.parametrize("body", [[], {}, None, "videos", {"data": None}, {"data": {"id": "v1"}}, {"videos": []}])
def test_an_answer_that_is_no_list_is_none(body: Any) -> None:
    answer = httpx2.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert refuse(Listing(lambda _: answer), VideoListUnsupported).code == "no_list"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_a_server_in_trouble_is_asked_another_time(status: int) -> None:
    assert refuse(Listing(lambda _: httpx2.Response(status)), VideoServerUnavailableError).code == f"http_{status}"


@pytest.mark.parametrize("text", ["", "<html>welcome</html>", '{"data": [{"id": "v'])
def test_an_answer_that_is_no_json_is_asked_for_another_time(text: str) -> None:
    answer = httpx2.Response(200, text=text, headers={"Content-Type": "text/html"})

    assert refuse(Listing(lambda _: answer), VideoServerUnavailableError).code == "server_unreachable"


def test_a_server_that_cannot_be_reached_is_asked_another_time() -> None:
    def broken(_: dict[str, str]) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    assert refuse(Listing(broken), VideoServerUnavailableError).code == "server_unreachable"


# ---------------------------------------------------------------- entries that lack something


def test_an_entry_that_leaves_fields_out_is_listed_with_what_it_says() -> None:
    assert Listing(lambda _: page([{"id": "v1"}], has_more=False)).read() == [ListedVideo("v1")]


@pytest.mark.parametrize("odd", [None, 7, "v1", [], {}, {"id": None}, {"id": ""}])
def test_an_entry_that_names_no_video_is_left_out(odd: Any) -> None:
    assert Listing(lambda _: page([odd, entry("v1")], has_more=False)).ids() == ["v1"]


@pytest.mark.parametrize(("told", "seconds"), [("4", "4"), (4, "4"), (4.0, None), (None, None), ([4], None)])
def test_a_length_is_told_as_a_word_or_a_number(told: Any, seconds: str | None) -> None:
    (video,) = Listing(lambda _: page([entry("v1", seconds=told)], has_more=False)).read()

    assert video.seconds == seconds


@pytest.mark.parametrize("told", ["yesterday", "2026-11-12", None, [], 1e300])
def test_a_moment_that_is_none_is_not_known(told: Any) -> None:
    (video,) = Listing(lambda _: page([entry("v1", created_at=told)], has_more=False)).read()

    assert video.created_at is None
