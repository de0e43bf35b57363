#!/bin/sh
# Stands in for pnpm, yarn and bun under their names, after the image's own programs in the search path: scripts of
# package.json call them to run one another, or the program of a dependency. What is more than that is left to the manager
# itself, which is fetched for it.
manager=${0##*/}
if [ "$manager" = bunx ]; then
  manager=bun
  set -- x "$@"
fi

# Runs the script or the program of that name, with the arguments behind it. Returns if there is neither.
attempt() {
  called=${1-}
  if node -e 'const { scripts } = JSON.parse(require("fs").readFileSync("package.json")); process.exit(scripts?.[process.argv[1]] ? 0 : 1)' -- "$called" 2>/dev/null; then
    shift
    [ "${1-}" = -- ] && shift
    exec npm run --silent "$called" -- "$@"
  fi
  if [ -n "$called" ] && [ -x "node_modules/.bin/$called" ]; then
    shift
    exec "node_modules/.bin/$called" "$@"
  fi
}

after() {
  shift
  [ "${1-}" = --bun ] && shift
  attempt "$@"
}

case ${1-} in
  run | run-script | exec | x | --bun) after "$@" ;;
  *) attempt "$@" ;;
esac
# The release that the project names, in its own manifest or in that of the workspace: another one would fetch it in its turn.
release=$(node -e '
const { dirname, join } = require("path")
for (let folder = process.cwd(); ; folder = dirname(folder)) {
  try {
    const named = JSON.parse(require("fs").readFileSync(join(folder, "package.json"))).packageManager?.match(/^(\w+)@(\d[\w.-]*)/)
    if (named?.[1] === process.argv[1]) {
      console.log(named[2])
      break
    }
  } catch {}
  if (folder === dirname(folder)) break
}' -- "$manager")
case $manager:$release in
  *:) exec npx --yes "$manager" "$@" ;;
  yarn:[2-9]*) exec npx --yes --package "@yarnpkg/cli-dist@$release" yarn "$@" ;;
  *) exec npx --yes "$manager@$release" "$@" ;;
esac
