# Says how much the databases hold: tables and views, and the rows of each table.
found=$(mktemp -d)
for database in $databases; do
  use "$database" || continue
  echo "FACT holds $(holds)"
  count "$database" "$found/rows"
  sed "s/^/FACT rows $database./" "$found/rows"
done
rm -rf "$found"
echo FACTS END
