"""Remote calls as pika's users write them, over direct reply-to. Usage: rpc_with_pika.py URI"""

import sys

import pika
import pika.exceptions

REPLY_TO = "amq.rabbitmq.reply-to"


def connect(uri):
    parameters = pika.URLParameters(uri)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 20
    return pika.BlockingConnection(parameters)


def calls(uri):
    """A server on one connection, a client on another, in turns."""
    server_connection, client_connection = connect(uri), connect(uri)
    server, client = server_connection.channel(), client_connection.channel()
    server.queue_declare("pika.rpc", auto_delete=True)
    answers = []
    client.basic_consume(REPLY_TO, lambda *answer: answers.append(answer[2:]), auto_ack=True)

    def serve(channel, method, properties, body):
        assert properties.reply_to.startswith(REPLY_TO + "."), properties
        answer = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, body.upper(), answer)
        channel.basic_ack(method.delivery_tag)

    server.basic_consume("pika.rpc", serve)
    for number in range(20):
        properties = pika.BasicProperties(reply_to=REPLY_TO, correlation_id=str(number))
        client.basic_publish("", "pika.rpc", f"call {number}".encode(), properties)
        for _ in range(200):
            server_connection.process_data_events(time_limit=0)
            client_connection.process_data_events(time_limit=0.05)
            if len(answers) > number:
                break
    got = [(properties.correlation_id, body.decode()) for properties, body in answers]
    assert got == [(str(number), f"CALL {number}") for number in range(20)], got
    client_connection.close()
    server_connection.close()


def refusals(uri):
    connection = connect(uri)

    def nobody_waits():
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "pika.rpc", b"", pika.BasicProperties(reply_to=REPLY_TO))

    def twice():
        channel = connection.channel()
        for _ in range(2):
            channel.basic_consume(REPLY_TO, lambda *_: None, auto_ack=True)

    for text, action in [
        ("reply consumer cannot acknowledge",
         lambda: connection.channel().basic_consume(REPLY_TO, lambda *_: None)),
        ("reply consumer already set", twice),
        ("fast reply consumer does not exist", nobody_waits),
    ]:
        try:
            action()
        except pika.exceptions.ChannelClosedByBroker as closed:
            assert closed.reply_code == 406, closed
            assert closed.reply_text == "PRECONDITION_FAILED - " + text, closed
            continue
        raise AssertionError(f"the channel should be closed: {text}")
    connection.close()


if __name__ == "__main__":
    for part in (calls, refusals):
        part(sys.argv[1])
        print("ok", part.__name__)
