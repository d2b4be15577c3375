#!/usr/bin/env python3
"""A server on loopback that takes files as fast as they come and keeps nothing: as much of Mastodon as one post with a film needs,
and `PUT` for curl. Prints its port. `GET /_taken` tells of each file: method, bytes, and seconds from its first byte to its last.
"""
import json
import socket
import threading

TAKEN = []
LARGE = 1_000_000
ANSWERS = {
    "/api/v2/instance": {"domain": "sink.example", "version": "4.5.0", "api_versions": {"mastodon": 7}, "configuration": {
        "statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23},
        "media_attachments": {"supported_mime_types": ["image/png", "video/mp4"], "video_size_limit": 2_000_000_000, "image_size_limit": 16_000_000}}},
    "/api/v1/accounts/verify_credentials": {"id": "1", "username": "ann", "acct": "ann", "url": "https://sink.example/@ann"},
    "/api/v2/media": {"id": "7", "type": "video", "url": "https://sink.example/7.mp4"},
    "/api/v1/statuses": {"id": "9", "url": "https://sink.example/@ann/9", "uri": "https://sink.example/9", "content": "", "created_at": "2026-11-22T00:00:00.000Z"},
    "/nodeinfo/2.0": {"software": {"name": "mastodon", "version": "4.5.0"}},
}


def serve(connection):
    import time

    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    held = b""
    scratch = memoryview(bytearray(1 << 20))
    while True:
        while b"\r\n\r\n" not in held:
            came = connection.recv(65536)
            if not came:
                return
            held += came
        head, held = held.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target = lines[0].split()[:2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        began = time.perf_counter()
        left = length - len(held)
        while left > 0:
            came = connection.recv_into(scratch, min(left, len(scratch)))
            if not came:
                return
            left -= came
        held = held[length:]
        if length > LARGE:
            TAKEN.append({"method": method, "bytes": length, "seconds": time.perf_counter() - began})
        path = target.split("?")[0]
        if path == "/.well-known/nodeinfo":
            answer = {"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": f"http://{headers['host']}/nodeinfo/2.0"}]}
        else:
            answer = TAKEN if path == "/_taken" else ANSWERS.get(path, {})
        body = json.dumps(answer).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
