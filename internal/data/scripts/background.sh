# Waits for the migrations that run in the background, which the worker of release AT does, and tells how far they are. It ends when those are
# finished that a release up to NEXT needs. A newer migrator lists those of later releases, too: nobody runs them yet.
use pgsql
has out_of_band_migrations || exit 0
known="(introduced_version_major, introduced_version_minor) <= ($AT_MAJOR, $AT_MINOR)"

# A migrator's downgrade turns migrations around, and nothing turns them forward again but the site admin's page, or this.
ask --command "UPDATE out_of_band_migrations SET apply_reverse = false WHERE apply_reverse AND $known RETURNING id" | while read -r id; do
  echo "migration $id makes progress again"
done

last=
since=$(date +%s)
while :; do
  now=$(ask --command "SELECT id || ' ' || round((progress * 100)::numeric, 1) || ' ' || description FROM out_of_band_migrations
    WHERE progress < 1 AND $known AND deprecated_version_major IS NOT NULL
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
