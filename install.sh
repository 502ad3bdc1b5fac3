#!/bin/sh
# Makes .venv with the locked requirements, each checked against its hash, and with this project. Called by make.
#
#   PYTHON=python3.12 ./install.sh
#   ./install.sh requirements-spark.txt    # what Spark needs, beside the rest
#
# uv installs them, which takes seconds where pip takes a minute: the uv on the path, else one that pip fetches. Where uv
# fails, pip installs them: uv knows nothing of pip's settings, such as those of a mirror.
set -eu
cd "$(dirname "$0")"
venv=.venv
requirements=${1:-requirements-dev.txt}

fail() {
    echo "$1" >&2
    exit 1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo "not there"
}

# Prints where a Python is, outside any environment, if the pipeline runs on it (requires-python in pyproject.toml).
supported() {
    case $(version "$1") in
        3.11 | 3.12 | 3.13) "$1" -c 'import sys; print(sys._base_executable)' ;;
        *) return 1 ;;
    esac
}

if [ -e "$venv" ] && ! supported "$venv/bin/python" >/dev/null; then
    echo "The Python of $venv is $(version "$venv/bin/python"): making it anew"
    rm -rf "$venv"
fi
python=
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    python=$(supported "$name") && break
done
first=${PYTHON:-python3}
needed="Python 3.11, 3.12 or 3.13 is needed, and $first is $(version "$first"): install one and name it: \
make PYTHON=/path/to/python3.13"
if [ -n "${PYTHON:-}" ] && [ -z "$python" ]; then
    fail "$needed"
fi

# Makes a pip, in an environment of its own: .venv needs none.
tools=
trap 'rm -rf "$tools"' EXIT
make_pip() {
    maker=${python:-python3}
    if ! "$maker" -c 'import ensurepip, venv' 2>/dev/null; then
        [ -n "$python" ] || fail "$needed"
        package=python$(version "$python")-venv
        fail "$python cannot make virtual environments: install the package $package (apt-get install $package), or uv"
    fi
    tools=$(mktemp -d)
    "$maker" -m venv "$tools"
}

pip() {
    "$tools/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

uv=$(command -v uv || command -v "$venv/bin/uv" || true)
if [ -z "$uv" ]; then
    make_pip
    # As it is locked, whatever the version of this Python.
    sed -n '/^uv==/,/[^\\]$/{s/ ;[^\\]*/ /;p;}' requirements-dev.txt >"$tools/uv.txt"
    if pip install --require-hashes -r "$tools/uv.txt"; then
        uv=$tools/bin/uv
    fi
fi

if [ ! -d "$venv" ]; then
    if [ -n "$uv" ] && [ -n "$python" ]; then
        "$uv" venv --quiet --python "$python" "$venv"
    elif [ -n "$uv" ]; then
        echo "No Python 3.11, 3.12 or 3.13 is on the path: uv looks for one, or downloads it ..."
        "$uv" venv --quiet --python '>=3.11,<3.14' "$venv" 2>/dev/null || fail "$needed"
    elif [ -n "$python" ]; then
        "$python" -m venv --without-pip "$venv"
    else
        fail "$needed"
    fi
fi

# Runs an installer on the requirements, of which all but pyspark are wheels, then on the project itself.
install_by() {
    wheels='--only-binary :all:'
    [ "$requirements" = requirements-dev.txt ] || wheels=--no-build-isolation
    # shellcheck disable=SC2086
    "$@" --require-hashes $wheels -r "$requirements" &&
        "$@" --no-build-isolation --no-deps --editable .
}

echo "Installing $requirements into $venv (once) ..."
if [ -z "$uv" ] || ! install_by "$uv" --quiet pip install --python "$venv/bin/python"; then
    echo "uv could not; pip takes a minute or two ..."
    [ -n "$tools" ] || make_pip
    install_by pip --python "$venv/bin/python" install
fi
