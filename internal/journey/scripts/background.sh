# Waits for the migrations that run in the background, which the worker does, and tells how far they are. It ends when those that the next
# release needs are finished.
use pgsql
has out_of_band_migrations || exit 0
last=
since=$(date +%s)
while :; do
  # Only what a release up to NEXT takes away for good has to be finished; the rest goes on by itself.
  now=$(ask --command "SELECT id || ' ' || round((progress * 100)::numeric, 1) || ' ' || description FROM out_of_band_migrations
    WHERE progress < 1 AND deprecated_version_major IS NOT NULL
      AND (deprecated_version_major, deprecated_version_minor) <= ($NEXT_MAJOR, $NEXT_MINOR) ORDER BY id")
  [ -n "$now" ] || exit 0
  if [ "$now" != "$last" ]; then
    echo "$now" | while read -r id percent what; do echo "migration $id is at $percent %: $what"; done
    last=$now
    since=$(date +%s)
  elif [ $(($(date +%s) - since)) -ge "$PATIENCE" ]; then
    echo "STUCK for $PATIENCE seconds"
    exit 4
  fi
  sleep 1
done
