#!/usr/bin/env python3
"""Consumes a queue, acknowledging each message once it is printed.

    consume.py AMQP_URL QUEUE [IDLE_SECONDS]

Ends when nothing has come for IDLE_SECONDS (default: waits for ever; Ctrl-C ends it too).
Needs pika, a stock AMQP client: pip install pika
"""

import sys

import pika


def main(url, queue, idle=None):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=10)
    for method, _, body in channel.consume(queue, inactivity_timeout=float(idle) if idle else None):
        if method is None:
            break
        print(f"{queue:18} {method.routing_key:20} {body.decode()}", flush=True)
        channel.basic_ack(method.delivery_tag)
    channel.cancel()
    connection.close()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
    except pika.exceptions.AMQPError as error:
        sys.exit(f"error: {error!r}")
