"""Fetches the sources of the suites and the programs they run with, pinned by hash, into the cache."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache/suites"
PINS = ROOT / "scripts/pins/suites"


class Missing(Exception):
    """What a suite needs is not on this machine and cannot be had."""


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(map(str, command[:4]))}… failed: {done.stdout.strip()[-300:]}")


def fresh(mark, pin):
    return mark.exists() and mark.read_bytes() == pin.read_bytes()


def python(name):
    """A virtual environment with what scripts/pins/suites/NAME.txt lists."""
    home, pin = CACHE / name, PINS / f"{name}.txt"
    if not fresh(home / ".pinned", pin):
        run(sys.executable, "-m", "venv", "--clear", home)
        run(home / "bin/pip", "install", "--quiet", "--require-hashes", "--requirement", pin)
        shutil.copy(pin, home / ".pinned")
    return home


def node():
    """The Node packages, amqplib's source among them."""
    home, pin = CACHE / "node", PINS / "package-lock.json"
    if not fresh(home / ".pinned", pin):
        home.mkdir(parents=True, exist_ok=True)
        for each in ("package.json", "package-lock.json"):
            shutil.copy(PINS / each, home)
        run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=home)
        shutil.copy(pin, home / ".pinned")
    return home / "node_modules/amqplib"


def pypi(suite):
    name = suite.archive.rsplit("-", 1)[0]
    archives = CACHE / "archives"
    if not (archives / suite.archive).exists():
        run(python(suite.venv) / "bin/pip", "download", "--quiet", "--no-deps", "--no-binary", name,
            "--dest", archives, f"{name}=={suite.version}")


def debian(suite):
    """The upstream archive of a source package of a release of Debian, which apt checks; the hash here pins it."""
    archives, lists = CACHE / "archives", CACHE / "apt" / suite.origin
    if (archives / suite.archive).exists():
        return
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    archives.mkdir(exist_ok=True)
    sources = CACHE / f"{suite.origin}.sources"
    sources.write_text(f"Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: {suite.origin}\nComponents: main\n"
                       "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n")
    options = ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={lists}"]
    run("apt-get", "update", "-qq", *options)
    # Packaging files that a mirror lacks are of no use here: what counts is whether the archive came.
    subprocess.run(["apt-get", *options, "source", "--download-only", "-qq", suite.archive.split("_")[0]],
                   cwd=archives, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def unpacked(suite):
    """The folder with the suite's source, as it was published."""
    if suite.origin == "npm":
        return node()
    (pypi if suite.origin == "pypi" else debian)(suite)
    archive, home = CACHE / "archives" / suite.archive, CACHE / "sources" / suite.archive.split(".tar")[0]
    if not archive.exists():
        raise Missing(f"{urllib.parse.quote(suite.archive)} could not be downloaded")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != suite.sha256:
        raise Missing(f"{suite.archive} is not the one that is pinned")
    if not home.exists():
        with tarfile.open(archive) as tar:
            tar.extractall(home, filter="data")
    folders = [each for each in home.iterdir() if each.is_dir()]
    return folders[0]


def check_needs(suite):
    for need in suite.needs:
        if not (os.path.exists(need) if "/" in need else shutil.which(need)):
            raise Missing(f"{need} is missing (Debian: apt-get install {suite.packages})")
