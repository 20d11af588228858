"""The integration suites of other people's AMQP clients: where each comes from and how it is run.

Nothing in them is changed. Files are left out only where the comment says why; what is left out is left
out for both brokers.
"""

import dataclasses
import pathlib

import results

HERE = pathlib.Path(__file__).resolve().parent

URI = "amqp://guest:guest@127.0.0.1:5672/%2f"

PYTEST = ["{venv}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "120", "-o", "addopts=",
          "--junitxml", "{out}.xml"]


@dataclasses.dataclass(frozen=True)
class Suite:
    """One suite."""

    name: str
    version: str
    #: pypi, npm, or a release of Debian: see fetch.py. With the SHA-256 of what is fetched.
    origin: str
    archive: str
    sha256: str
    #: With {out}, {venv} and {cache} replaced. Run in the unpacked source.
    command: list
    read: object
    environment: dict = dataclasses.field(default_factory=dict)
    #: Run once before, in the unpacked source, with the network there is.
    prepare: list = dataclasses.field(default_factory=list)
    #: Folder under the cache with the Python to run it with.
    venv: str = "python"
    #: Programs and files that must be there, and Debian's packages that bring them.
    needs: tuple = ()
    packages: str = ""
    #: What else was left out, for docs and readers.
    left_out: str = ""


SUITES = [
    Suite(
        name="py-amqp", version="5.4.2", origin="pypi", archive="amqp-5.4.2.tar.gz",
        sha256="9362660c4a31150cf18e78cae2ce8aa1e929fc6c6739e69f6dd5dbea9c3edc82",
        command=[*PYTEST, "t/integration"], read=results.junit,
    ),
    Suite(
        name="kombu", version="5.7.0", origin="pypi", archive="kombu-5.7.0.tar.gz",
        sha256="31e62fdfd2381caa3422f8e02b84a491d9a2180ddda74507b57f4cb1e1c2c2c9",
        command=[*PYTEST, "t/integration/test_py_amqp.py"], read=results.junit,
    ),
    Suite(
        name="AMQPStorm", version="3.1.4", origin="pypi", archive="amqpstorm-3.1.4.tar.gz",
        sha256="8c4c81430b3e3f06c88474a8ed883b48a62068f14490e339d6e0fc3329f030d3",
        command=[*PYTEST, "amqpstorm/tests/functional", "--ignore", "amqpstorm/tests/functional/ssl"], read=results.junit,
        environment={
            "AMQP_HOST": "127.0.0.1", "AMQP_USERNAME": "guest", "AMQP_PASSWORD": "guest", "AMQP_URI": URI,
            "AMQP_HTTP_URL": "http://127.0.0.1:15672",
        },
        left_out="TLS: its certificates name a host of its authors",
    ),
    Suite(
        name="aio-pika", version="10.2.1", origin="pypi", archive="aio_pika-10.2.1.tar.gz",
        sha256="e4f77afd9179a3cca5a904c3b0a1190256a36d9f90650db908b1b2245eb27487",
        command=[*PYTEST, "tests", "--ignore", "tests/test_amqps.py"], read=results.junit,
        left_out="TLS: its certificates are made in its container",
    ),
    Suite(
        name="aiormq", version="7.2.4", origin="pypi", archive="aiormq-7.2.4.tar.gz",
        sha256="5fd20bb9583d73de85572198496b65cf028f27527c1733c9840d458e0b40e8fa",
        command=[*PYTEST, "tests"], read=results.junit,
    ),
    Suite(
        name="aiorabbit", version="1.0.3", venv="aiorabbit", origin="pypi", archive="aiorabbit-1.0.3.tar.gz",
        sha256="e790326b66a306065173e29f49efb32368afd6d28ab0d72b4851d65ef3c95eba",
        command=[*PYTEST, "--import-mode=importlib", "-o", "consider_namespace_packages=true", "tests"], read=results.junit,
        prepare=["sh", "-c", f"mkdir -p build && echo 'export RABBITMQ_URI={URI}' >build/test-environment"],
    ),
    Suite(
        name="rabbitpy", version="3.0.2", origin="pypi", archive="rabbitpy-3.0.2.tar.gz",
        sha256="9322a1e82b4d3d1afc21a617ce0b1e86b921174328735e7d54abc9525805ae5c",
        command=[*PYTEST, "tests/test_integration.py"], read=results.junit, environment={"RABBITMQ_URL": URI},
    ),
    Suite(
        name="amqplib (Node)", version="0.10.9", origin="npm", archive="amqplib", sha256="",
        command=["{cache}/node/node_modules/.bin/mocha", "--check-leaks", "-u", "tdd", "--exit", "-R", "json", "test"],
        read=results.mocha, needs=("node",), packages="nodejs",
        left_out="newer packages of amqplib come without their tests",
    ),
    Suite(
        name="pika", version="1.3.2", venv="pika", origin="trixie", archive="python-pika_1.3.2.orig.tar.gz",
        sha256="5eb71b9a0047c77d99378e525a2041fc50aae4a177b060f9825b3e2fdcc96fc4",
        command=[*PYTEST, *(f"tests/acceptance/{each}.py" for each in (
            "blocking_adapter_test", "enforce_one_basicget_test", "async_adapter_tests", "io_services_tests"))],
        read=results.junit, left_out="Twisted: wants nose, which no Python of today has",
    ),
    Suite(
        name="bunny", version="2.23.0", origin="trixie", archive="ruby-bunny_2.23.0.orig.tar.gz",
        sha256="620a89c2c3d3455a048e3d09e4dfd6f444feb972e8a8e89691cbbd3ada79ff81",
        command=["python3", f"{HERE}/bunny/begin.py", "sh", "-c",
                 f"exec bundle exec rspec -I lib -I {HERE}/bunny --format json --out {{out}}.json --format documentation"
                 " $(ls spec/*_level_api/integration/*_spec.rb spec/issues/*_spec.rb | grep -v tls_connection | grep -v toxiproxy)"],
        read=results.rspec, environment={"BUNDLE_GEMFILE": f"{HERE}/bunny/Gemfile"},
        needs=("bundle", "/usr/share/rubygems-integration/all/specifications/amq-protocol-2.3.2.gemspec"),
        packages="ruby bundler ruby-amq-protocol ruby-sorted-set ruby-rspec",
        left_out="TLS: its certificates name a host of its authors; what needs Toxiproxy",
    ),
    Suite(
        name="php-amqplib", version="3.7.3", origin="trixie", archive="php-amqplib_3.7.3.orig.tar.xz",
        sha256="d7b858c32a6347b30db9807d17889f636d6497168fb83076a149b662c38b9203",
        prepare=["sh", "-c", f"mkdir -p vendor && cp {HERE}/php/autoload.php vendor/autoload.php"],
        command=["phpunit", "--testsuite", "Functional Tests", "--no-coverage", "--log-junit", "{out}.xml"], read=results.junit,
        needs=("phpunit", "/usr/share/php/phpseclib3/autoload.php"), packages="phpunit php-phpseclib3 php-mbstring",
        left_out="what needs Toxiproxy skips itself; TLS fails on both, without a listener for its certificates",
    ),
    Suite(
        name="php-amqp", version="1.11.0", origin="bookworm", archive="php-amqp_1.11.0.orig.tar.gz",
        sha256="dc5212b4785f59955118a219bbfbcedb7aa6ab2a91e8038a0ad1898f331c2f08",
        prepare=["sh", "-c", "test -e modules/amqp.so || (phpize && ./configure && make)"],
        command=["sh", "-c", "TEST_PHP_JUNIT={out}.xml exec php run-tests.php -q -d extension=$PWD/modules/amqp.so --set-timeout 60 tests"],
        read=results.junit, environment={"NO_INTERACTION": "1"},
        needs=("phpize", "/usr/include/amqp.h"), packages="php-dev librabbitmq-dev",
    ),
    Suite(
        name="amqp091-go", version="1.5.0", origin="bookworm", archive="golang-github-rabbitmq-amqp091-go_1.5.0.orig.tar.gz",
        sha256="5ea2d9527fe110f48b972a909f50553a8e2013dbb28fae0ee3d44dc3992c2a7f",
        prepare=["sh", "-c", "mkdir -p {cache}/go/src/github.com/rabbitmq && ln -sfn $PWD {cache}/go/src/github.com/rabbitmq/amqp091-go"
                 " && cd {cache}/go/src/github.com/rabbitmq/amqp091-go"
                 " && GO111MODULE=off GOPATH={cache}/go:/usr/share/gocode GOCACHE={cache}/go/cache go test -c -tags integration -o integration.test ."],
        command=["./integration.test", "-test.v", "-test.timeout", "300s"], read=results.go, environment={"AMQP_URL": "amqp://guest:guest@127.0.0.1:5672/"},
        needs=("go", "/usr/share/gocode/src/go.uber.org/goleak"), packages="golang-go golang-uber-goleak-dev",
    ),
    Suite(
        name="RabbitMQ Java client", version="5.0.0", origin="bookworm", archive="rabbitmq-java-client_5.0.0.orig.tar.gz",
        sha256="23c185a4b241c60223e8a800472d674f3d8e8fc5688bf99abe6ccdfd55e64aeb",
        command=["sh", f"{HERE}/java.sh", "{cache}/java"], read=results.junit4,
        needs=("javac", "/usr/share/java/amqp-client.jar", "/usr/share/java/metrics-core.jar", "/usr/share/java/hamcrest-all.jar"),
        packages="default-jdk-headless librabbitmq-client-java junit4 libhamcrest-java libslf4j-java libdropwizard-metrics-java",
        left_out="what drives rabbitmqctl or restarts the broker, and tests of the client alone",
    ),
]
