#!/usr/bin/env python3
"""Publishes a day in the life of a shop to the exchange "orders", with publisher confirms.

    publish.py AMQP_URL [ROUTING_KEY BODY]

Needs pika, a stock AMQP client: pip install pika
"""

import sys

import pika

A_DAY = [
    ("order.created.eu", "order 1: two books"),
    ("order.created.us", "order 2: a lamp"),
    ("order.paid.eu", "order 1"),
    ("order.cancelled.us", "order 2"),
    ("newsletter.sent", "nobody has asked for this"),
]


def main(url, *message):
    messages = [message] if message else A_DAY
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()  # basic_publish now returns once the broker has the message
    persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent, content_type="text/plain")
    for key, body in messages:
        channel.basic_publish("orders", key, body.encode(), persistent, mandatory=True)
        print(f"confirmed  {key:20} {body}")
    connection.close()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except pika.exceptions.AMQPError as error:
        sys.exit(f"error: {error!r}")
