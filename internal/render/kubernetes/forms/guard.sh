# Lets release $RELEASE start only after one that leads to it by replacing pods. The databases' table of versions says which one ran.
set -eu
say() { echo "berth-guard: $*"; }
if [ "${ALLOW:-}" = "$RELEASE" ]; then
  say "the ConfigMap berth-guard allows $RELEASE, whatever ran before"
  exit 0
fi

ask() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --command "$1"; }

# Sourcegraph's services trust the certificates of their system where no other are named; psql does from 16 on, if a variable says so.
case ${PGSSLMODE:-} in verify-*)
  if [ -z "${PGSSLROOTCERT:-}" ] && [ "$(psql --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')" -ge 16 ]; then export PGSSLROOTCERT=system; fi ;;
esac

# Before the first installation there is nothing that could answer. Only a Job that runs before everything else accepts that.
# The image itself names a folder for sockets.
case ${PGHOST:-} in /*) PGHOST= ;; esac
if [ -n "${MAYBE_NEW:-}" ] && [ -z "${PGHOST:-}" ]; then
  say "no Secret says where the database is: nothing is installed yet"
  exit 0
fi
# These files say how to sign in, and they come with the rest.
for file in "${PGSSLROOTCERT:-}" "${PGSSLCERT:-}" "${PGSSLKEY:-}"; do
  case $file in /*)
    if [ -n "${MAYBE_NEW:-}" ] && [ ! -f "$file" ]; then
      say "$file is not there: nothing is installed yet"
      exit 0
    fi ;;
  esac
done
# psql takes a key only if nobody else can read it. The root of the container may be read-only; its shared memory is not.
if [ -n "${PGSSLKEY:-}" ]; then
  umask 077
  cat "$PGSSLKEY" >/dev/shm/berth-key
  export PGSSLKEY=/dev/shm/berth-key
fi
export PGCONNECT_TIMEOUT=5
began=$(date +%s)
waited=0
until why=$(ask 'SELECT 1' 2>&1); do
  case ${MAYBE_NEW:-}$why in bundled*"could not translate host name"*"not known"* | bundled*"could not translate host name"*"does not resolve"*)
    say "no Service has the name $PGHOST: nothing is installed yet"
    exit 0 ;;
  esac
  if [ "$waited" -ge "$PATIENCE" ]; then
    say "the database does not answer after $waited seconds, so it can't say which release ran: $why"
    say "if it can't answer for a reason that you know: kubectl -n $NAMESPACE create configmap berth-guard --from-literal=allow=$RELEASE"
    exit 1
  fi
  if [ "$waited" -eq 0 ]; then say "waiting for the database: $why"; fi
  sleep 1
  waited=$(($(date +%s) - began))
done

# An answer that fails ends this: then nobody knows which release ran.
ran=
there=$(ask "SELECT to_regclass('versions') IS NOT NULL")
if [ "$there" = t ]; then ran=$(ask "SELECT version FROM versions WHERE service = 'frontend'"); fi
ran=${ran#v}
if [ -z "$ran" ]; then
  say "the database is new: $RELEASE may start"
  exit 0
fi
minor=${ran%.*}
patch=${ran##*.}
case $patch in '' | *[!0-9]*) patch=-1 ;; esac
for span in $AFTER; do # such as 7.4.0- and 7.5.0-4453
  bounds=${span##*.}
  high=${bounds#*-}
  if [ "${span%.*}" = "$minor" ] && [ "$patch" -ge "${bounds%-*}" ] && [ "$patch" -le "${high:-$patch}" ]; then
    say "$ran ran before: $RELEASE may start"
    exit 0
  fi
done

# older A B reports whether one release is older than another.
older() {
  [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$1" ]
}
say "REFUSED: the databases are of Sourcegraph $ran, and these files are of $RELEASE."
if older "$ran" "$RELEASE"; then
  say "$RELEASE can't be reached from $ran by replacing pods: it needs stops, a backup, or the migrator's upgrade."
  say "Put  release: $ran  back into sourcegraph.yaml, berth render, and apply that. Then: berth upgrade --to $RELEASE --plan"
else
  say "$RELEASE is older, and is not known to work with the schema of $ran."
  say "Put  release: $ran  back into sourcegraph.yaml, berth render, and apply that. To roll back an upgrade that berth made: berth rollback"
fi
say "The databases were not changed."
say "After you restored a backup of another release: kubectl -n $NAMESPACE create configmap berth-guard --from-literal=allow=$RELEASE"
exit 1
