"""A Hub's answers to the client's requests."""

import base64
import hashlib
import json
import re
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from .cards import card_errors
from .pages import Commit, File, Repo, small

if TYPE_CHECKING:
    from .server import Hub

TOKEN = "hf_testsABCDEFGHIJKLMNOPQRSTUVWXYZ01"
LARGE = (".safetensors", ".parquet", ".bin")


STEPS = {
    "create": r"POST /api/repos/create",
    "validate": r"POST /api/validate-yaml",
    "branch": r"POST /api/(\w+)s/(.+?)/branch/(.+)",
    "tag": r"POST /api/(\w+)s/(.+?)/tag/(.+)",
    "preupload": r"POST /api/(\w+)s/(.+?)/preupload/(.+)",
    "commit": r"POST /api/(\w+)s/(.+?)/commit/(.+)",
    "batch": r"POST /(datasets/|spaces/)?(.+?)\.git/info/lfs/objects/batch",
    "verify": r"POST /lfs/verify",
    "put": r"PUT /lfs/(\w{64})",
    "xet": r"GET /api/(\w+)s/(.+?)/xet-(?:read|write)-token/(.+)",
    "tree": r"GET /api/(\w+)s/(.+?)/tree/([^/]+)(?:/(.+))?",
    "refs": r"GET /api/(\w+)s/(.+?)/refs",
    "paths": r"POST /api/(\w+)s/(.+?)/paths-info/(.+)",
    "info": r"GET /api/(\w+)s/(.+?)(?:/revision/(.+))?",
    "resolve": r"(?:GET|HEAD) /(?:(dataset|space)s/)?(.+?)/resolve/([^/]+)/(.+)",
}
"""Each request is the first of these that it matches."""


class Handler(BaseHTTPRequestHandler):
    """One connection; `serve` finds the step of a request, and whether it is to fail."""

    protocol_version = "HTTP/1.1"
    hub: "Hub"

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        self.do_GET = self.do_HEAD = self.do_POST = self.do_PUT = self.serve
        super().handle_one_request()

    def serve(self) -> None:
        url = urlsplit(self.path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(url.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        hub = self.hub
        matches = ((step, re.fullmatch(pattern, f"{self.command} {path}")) for step, pattern in STEPS.items())
        step, match = next(((step, match) for step, match in matches if match), (None, None))
        if step is None or match is None:
            return self.error(404, f"no such address: {self.command} {path}", "EntryNotFound")
        hub.requests.append(f"{step} {path}")
        if step not in ("put", "verify"):
            hub.authorizations.add(self.headers.get("Authorization"))
        fault = hub.faults.get(step)
        kind = None
        if fault and fault.times:
            fault.times -= 1
            kind = fault.kind
        if callable(kind):
            kind()
        if kind == "drop":
            return self.drop()
        if kind == "hang":
            hub.over.wait(60)
            return self.drop()
        if isinstance(kind, int):
            return self.error(kind, "made to fail", None)
        writes = step in ("create", "validate", "branch", "tag", "preupload", "commit", "batch")
        if writes and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.error(401, "Invalid credentials in Authorization header", None)
        with hub.lock:
            if kind == "lost":
                self.wfile, answers = _Nowhere(), self.wfile
                getattr(self, f"on_{step}")(*match.groups())
                self.wfile = answers
                return self.drop()
            return getattr(self, f"on_{step}")(*match.groups())

    def drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, data: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(data).encode(), {"Content-Type": "application/json", **headers})

    def error(self, status: int, message: str, code: str | None) -> None:
        self.json(
            {"error": message}, status, **({"X-Error-Code": code} if code else {}), **{"X-Error-Message": message}
        )

    def find(self, repo_type: str, repo_id: str, revision: str | None = "main") -> tuple[Repo | None, Commit | None]:
        repo = self.hub.repos.get((repo_type, repo_id))
        seen = repo and (not repo.private or self.headers.get("Authorization") == f"Bearer {TOKEN}")
        if not seen:
            self.error(404, "Repository not found", "RepoNotFound")
            return None, None
        commit = repo.find(revision or "main")
        if commit is None:
            self.error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repo, commit

    def on_create(self) -> None:
        asked = json.loads(self.body)
        repo_type = asked.get("type") or "model"
        repo_id = f"{asked.get('organization') or 'someone'}/{asked['name']}"
        url = f"{self.hub.url}/{'' if repo_type == 'model' else f'{repo_type}s/'}{repo_id}"
        if (repo_type, repo_id) in self.hub.repos:
            return self.json({"error": "You already created this repo", "url": url}, 409)
        self.hub.create(repo_type, repo_id, asked.get("visibility") == "private")
        return self.json({"url": url, "name": repo_id})

    def on_validate(self) -> None:
        errors = card_errors(json.loads(self.body)["content"])
        self.json({"errors": [{"message": each} for each in errors], "warnings": []}, 400 if errors else 200)

    def on_branch(self, repo_type: str, repo_id: str, branch: str) -> None:
        repo, _ = self.find(repo_type, repo_id)
        if repo and branch in repo.branches:
            return self.error(409, "Reference already exists", None)
        if repo:
            repo.branches[branch] = list(repo.branches["main"])
            self.json({})
        return None

    def on_tag(self, repo_type: str, repo_id: str, revision: str) -> None:
        repo, commit = self.find(repo_type, repo_id, revision)
        tag = json.loads(self.body)["tag"]
        if repo and tag in repo.tags:
            return self.error(409, "Tag reference exists already", None)
        if repo and commit:
            repo.tags[tag] = commit
            self.json({})
        return None

    def on_preupload(self, repo_type: str, repo_id: str, revision: str) -> None:
        _, commit = self.find(repo_type, repo_id, revision)
        if commit:
            files = json.loads(self.body)["files"]
            modes = ["lfs" if file["path"].endswith(LARGE) else "regular" for file in files]
            there = [(old := commit.files.get(file["path"])) and (old.sha256 or old.oid) for file in files]
            answers = [
                {
                    "path": file["path"],
                    "uploadMode": mode,
                    "shouldIgnore": False,
                    "oid": old,
                }
                for file, mode, old in zip(files, modes, there, strict=True)
            ]
            self.json({"files": answers})

    def on_batch(self, _: str | None, repo_id: str) -> None:
        objects = []
        for asked in json.loads(self.body)["objects"]:
            actions = {
                "upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}?signature=of-this-address"},
                "verify": {"href": f"{self.hub.url}/lfs/verify"},
            }
            objects.append(asked | ({} if asked["oid"] in self.hub.objects else {"actions": actions}))
        self.json({"transfer": "basic", "objects": objects})

    def on_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.error(400, "checksum", None)
        self.hub.objects[oid] = self.body
        return self.json({})

    def on_verify(self) -> None:
        self.json({}, 200 if json.loads(self.body)["oid"] in self.hub.objects else 404)

    def on_xet(self, *_: str) -> None:
        place, later = f"local://{self.hub.uploads}", str(int(time.time()) + 3600)
        self.json(
            {"casUrl": place, "accessToken": "xet", "exp": int(later)},
            **{"X-Xet-Cas-Url": place, "X-Xet-Access-Token": "xet", "X-Xet-Token-Expiration": later},
        )

    def on_commit(self, repo_type: str, repo_id: str, branch: str) -> None:
        repo, commit = self.find(repo_type, repo_id, branch)
        if not repo or not commit:
            return None
        lines = [json.loads(line) for line in self.body.splitlines()]
        header, files = lines[0]["value"], dict(commit.files)
        if header.get("parentCommit", commit.oid) != commit.oid:
            return self.error(412, "A commit has happened since. Please refresh and try again.", None)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = small(base64.b64decode(value["content"]))
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            else:
                assert line["key"] == "lfsFile"
                if value["oid"] not in self.hub.objects and self.hub.xet_hash(value["oid"]) is None:
                    return self.error(400, f"{value['path']} was not uploaded", None)
                pointer = (
                    f"version https://git-lfs.github.com/spec/v1\noid sha256:{value['oid']}\nsize {value['size']}\n"
                )
                files[value["path"]] = File(small(pointer.encode()).oid, value["size"], None, value["oid"])
        made = self.hub.commit(repo, branch, header["summary"], files)
        return self.json(
            {"commitUrl": f"{self.hub.url}/{repo_id}/commit/{made.oid}", "commitOid": made.oid, "success": True}
        )

    def on_info(self, repo_type: str, repo_id: str, revision: str | None) -> None:
        repo, commit = self.find(repo_type, repo_id, revision)
        if repo and commit:
            card = commit.files.get("README.md")
            text = card.content.decode() if card and card.content else ""
            data = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}
            siblings = [{"rfilename": path} for path in sorted(commit.files)]
            about = {"id": repo_id, "sha": commit.oid, "private": repo.private, "siblings": siblings, "cardData": data}
            self.json(about | {"tags": [], "downloads": 0, "likes": 0, "gated": False, "disabled": False})

    def on_refs(self, repo_type: str, repo_id: str) -> None:
        repo, _ = self.find(repo_type, repo_id)
        if repo:
            branches = {name: commits[-1] for name, commits in repo.branches.items()}
            shown = [
                [{"name": name, "ref": name, "targetCommit": commit.oid} for name, commit in refs.items()]
                for refs in (branches, repo.tags)
            ]
            self.json({"branches": shown[0], "converts": [], "tags": shown[1]})

    def entries(self, files: dict[str, File]) -> list[dict[str, Any]]:
        found = []
        for path, file in sorted(files.items()):
            entry: dict[str, Any] = {"type": "file", "path": path, "oid": file.oid, "size": file.size}
            if file.sha256:
                entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 130}
            found.append(entry)
        return found

    def on_tree(self, repo_type: str, repo_id: str, revision: str, folder: str | None) -> None:
        _, commit = self.find(repo_type, repo_id, revision)
        if commit:
            inside = f"{folder}/" if folder else ""
            entries = self.entries({path: file for path, file in commit.files.items() if path.startswith(inside)})
            if self.query.get("recursive", "").lower() not in ("true", "1"):
                folders = {inside + entry["path"][len(inside) :].split("/")[0] for entry in entries
                           if "/" in entry["path"][len(inside) :]}  # fmt: skip
                entries = [entry for entry in entries if "/" not in entry["path"][len(inside) :]]
                entries += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
            self.json(entries)

    def on_paths(self, repo_type: str, repo_id: str, revision: str) -> None:
        _, commit = self.find(repo_type, repo_id, revision)
        if commit:
            asked = json.loads(self.body)["paths"]
            entries = self.entries({path: commit.files[path] for path in asked if path in commit.files})
            folders = [path for path in asked if any(each.startswith(f"{path}/") for each in commit.files)]
            self.json(entries + [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders])

    def on_resolve(self, repo_type: str | None, repo_id: str, revision: str, path: str) -> None:
        _, commit = self.find(repo_type or "model", repo_id, revision)
        if commit is None:
            return None
        file = commit.files.get(path)
        if file is None:
            return self.error(404, "Entry not found", "EntryNotFound")
        etag = f'"{file.sha256 or file.oid}"'
        headers = {"X-Repo-Commit": commit.oid, "ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(file.size)}
        content = self.hub.content(file)
        if content is None:
            assert file.sha256 is not None
            headers["X-Xet-Hash"] = self.hub.xet_hash(file.sha256) or ""
            headers["X-Xet-Refresh-Route"] = (
                f"{self.hub.url}/api/{repo_type or 'model'}s/{repo_id}/xet-read-token/{commit.oid}"
            )
            content = b""
        return self.answer(200, content, headers | {"Content-Length": str(file.size)})


class _Nowhere:
    """Takes an answer that is lost."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        pass
