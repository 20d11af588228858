"""Is refused what it may not do, as pika understands it. Usage: access_with_pika.py URI"""

import base64
import json
import sys
import urllib.request

import pika
import pika.exceptions


def manage(host, method, path, body):
    login = base64.b64encode(b"guest:guest").decode()
    request = urllib.request.Request(
        f"http://{host}:15672/api{path}",
        data=json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status in (201, 204), answer.status


def connect(host, port, user, vhost="/"):
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            host=host,
            port=port,
            virtual_host=vhost,
            credentials=pika.PlainCredentials(user, "secret"),
            socket_timeout=20,
            blocked_connection_timeout=20,
        )
    )


def refused(act, code, text):
    try:
        act()
    except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker) as error:
        assert (error.reply_code, error.reply_text) == (code, text), error
        print("ok", code, text)
        return
    raise AssertionError(f"not refused: {text}")


def main(uri):
    parsed = pika.URLParameters(uri)
    host, port = parsed.host, parsed.port
    manage(host, "PUT", "/vhosts/closed", {})
    manage(host, "PUT", "/users/app", {"password": "secret", "tags": ""})
    permission = {"configure": "^app", "write": "^(app|amq\\.default$)", "read": "^app"}
    manage(host, "PUT", "/permissions/%2F/app", permission)

    connection = connect(host, port, "app")
    channel = connection.channel()
    channel.queue_declare("app.queue")
    channel.confirm_delivery()
    channel.basic_publish("", "app.queue", b"body", mandatory=True)
    assert channel.basic_get("app.queue", auto_ack=True)[2] == b"body"
    print("ok permitted")

    prefix = "ACCESS_REFUSED - "
    for act, what in [
        (lambda c: c.queue_declare("other"), "configure access to queue 'other'"),
        (lambda c: c.basic_get("other"), "read access to queue 'other'"),
        (lambda c: c.queue_bind("app.queue", "amq.topic"), "read access to exchange 'amq.topic'"),
        (lambda c: c.exchange_delete("x"), "configure access to exchange 'x'"),
    ]:
        text = f"{prefix}{what} in vhost '/' refused for user 'app'"
        refused(lambda: act(connection.channel()), 403, text)
    closed = "NOT_ALLOWED - access to vhost 'closed' refused for user 'app'"
    try:
        connect(host, port, "app", "closed")
        raise AssertionError("the vhost is closed to it")
    except pika.exceptions.ProbableAccessDeniedError as error:
        assert closed in str(error) and "530" in str(error), error
        print("ok", closed)

    manage(host, "DELETE", "/users/app", None)
    gone = "CONNECTION_FORCED - user 'app' is deleted"
    refused(lambda: connection.sleep(20), 320, gone)


if __name__ == "__main__":
    main(sys.argv[1])
