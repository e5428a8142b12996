"""A WebSocket server or client built on Debian's python3-websockets.

server IP PORT: sends every message back as it came, in one frame; "leave" is
answered with a close of code 4001, "parts N" with a message in N fragments.

client IP PORT PATH: plays one conversation and prints what it saw, a line each.
"""
import asyncio
import sys

import websockets

SIZES = [64, 125, 126, 1000, 65535, 65536, 300000, 1 << 20]


async def serve(ws):
    async for message in ws:
        if message == "leave":
            await ws.close(4001, "as told")
        elif isinstance(message, str) and message.startswith("parts "):
            n = int(message.split()[1])
            await ws.send([f"part {i};" for i in range(n)])
        else:
            await ws.send(message)


async def server(ip, port):
    async with websockets.serve(serve, ip, port, max_size=None, compression=None):
        print("serving", flush=True)
        await asyncio.Future()


def pattern(n):
    return (b"0123456789abcdef" * (n // 16 + 1))[:n]


async def client(ip, port, path):
    url = f"ws://{ip}:{port}{path}"
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        for n in SIZES:
            await ws.send(pattern(n))
            got = await ws.recv()
            same = got == pattern(n)
            print("size", n, len(got), same)
        text = "grüße " * 1000
        await ws.send([text[i : i + 500] for i in range(0, len(text), 500)])
        print("fragments", (await ws.recv()) == text)
        await ws.send("parts 7")
        print("parts", await ws.recv())
        await (await ws.ping(b"there?"))
        print("pong")
        await ws.close(4002, "bye")
        print("closed", ws.close_code, ws.close_reason)
    async with websockets.connect(url, compression=None) as ws:
        await ws.send("leave")
        try:
            await ws.recv()
        except websockets.ConnectionClosed:
            print("left", ws.close_code, ws.close_reason)


def main():
    ip, port = sys.argv[2], int(sys.argv[3])
    if sys.argv[1] == "server":
        asyncio.run(server(ip, port))
    else:
        asyncio.run(client(ip, port, sys.argv[4]))


main()
