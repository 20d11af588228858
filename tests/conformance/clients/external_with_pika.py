"""Logs in with a certificate. Usage: external_with_pika.py URI CA CERTIFICATE KEY"""

import ssl
import sys

import pika
import pika.credentials
import pika.exceptions


def parameters(uri, context):
    parsed = pika.URLParameters(uri)
    return pika.ConnectionParameters(
        host=parsed.host,
        port=parsed.port,
        credentials=pika.credentials.ExternalCredentials(),
        ssl_options=pika.SSLOptions(context, parsed.host),
        socket_timeout=20,
        blocked_connection_timeout=20,
    )


def main(uri, authority, certificate, key):
    context = ssl.create_default_context(cafile=authority)
    stranger = parameters(uri, context)
    try:
        pika.BlockingConnection(stranger)
        raise AssertionError("EXTERNAL needs a certificate")
    except (pika.exceptions.AMQPConnectionError, pika.exceptions.AuthenticationError):
        print("ok refused without a certificate")

    context.load_cert_chain(certificate, key)
    connection = pika.BlockingConnection(parameters(uri, context))
    channel = connection.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    bodies = [bytes([size % 251]) * size for size in (0, 1, 100, 4096, 16_384, 100_000, 3_000_000)]
    for body in bodies:
        channel.basic_publish("", queue, body)
    for body in bodies:
        assert channel.basic_get(queue, auto_ack=True)[2] == body, len(body)
    connection.close()
    print("ok messages of any size")


if __name__ == "__main__":
    main(*sys.argv[1:5])
