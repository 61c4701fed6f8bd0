"""DynamoDB and S3 in dictionaries: as much of both as the pipeline uses, thousands of times faster than moto.

test_in_memory_aws.py checks that they respond as moto does. Each call is atomic, from any thread.
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
OnCall = Callable[[str, str, Mapping[str, Any]], None]
"""Called after each call with the service, the operation and its parameters."""
Condition = Callable[[Item | None], bool]

_deserialize = TypeDeserializer().deserialize
_TERM = re.compile(r"attribute_not_exists\((?P<absent>.+)\)|(?P<path>\S+) (?P<operator>=|<=|IN) (?P<value>.+)")
_ASSIGNMENT = re.compile(
    r"(?P<name>\S+) = (?:list_append\(\S+, (?P<appended>:\w+)\)"
    r"|if_not_exists\(\S+, (?P<initial>:\w+)\) \+ (?P<plus>:\w+)"
    r"|\S+ - (?P<minus>:\w+)|(?P<value>:\w+))(?:, |$)"
)


class InMemoryDynamoDB:
    """Tables with a partition key, conditional writes, updates, transactions, and the two indexes of the jobs table.

    An item is never changed in place: an update stores a new one.
    """

    def __init__(self, on_call: OnCall) -> None:
        self._on_call = on_call
        self._tables: dict[str, dict[str, Item]] = {}
        # The keys of the index by-due, in the order in which their items were written.
        self._due: dict[str, dict[str, None]] = {}
        self._lock = threading.RLock()

    def create_table(self, *, TableName: str, **_: Any) -> None:  # noqa: N803 - boto3's name
        self._tables[TableName], self._due[TableName] = {}, {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            item = self._tables[request["TableName"]].get(_key_of(request["Key"]))
        self._on_call("dynamodb", "GetItem", request)
        return {"Item": item} if item else {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        [(table, wanted)] = request["RequestItems"].items()
        with self._lock:
            items = [self._tables[table].get(_key_of(key)) for key in wanted["Keys"]]
        self._on_call("dynamodb", "BatchGetItem", request)
        return {"Responses": {table: [item for item in items if item]}, "UnprocessedKeys": {}}

    def put_item(self, **request: Any) -> None:
        with self._lock:
            self._check_condition(request)
            self._write("Put", request)
        self._on_call("dynamodb", "PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self._check_condition(request)
            item = self._write("Update", request)
        self._on_call("dynamodb", "UpdateItem", request)
        return {"Attributes": item}

    def transact_write_items(self, **request: Any) -> None:
        writes = [next(iter(write.items())) for write in request["TransactItems"]]
        with self._lock:
            met = [_parse_condition(write)(self._find(write)) for _, write in writes]
            if not all(met):
                reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in met]
                raise _error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
            for kind, write in writes:
                self._write(kind, write)
        self._on_call("dynamodb", "TransactWriteItems", request)

    def get_paginator(self, _: str) -> InMemoryDynamoDB:
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        with self._lock:
            items = self._tables[request["TableName"]]
            sort_key = "due_at" if request["IndexName"] == "by-due" else "created_at"
            if sort_key == "due_at":
                rows = [items[key] for key in self._due[request["TableName"]]]
            else:
                source = request["ExpressionAttributeValues"][":source"]
                rows = [item for item in items.values() if item.get("source_ref") == source]
            matches = _parse_condition(request | {"ConditionExpression": request["KeyConditionExpression"]})
            found = [row for row in rows if matches(row)]
            found.sort(key=lambda row: row[sort_key]["S"])
            if not request.get("ScanIndexForward", True):
                found.reverse()
        size = request.get("PaginationConfig", {}).get("PageSize", 1000)
        for start in range(0, max(len(found), 1), size):
            self._on_call("dynamodb", "Query", request)
            yield {"Items": found[start : start + size]}

    def _find(self, request: Mapping[str, Any]) -> Item | None:
        return self._tables[request["TableName"]].get(_key_of(request.get("Key") or request["Item"]))

    def _check_condition(self, request: Mapping[str, Any]) -> None:
        item = self._find(request)
        if not _parse_condition(request)(item):
            raise _error("ConditionalCheckFailedException", "UpdateItem", Item=item or {})

    def _write(self, kind: str, request: Mapping[str, Any]) -> Item:
        table, key = request["TableName"], _key_of(request.get("Key") or request["Item"])
        if kind == "Put":
            item = request["Item"]
        else:
            item = _apply_update(request, self._tables[table].get(key) or request["Key"])
        self._tables[table][key] = item
        self._due[table].pop(key, None)
        if "due_partition" in item:
            self._due[table][key] = None
        return item


class InMemoryS3:
    """Buckets without versions."""

    def __init__(self, on_call: OnCall) -> None:
        self._on_call = on_call
        self._objects: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {}

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._objects[request["Bucket"], request["Key"]] = (request["Body"], request.get("Metadata", {}))
        self._on_call("s3", "PutObject", {"bucket": request["Bucket"], "key": request["Key"]})
        return {"ETag": _etag(request["Body"])}

    def get_object(self, **request: Any) -> dict[str, Any]:
        found = self._objects.get((request["Bucket"], request["Key"]))
        self._on_call("s3", "GetObject", request)
        if found is None:
            raise _error("NoSuchKey", "GetObject")
        body, metadata = found
        if request.get("IfMatch") not in {None, _etag(body).strip('"')}:
            raise _error("PreconditionFailed", "GetObject")
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "Metadata": metadata, "ETag": _etag(body)}

    def head_object(self, **request: Any) -> dict[str, Any]:
        found = self._objects.get((request["Bucket"], request["Key"]))
        self._on_call("s3", "HeadObject", request)
        if found is None:
            raise _error("404", "HeadObject")
        return {"ETag": _etag(found[0])}

    def upload_fileobj(self, file: Any, bucket: str, key: str, **_: Any) -> None:
        self.put_object(Bucket=bucket, Key=key, Body=file.read())


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _error(code: str, operation: str, **parts: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "by the in-memory AWS"}} | parts
    return ClientError(response, operation)


def _key_of(key: Mapping[str, Any]) -> str:
    # An item of the ledger may have a job_id too; its key is `entry`.
    return str(key.get("entry") or key["job_id"])


def _parse_condition(request: Mapping[str, Any]) -> Condition:
    """Return a request's condition. AND binds more tightly than OR; parentheses are not supported."""
    expression = request.get("ConditionExpression")
    if not expression:
        return lambda _: True
    alternatives = [
        [_parse_term(term, request) for term in alternative.split(" AND ")] for alternative in expression.split(" OR ")
    ]
    return lambda item: any(all(term(item) for term in terms) for terms in alternatives)


def _parse_term(expression: str, request: Mapping[str, Any]) -> Condition:
    match = _TERM.fullmatch(expression)
    assert match, expression
    names = request.get("ExpressionAttributeNames", {})
    path = [names.get(name, name) for name in (match["absent"] or match["path"]).split(".")]
    if match["absent"]:
        return lambda item: _read_path(item, path) is None
    wanted = [_deserialize(request["ExpressionAttributeValues"][name]) for name in re.findall(r":\w+", match["value"])]
    is_upper_bound = match["operator"] == "<="

    def holds(item: Item | None) -> bool:
        attribute = _read_path(item, path)
        if attribute is None:
            return False
        value: Any = _deserialize(attribute)
        return bool(value <= wanted[0]) if is_upper_bound else value in wanted

    return holds


def _read_path(item: Item | None, path: list[str]) -> Any:
    attribute: Any = {"M": item or {}}
    for name in path:
        attribute = attribute.get("M", {}).get(name) if attribute else None
    return attribute


def _apply_update(request: Mapping[str, Any], item: Item) -> Item:
    assignments, _, removed = request["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
    names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
    new = dict(item)
    parsed = 0
    for match in _ASSIGNMENT.finditer(assignments):
        parsed += len(match[0])
        name = names.get(match["name"], match["name"])
        if match["appended"]:
            new[name] = {"L": [*item[name]["L"], *values[match["appended"]]["L"]]}
        elif match["value"]:
            new[name] = values[match["value"]]
        else:
            number = item.get(name) or values[match["initial"]]
            change = Decimal(values[match["plus"]]["N"]) if match["plus"] else -Decimal(values[match["minus"]]["N"])
            new[name] = {"N": str(Decimal(number["N"]) + change)}
    assert parsed == len(assignments), assignments
    for name in removed.split(", ") if removed else ():
        new.pop(names.get(name, name), None)
    return new
