"""DynamoDB and S3 in a dictionary: as much of both as the pipeline speaks, thousands of times faster than moto.

That it answers as moto does is a test of its own (test_small_aws.py). Each call is atomic, from any thread.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

Item = dict[str, Any]
Hear = Callable[[str, str, Mapping[str, Any]], None]

_plain = TypeDeserializer().deserialize
_TERM = re.compile(r"attribute_not_exists\((?P<absent>.+)\)|(?P<path>\S+) (?P<sign>=|<=|IN) (?P<value>.+)")
_SET = re.compile(
    r"(?P<name>\S+) = (?:list_append\(\S+, (?P<added>:\w+)\)|if_not_exists\(\S+, (?P<start>:\w+)\) \+ (?P<plus>:\w+)"
    r"|\S+ - (?P<minus>:\w+)|(?P<value>:\w+))(?:, |$)"
)


class InMemoryDynamoDB:
    """Tables whose items have one key each, with conditions, updates, transactions and the indexes that are asked."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._tables: dict[str, dict[str, Item]] = {}
        self._due: dict[str, dict[str, None]] = {}
        self._lock = threading.RLock()

    def create_table(self, *, TableName: str, **_: Any) -> None:  # noqa: N803 - boto3's names, here and below
        self._tables[TableName], self._due[TableName] = {}, {}

    def get_item(self, **call: Any) -> dict[str, Any]:
        with self._lock:
            item = self._tables[call["TableName"]].get(_key_of(call["Key"]))
        self._hear("dynamodb", "GetItem", call)
        return {"Item": item} if item else {}

    def batch_get_item(self, **call: Any) -> dict[str, Any]:
        [(table, asked)] = call["RequestItems"].items()
        with self._lock:
            found = [self._tables[table].get(_key_of(key)) for key in asked["Keys"]]
        self._hear("dynamodb", "BatchGetItem", call)
        return {"Responses": {table: [item for item in found if item]}, "UnprocessedKeys": {}}

    def put_item(self, **call: Any) -> None:
        with self._lock:
            self._check_alone(call)
            self._write("Put", call)
        self._hear("dynamodb", "PutItem", call)

    def update_item(self, **call: Any) -> dict[str, Any]:
        with self._lock:
            self._check_alone(call)
            item = self._write("Update", call)
        self._hear("dynamodb", "UpdateItem", call)
        return {"Attributes": item}

    def transact_write_items(self, **call: Any) -> None:
        writes = [next(iter(write.items())) for write in call["TransactItems"]]
        with self._lock:
            held = [_holds(write, self._find(write)) for _, write in writes]
            if not all(held):
                reasons = [{"Code": "None" if fine else "ConditionalCheckFailed"} for fine in held]
                raise _error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
            for kind, write in writes:
                self._write(kind, write)
        self._hear("dynamodb", "TransactWriteItems", call)

    def get_paginator(self, _: str) -> InMemoryDynamoDB:
        return self

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:
        with self._lock:
            items = self._tables[call["TableName"]]
            sort = "due_at" if call["IndexName"] == "by-due" else "created_at"
            if sort == "due_at":
                rows = [items[key] for key in self._due[call["TableName"]]]
            else:
                source = call["ExpressionAttributeValues"][":source"]
                rows = [item for item in items.values() if item.get("source_ref") == source]
            asked = call | {"ConditionExpression": call["KeyConditionExpression"]}
            found = sorted((item for item in rows if _holds(asked, item)), key=lambda item: item[sort]["S"])
            if not call.get("ScanIndexForward", True):
                found.reverse()
        size = call.get("PaginationConfig", {}).get("PageSize", 1000)
        for start in range(0, max(len(found), 1), size):
            self._hear("dynamodb", "Query", call)
            yield {"Items": found[start : start + size]}

    def _find(self, call: Mapping[str, Any]) -> Item | None:
        return self._tables[call["TableName"]].get(_key_of(call.get("Key") or call["Item"]))

    def _check_alone(self, call: Mapping[str, Any]) -> None:
        item = self._find(call)
        if not _holds(call, item):
            raise _error("ConditionalCheckFailedException", "UpdateItem", Item=item or {})

    def _write(self, kind: str, call: Mapping[str, Any]) -> Item:
        table, key = call["TableName"], _key_of(call.get("Key") or call["Item"])
        item = call["Item"] if kind == "Put" else _updated(call, self._tables[table].get(key) or call["Key"])
        self._tables[table][key] = item
        self._due[table].pop(key, None)
        if "due_partition" in item:
            self._due[table][key] = None
        return item


class InMemoryS3:
    """Buckets without versions."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._objects: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {}

    def put_object(self, **call: Any) -> dict[str, Any]:
        self._objects[call["Bucket"], call["Key"]] = (call["Body"], call.get("Metadata", {}))
        self._hear("s3", "PutObject", {"bucket": call["Bucket"], "key": call["Key"]})
        return {"ETag": _etag(call["Body"])}

    def get_object(self, **call: Any) -> dict[str, Any]:
        found = self._objects.get((call["Bucket"], call["Key"]))
        self._hear("s3", "GetObject", call)
        if found is None:
            raise _error("NoSuchKey", "GetObject")
        body, metadata = found
        if call.get("IfMatch") not in {None, _etag(body).strip('"')}:
            raise _error("PreconditionFailed", "GetObject")
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "Metadata": metadata, "ETag": _etag(body)}

    def head_object(self, **call: Any) -> dict[str, Any]:
        found = self._objects.get((call["Bucket"], call["Key"]))
        self._hear("s3", "HeadObject", call)
        if found is None:
            raise _error("404", "HeadObject")
        return {"ETag": _etag(found[0])}

    def upload_fileobj(self, file: Any, bucket: str, key: str, **_: Any) -> None:
        self.put_object(Bucket=bucket, Key=key, Body=file.read())


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _error(code: str, operation: str, **parts: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as asked"}} | parts, operation)  # type: ignore[arg-type]


def _key_of(key: Mapping[str, Any]) -> str:
    # An entry of the ledger may name a job; a job is no entry.
    return str(key.get("entry") or key["job_id"])


def _holds(call: Mapping[str, Any], item: Item | None) -> bool:
    """Tell whether a call's condition holds; AND binds closer than OR, and nothing is nested."""
    condition = call.get("ConditionExpression")
    return not condition or any(
        all(_holds_term(term, call, item or {}) for term in choice.split(" AND ")) for choice in condition.split(" OR ")
    )


def _holds_term(term: str, call: Mapping[str, Any], item: Item) -> bool:
    match = _TERM.fullmatch(term)
    assert match, term
    found = _at(item, match["absent"] or match["path"], call.get("ExpressionAttributeNames", {}))
    if match["absent"]:
        return found is None
    if found is None:
        return False
    wanted = [_plain(call["ExpressionAttributeValues"][name]) for name in re.findall(r":\w+", match["value"])]
    value: Any = _plain(found)
    return bool(value <= wanted[0]) if match["sign"] == "<=" else value in wanted


def _at(item: Item, path: str, names: Mapping[str, str]) -> Any:
    found: Any = {"M": item}
    for step in path.split("."):
        found = found.get("M", {}).get(names.get(step, step)) if found else None
    return found


def _updated(call: Mapping[str, Any], item: Item) -> Item:
    sets, _, removed = call["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
    names, values = call.get("ExpressionAttributeNames", {}), call["ExpressionAttributeValues"]
    new = dict(item)
    read = 0
    for match in _SET.finditer(sets):
        read += len(match[0])
        name = names.get(match["name"], match["name"])
        if match["added"]:
            new[name] = {"L": [*item[name]["L"], *values[match["added"]]["L"]]}
        elif match["value"]:
            new[name] = values[match["value"]]
        else:
            start = item.get(name) or values[match["start"]]
            change = Decimal(values[match["plus"]]["N"]) if match["plus"] else -Decimal(values[match["minus"]]["N"])
            new[name] = {"N": str(Decimal(start["N"]) + change)}
    assert read == len(sets), sets
    for name in removed.split(", ") if removed else ():
        new.pop(names.get(name, name), None)
    return new
