#!/usr/bin/python3
"""openapi.py DOCUMENT --routes | --queries | --check | nothing: what openapi.sh asks of docs/openapi.yaml.

--routes prints METHOD PATH ROLE, with * for a parameter; --queries METHOD PATH and the parameters of its
query. --check looks at the document itself: every
reference leads somewhere, every schema is one, every object of an answer is closed and says which of
its members are always there. Else each line "METHOD PATH STATUS TYPE FILE [FILE]" is answered by "ok", or by
what is wrong with that answer, or with the body that was sent.
"""
import json
import re
import sys

import jsonschema
import yaml

METHODS = ("get", "put", "post", "patch", "delete")


def operations(doc):
    for path, item in doc["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def resolve(doc, node):
    while isinstance(node, dict) and "$ref" in node:
        at = doc
        for part in node["$ref"].lstrip("#/").split("/"):
            at = at[part]
        node = at
    return node


def walk(node):
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def check(doc):
    assert doc["openapi"].startswith("3.1"), "no OpenAPI 3.1"
    for node in walk(doc):
        resolve(doc, node)
    for name, schema in doc["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for node in walk(schema):
            if node.get("type") == "object" and "properties" in node:
                assert node.get("additionalProperties") is False, name + " is open"
                unknown = set(node.get("required", ())) - set(node["properties"])
                assert not unknown, "%s requires what it does not have: %s" % (name, unknown)
    ids = [op["operationId"] for _, _, op in operations(doc)]
    assert len(ids) == len(set(ids)), "an operationId twice"
    for _, path, op in operations(doc):
        given = set(re.findall(r"{(\w+)}", path))
        named = {p["name"] for p in doc["paths"][path].get("parameters", ())}
        assert given == named, path + ": its parameters"
        assert op["x-role"] in ("viewer", "operator", "admin"), path + ": its role"


def complaint(doc, schema, text):
    """What is wrong with a JSON text, or None."""
    checker = jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver.from_schema(doc))
    best = jsonschema.exceptions.best_match(checker.iter_errors(json.loads(text)))
    return best and "%s: %s" % (
        "/".join(map(str, best.absolute_path)) or "the whole", best.message[:300])


def judge(doc, method, path, status, kind, file, sent=None):
    operation = doc["paths"]["/api/v1" + path][method.lower()]
    answers = operation["responses"]
    answer = resolve(doc, answers.get(status, answers["default"]))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if sent and status < "300":
        if not content:
            return "a body was sent, and none is documented"
        with open(sent, encoding="utf-8") as f:
            wrong = complaint(doc, content["schema"], f.read())
        if wrong:
            return "what was sent: " + wrong
    with open(file, encoding="utf-8") as f:
        text = f.read()
    if "content" not in answer:
        return "ok" if not text else "there is a body, and none is documented"
    if kind not in answer["content"]:
        return "%s is not among %s" % (kind, list(answer["content"]))
    if kind != "application/json" and not kind.endswith("+json"):
        return "ok"
    return complaint(doc, answer["content"][kind]["schema"], text) or "ok"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        doc = yaml.safe_load(f)
    if "--routes" in sys.argv:
        for method, path, op in operations(doc):
            print(method.upper(), re.sub(r"{\w+}", "*", path)[len("/api/v1"):], op["x-role"].upper())
        return
    if "--queries" in sys.argv:
        for method, path, op in operations(doc):
            given = [resolve(doc, p) for p in op.get("parameters", ())]
            names = sorted(p["name"] for p in given if p["in"] == "query")
            print(method.upper(), re.sub(r"{\w+}", "0" * 64, path)[len("/api/v1"):], *names)
        return
    if "--check" in sys.argv:
        check(doc)
        return
    for line in sys.stdin:
        try:
            said = judge(doc, *line.split())
        except (KeyError, ValueError, TypeError) as e:
            said = "%s: %s" % (type(e).__name__, e)
        print(said.replace("\n", " "), flush=True)


main()
