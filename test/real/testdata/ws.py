# A WebSocket client of its own making (RFC 6455), for test/real: nothing but
# sockets. Arguments: address, port, path. It sends what stands on the lines of
# standard input and prints what comes back; a line "close N" sends a Close with
# that code, "ping" a Ping, "wait" reads until the end. The last line printed
# says how the connection ended.
import base64, hashlib, os, socket, struct, sys

def frame(opcode, data):
    mask = os.urandom(4)
    n = len(data)
    head = bytes([0x80 | opcode])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack(">H", n)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", n)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))

class Ended(Exception):
    pass

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
f = s.makefile("rb")
key = base64.b64encode(os.urandom(16)).decode()
s.sendall((f"GET {sys.argv[3]} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
head = []
while (line := f.readline().decode().strip()):
    head.append(line)
fields = {k.lower(): v for k, v in (h.split(": ", 1) for h in head[1:])}
want = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
if " 101 " not in head[0] or fields.get("sec-websocket-accept") != want or fields.get("upgrade", "").lower() != "websocket":
    sys.exit(f"no upgrade: {head}")

def read(n):
    data = f.read(n)
    if len(data) < n:
        raise Ended("eof")
    return data

def receive():
    first, second = read(2)
    if second & 0x80:
        raise Ended("a masked frame from the server")
    n = second & 0x7F
    if n == 126:
        n, = struct.unpack(">H", read(2))
    elif n == 127:
        n, = struct.unpack(">Q", read(8))
    return first & 0xF, read(n)

def show(opcode, data):
    if opcode == 8:
        raise Ended("close %d %s" % (struct.unpack(">H", data[:2])[0], data[2:].decode()) if data else "close")
    print({1: "text", 2: "binary", 10: "pong"}[opcode], len(data), hashlib.sha256(data).hexdigest()[:8] if len(data) > 100 else data.decode(), flush=True)

try:
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "close":
            s.sendall(frame(8, struct.pack(">H", int(rest)) + b"bye"))
        elif word == "ping":
            s.sendall(frame(9, b"are you there"))
        elif word == "big":
            s.sendall(frame(2, b"x" * int(rest)))
        elif word != "wait":
            s.sendall(frame(1, line.strip().encode()))
        show(*receive())
    while True:
        show(*receive())
except (Ended, OSError) as end:
    print("ended:", end)
