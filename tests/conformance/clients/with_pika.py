"""What applications do with pika's blocking connection. Usage: with_pika.py URI"""

import sys

import pika
import pika.exceptions


def expect_closed(code, text, action):
    """The action closes its channel with this code and text."""
    try:
        action()
    except pika.exceptions.ChannelClosedByBroker as closed:
        assert closed.reply_code == code, closed
        assert text in closed.reply_text, closed
        return
    raise AssertionError(f"the channel should be closed with {code}")


def confirms_and_returns(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, b"kept", pika.BasicProperties(delivery_mode=2), mandatory=True)
    try:
        channel.basic_publish("", queue + "-missing", b"lost", mandatory=True)
        raise AssertionError("an unroutable mandatory message should come back")
    except pika.exceptions.UnroutableError as error:
        assert error.messages[0].body == b"lost"
        assert error.messages[0].method.reply_code == 312
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    assert (body, properties.delivery_mode, method.redelivered) == (b"kept", 2, False)
    assert channel.basic_get(queue) == (None, None, None)


def topic_routing(connection):
    channel = connection.channel()
    channel.exchange_declare("pika.orders", "topic", auto_delete=True)
    queues = {}
    for name, pattern in [("paid", "order.paid.#"), ("eu", "order.*.eu"), ("all", "#")]:
        queues[name] = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queues[name], "pika.orders", pattern)
    for key in ["order.paid", "order.paid.eu", "order.new.eu", "invoice.new"]:
        channel.basic_publish("pika.orders", key, key.encode())
    got = {name: [] for name in queues}
    for name, queue in queues.items():
        for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.5):
            if body is None:
                break
            got[name].append(body.decode())
        channel.cancel()
    assert got == {
        "paid": ["order.paid", "order.paid.eu"],
        "eu": ["order.paid.eu", "order.new.eu"],
        "all": ["order.paid", "order.paid.eu", "order.new.eu", "invoice.new"],
    }, got


def redelivery_and_prefetch(connection):
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for number in range(4):
        channel.basic_publish("", queue, str(number).encode())
    channel.basic_qos(prefetch_count=2)
    seen = []

    def on_message(channel, method, _properties, body):
        seen.append((body.decode(), method.redelivered))
        if body == b"0" and not method.redelivered:
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)
        if len(seen) == 5:
            channel.stop_consuming()

    channel.basic_consume(queue, on_message)
    connection.call_later(20, channel.stop_consuming)
    channel.start_consuming()
    assert len(seen) == 5, seen
    assert sorted(seen) == [("0", False), ("0", True), ("1", False), ("2", False), ("3", False)], seen


def refusals(connection):
    expect_closed(404, "NOT_FOUND - no queue 'pika.nothing' in vhost '/'",
                  lambda: connection.channel().queue_declare("pika.nothing", passive=True))
    connection.channel().queue_declare("pika.mine", auto_delete=True)
    expect_closed(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'pika.mine' in vhost '/'",
                  lambda: connection.channel().queue_declare("pika.mine", durable=True, auto_delete=True))
    connection.channel().queue_delete("pika.mine")
    assert connection.is_open


def main(uri):
    parameters = pika.URLParameters(uri)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 20
    connection = pika.BlockingConnection(parameters)
    for part in (confirms_and_returns, topic_routing, redelivery_and_prefetch, refusals):
        part(connection)
        print("ok", part.__name__)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
