"""Runs one suite beside one broker, in a network and a process namespace of their own.

Usage: broker.py OUT KIND BINARY_OR_RABBITMQ -- COMMAND…   (called by run.py inside `unshare`)

The broker has the ports that every client expects, 5672 and 15672 on localhost, whatever else runs on
this machine. When this process ends, the namespace ends with all that runs in it.
"""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

import docker

PATIENCE = 240


def loopback_up():
    """Brings up `lo`, which a new network namespace has switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def start_warren(binary, work, log):
    return subprocess.Popen([binary, "--data-dir", f"{work}/data"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def start_rabbitmq(unpacked, work, log):
    """Starts the RabbitMQ that scripts/setup-rabbitmq has unpacked, with the plugins of its management API."""
    erlang = f"{unpacked}/usr/lib/erlang"
    subprocess.Popen([f"{erlang}/bin/epmd", "-address", "127.0.0.1"], stdout=log, stderr=log)
    config = pathlib.Path(work, "rabbitmq.conf")
    config.write_text("listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = ::1:5672\nloopback_users = none\n")
    plugins = pathlib.Path(work, "enabled_plugins")
    plugins.write_text("[rabbitmq_management,rabbitmq_consistent_hash_exchange].")
    server = next(pathlib.Path(unpacked, "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")) / "sbin/rabbitmq-server"
    environment = os.environ | {
        "PATH": f"{erlang}/bin:{os.environ['PATH']}", "HOME": work, "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "reference@localhost", "RABBITMQ_CONF_ENV_FILE": f"{work}/none",
        "RABBITMQ_CONFIG_FILE": f"{work}/rabbitmq", "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_LOG_BASE": f"{work}/log", "RABBITMQ_MNESIA_BASE": f"{work}/mnesia", "RABBITMQ_PID_FILE": f"{work}/pid",
    }
    return subprocess.Popen([server], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def wait_for(port, process):
    """Waits until somebody accepts connections on `port`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"the broker ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the broker does not listen on port {port}")


def main():
    out, kind, where = sys.argv[1:4]
    command = sys.argv[5:]
    loopback_up()
    with tempfile.TemporaryDirectory() as work, open(f"{out}.broker.log", "w") as log:
        start = {"warren": start_warren, "rabbitmq": start_rabbitmq}[kind]
        process = start(where, work, log)
        wait_for(5672, process)
        wait_for(15672, process)
        environment = os.environ | {"DOCKER_HOST": docker.start()}
        with open(f"{out}.log", "w") as output:
            run = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, check=False)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
    sys.exit(run.returncode)


main()
