"""What applications do with aio-pika: confirms, prefetch, calls and answers. Usage: with_aio_pika.py URI"""

import asyncio
import sys

import aio_pika


async def many_confirmed(connection):
    channel = await connection.channel(publisher_confirms=True)
    queue = await channel.declare_queue("", exclusive=True)
    message = aio_pika.Message(b"x" * 1000, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await asyncio.gather(*(channel.default_exchange.publish(message, queue.name) for _ in range(300)))
    for _ in range(300):
        await (await queue.get(timeout=5)).ack()
    assert await queue.get(fail=False) is None


async def call_and_answer(connection):
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=10)
    requests = await channel.declare_queue("", exclusive=True)
    answers = await channel.declare_queue("", exclusive=True)

    async def serve(message):
        async with message.process():
            reply = aio_pika.Message(message.body.upper(), correlation_id=message.correlation_id)
            await channel.default_exchange.publish(reply, message.reply_to)

    await requests.consume(serve)
    for number in range(20):
        request = aio_pika.Message(
            f"call {number}".encode(), correlation_id=str(number), reply_to=answers.name)
        await channel.default_exchange.publish(request, requests.name)
    got = {}
    async with answers.iterator(timeout=10) as incoming:
        async for message in incoming:
            async with message.process():
                got[message.correlation_id] = message.body.decode()
            if len(got) == 20:
                break
    assert got == {str(n): f"CALL {n}" for n in range(20)}, got


async def exchange_to_exchange(connection):
    channel = await connection.channel(on_return_raises=True)
    outer = await channel.declare_exchange("aio.outer", "topic", auto_delete=True)
    inner = await channel.declare_exchange("aio.inner", "fanout", auto_delete=True)
    await inner.bind(outer, "order.#")
    queue = await channel.declare_queue("", exclusive=True)
    await queue.bind(inner)
    await outer.publish(aio_pika.Message(b"yes", headers={"n": 1}), "order.new")
    try:
        await outer.publish(aio_pika.Message(b"no"), "invoice.new")
        raise AssertionError("an unroutable mandatory message should come back")
    except aio_pika.exceptions.DeliveryError:
        pass
    message = await queue.get(timeout=5)
    assert (message.body, message.headers) == (b"yes", {"n": 1})
    await message.reject(requeue=True)
    again = await queue.get(timeout=5)
    assert again.redelivered
    await again.ack()


async def main(uri):
    connection = await aio_pika.connect_robust(uri, timeout=20)
    async with connection:
        for part in (many_confirmed, call_and_answer, exchange_to_exchange):
            await asyncio.wait_for(part(connection), 30)
            print("ok", part.__name__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
