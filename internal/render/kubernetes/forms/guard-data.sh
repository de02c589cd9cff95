# Lets a database start only on data of its own major Postgres. An image of 5.10 to 6.x converts older data when it starts, with no way back but
# a backup; an image of 5.9 or before opens the old data that a conversion left beside the new.
set -eu
say() { echo "berth-guard: $*"; }
newest=0
folder=
for file in "$DATA"/PG_VERSION "$DATA"/*/PG_VERSION; do
  [ -f "$file" ] || continue
  major=$(cat "$file")
  case $major in *[!0-9]* | '') continue ;; esac
  if [ "$major" -gt "$newest" ]; then
    newest=$major
    folder=${file%/PG_VERSION}
  fi
done
# The server says which major it is; a client beside it may be newer. Where the server is not in the path, they are of one package.
own=$({ postgres --version 2>/dev/null || psql --version; } | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
if [ "$newest" -eq 0 ] || [ "$newest" -eq "$own" ]; then exit 0; fi
if [ "${ALLOW:-}" = "$RELEASE" ]; then
  say "the ConfigMap berth-guard allows $RELEASE: data of Postgres $newest is left to an image of Postgres $own"
  exit 0
fi
say "REFUSED: $folder has data of Postgres $newest, and the image of Sourcegraph $RELEASE is of Postgres $own."
if [ "$newest" -lt "$own" ]; then
  say "It would convert the data, and only a backup can undo that. berth upgrade makes one, tests it, and converts: put the release that ran"
  say "before back into sourcegraph.yaml, berth render, and apply that. Then: berth upgrade --plan"
else
  say "It can't read this data. Put the release that ran before back into sourcegraph.yaml, berth render, and apply that."
fi
say "A StatefulSet waits for this pod; after that: kubectl -n $NAMESPACE delete pod ${HOSTNAME:-}"
say "The data was not changed."
say "If you have a backup and want it all the same: kubectl -n $NAMESPACE create configmap berth-guard --from-literal=allow=$RELEASE"
exit 1
