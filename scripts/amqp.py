"""A bare AMQP client over one socket: just enough to open many connections and to declare many queues."""

import socket
import struct

END = b"\xce"


def short(text):
    """A short string."""
    return bytes([len(text)]) + text.encode()


def frame(channel, class_id, method_id, arguments=b""):
    """One method frame."""
    payload = struct.pack(">HH", class_id, method_id) + arguments
    return struct.pack(">BHI", 1, channel, len(payload)) + payload + END


OPENING = [
    frame(0, 10, 11, struct.pack(">I", 0) + short("PLAIN") + struct.pack(">I", 12) + b"\0guest\0guest" + short("en_US")),
    frame(0, 10, 31, struct.pack(">HIH", 0, 131072, 0)) + frame(0, 10, 40, short("/") + b"\0\0"),
]


class Connection:
    """An open connection without heartbeats."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.socket.sendall(b"AMQP\0\0\x09\x01")
        self.expect(10, 10)
        self.socket.sendall(OPENING[0])
        self.expect(10, 30)
        self.socket.sendall(OPENING[1])
        self.expect(10, 41)

    def expect(self, class_id, method_id):
        """Reads frames until that method has come; returns its arguments."""
        while True:
            while len(self.buffer) < 7 or len(self.buffer) < 8 + struct.unpack(">I", self.buffer[3:7])[0]:
                more = self.socket.recv(65536)
                if not more:
                    raise ConnectionError("the broker closed the connection")
                self.buffer += more
            length = struct.unpack(">I", self.buffer[3:7])[0]
            payload, self.buffer = self.buffer[7:7 + length], self.buffer[8 + length:]
            found = struct.unpack(">HH", payload[:4])
            if found == (class_id, method_id):
                return payload[4:]
            if found in ((10, 50), (20, 40)):
                raise ConnectionError(f"the broker closed: {payload!r}")

    def open_channel(self):
        """Opens channel 1."""
        self.socket.sendall(frame(1, 20, 10, short("")))
        self.expect(20, 11)

    def declare(self, names, passive=False):
        """Declares durable queues on channel 1; returns once the last is there."""
        for at in range(0, len(names), 500):
            some = names[at:at + 500]
            # Durable and no-wait; the last of them is waited for.
            batch = b"".join(self.queue(name, 0b10010) for name in some[:-1])
            self.socket.sendall(batch + self.queue(some[-1], 0b00011 if passive else 0b00010))
            self.expect(50, 11)

    @staticmethod
    def queue(name, bits):
        """A queue.declare."""
        return frame(1, 50, 10, b"\0\0" + short(name) + bytes([bits]) + struct.pack(">I", 0))
