"""Publishes a payment over TLS, logged in with a certificate: pay.py ADDRESS FOLDER"""

import ssl
import sys

import pika
from pika.credentials import ExternalCredentials


def main(address, folder):
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    context.load_cert_chain(f"{folder}/client.crt", f"{folder}/client.key")
    connection = pika.BlockingConnection(pika.ConnectionParameters(
        host=address,
        port=5671,
        # The name in the broker's certificate, whatever address leads there.
        ssl_options=pika.SSLOptions(context, "bank.vault.svc"),
        credentials=ExternalCredentials(),
    ))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", "payments", b"100 EUR", pika.BasicProperties(delivery_mode=2), mandatory=True)
    print("paid, and on disk")
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
