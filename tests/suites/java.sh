#!/bin/sh
# Compiles the tests of RabbitMQ's Java client against Debian's jar of it and runs each class by itself.
# Usage, in the unpacked source: java.sh CLASSES_FOLDER
#
# Left out: tests of the client alone, TLS, what drives rabbitmqctl or restarts the broker, and the metrics'
# test, which needs a library that Debian does not have.
set -eu
jars=/usr/share/java
path="$1:src/test/resources:$jars/amqp-client.jar:$jars/junit4.jar:$jars/hamcrest-all.jar:$jars/slf4j-api.jar:$jars/slf4j-nop.jar:$jars/metrics-core.jar"
if [ ! -d "$1" ]; then
    mkdir -p "$1"
    metrics=src/test/java/com/rabbitmq/client/test/functional/Metrics.java
    client="ClientTests StandardMetricsCollectorTest ConnectionFactoryTest RecoveryAwareAMQConnectionFactoryTest AMQChannelTest"
    skip="-name Metrics.java"
    for each in $client; do skip="$skip -o -name $each.java"; done
    # The suites name this class, so there has to be one.
    mkdir -p "$1.stub/com/rabbitmq/client/test/functional"
    printf 'package com.rabbitmq.client.test.functional; public class Metrics {}' >"$1.stub/${metrics#src/test/java/}"
    # shellcheck disable=SC2046,SC2086 # one word a file
    javac -nowarn -d "$1" -cp "$path" "$1.stub/${metrics#src/test/java/}" \
        $(find src/test/java \( -path '*/ssl' -o -path '*/performance' \) -prune -o -name '*.java' ! \( $skip \) -print)
fi
functional="AlternateExchange BasicConsume BasicGet BindingLifecycle CcRoutes Confirm ConnectionOpen ConsumerCancelNotification
ConsumerCount ConsumerPriorities DeadLetterExchange DefaultExchange DirectReplyTo DoubleDeletion DurableOnTransient ExceptionHandling
ExceptionMessages ExchangeDeclare ExchangeDeleteIfUnused ExchangeExchangeBindings ExchangeExchangeBindingsAutoDelete FrameMax
HeadersExchangeValidation Heartbeat InternalExchange InvalidAcks InvalidAcksTx MessageCount Nack NoRequeueOnCancel PerConsumerPrefetch
PerQueueTTL QosTests QueueExclusivity QueueLease QueueLifecycle QueueSizeLimit Recover Reject RequeueOnChannelClose
RequeueOnConnectionClose Routing SaslMechanisms Tables Transactions UnbindAutoDeleteExchange UnexpectedFrames UserIDHeader"
server="AbsentQueue AlternateExchangeEquivalence EffectVisibilityCrossNodeTest PriorityQueues XDeathHeaderGrowth"
other="RpcTest CloseInMainLoop Bug20004Test"
status=0
for class in $(for each in $functional; do echo "functional.$each"; done; for each in $server; do echo "server.$each"; done; echo $other); do
    echo "CLASS $class"
    timeout 120 java -XX:TieredStopAtLevel=1 -Drabbitmqctl.bin=/bin/false -Drabbitmq.dir=/tmp -Dmake.bin=make \
        -Dtest-broker.A.nodename=a@localhost -Dtest-broker.B.nodename=b@localhost \
        -Dbroker.hostname=localhost -Dbroker.port=5672 \
        -cp "$path" org.junit.runner.JUnitCore "com.rabbitmq.client.test.$class" || status=1
done
exit $status
