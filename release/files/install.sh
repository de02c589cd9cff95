#!/bin/sh
# Installs berth @VERSION@: verifies what it got, then copies one file. Files that lie beside this script are used; others are downloaded.
#
#   sh install.sh [--to FOLDER] [--from FOLDER-OR-URL]
#
# It needs minisign, or openssl 3, to verify the signature.
set -eu

version=@VERSION@
key=@KEY@
from=
to=

fail() { echo "install.sh: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

while [ $# -gt 0 ]; do
  case $1 in
    --to) [ $# -ge 2 ] || fail "--to needs a folder"; to=$2; shift 2 ;;
    --from) [ $# -ge 2 ] || fail "--from needs a folder or a URL"; from=$2; shift 2 ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument $1; sh install.sh --help lists them" ;;
  esac
done

case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no berth for $(uname -s) here; on Windows unpack berth_${version}_windows_amd64.zip" ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no berth for $(uname -m)" ;;
esac
name=berth_${version}_${os}_${arch}

if [ -z "$to" ]; then
  if [ -w /usr/local/bin ]; then to=/usr/local/bin; else to=$HOME/.local/bin; fi
fi
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$from" ]; then
  if [ -f "$here/SHA256SUMS" ]; then from=$here; else from=@URL@; fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
get() {
  case $from in
    http://* | https://*)
      if have curl; then curl -fsSL --retry 3 -o "$work/$1" "$from/$1"
      elif have wget; then wget -q -O "$work/$1" "$from/$1"
      else fail "neither curl nor wget is here; download $from/$1, SHA256SUMS and SHA256SUMS.minisig to one folder, and name it with --from"
      fi || fail "could not download $from/$1" ;;
    *) [ -f "$from/$1" ] || fail "$from has no $1"; cp "$from/$1" "$work/$1" ;;
  esac
}

get SHA256SUMS
get SHA256SUMS.minisig

# A signature is the second line: 2 bytes of algorithm, 8 of the key's number, 64 of Ed25519 over the BLAKE2b of the file.
by_openssl() {
  sed -n 2p "$work/SHA256SUMS.minisig" | base64 -d >"$work/signature" 2>/dev/null || return 1
  printf '%s' "$key" | base64 -d >"$work/key" 2>/dev/null || return 1
  [ "$(head -c 2 "$work/signature")" = ED ] || return 1
  [ "$(tail -c +3 "$work/signature" | head -c 8 | od -An -tx1)" = "$(tail -c +3 "$work/key" | head -c 8 | od -An -tx1)" ] || return 1
  tail -c +11 "$work/signature" >"$work/raw"
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; tail -c 32 "$work/key"; } >"$work/der"
  openssl pkey -pubin -inform DER -in "$work/der" -out "$work/pem" 2>/dev/null || return 1
  openssl dgst -blake2b512 -binary -out "$work/hash" "$work/SHA256SUMS" || return 1
  openssl pkeyutl -verify -pubin -inkey "$work/pem" -rawin -in "$work/hash" -sigfile "$work/raw" >/dev/null 2>&1
}
if have minisign; then
  minisign -Vq -P "$key" -m "$work/SHA256SUMS" -x "$work/SHA256SUMS.minisig" >/dev/null 2>&1 ||
    fail "the signature of SHA256SUMS is wrong; nothing was installed. Get all files once more from where berth is published"
elif have openssl && openssl version | grep -q '^OpenSSL [3-9]'; then
  by_openssl ||
    fail "the signature of SHA256SUMS is wrong; nothing was installed. Get all files once more from where berth is published"
else
  fail "neither minisign nor openssl 3 is here to verify the signature; install one of them, for example: apt-get install minisign"
fi

get "$name.tar.gz"
want=$(awk -v f="$name.tar.gz" '$2 == f { print $1 }' "$work/SHA256SUMS")
if have sha256sum; then got=$(sha256sum "$work/$name.tar.gz"); else got=$(shasum -a 256 "$work/$name.tar.gz"); fi
[ -n "$want" ] && [ "${got%% *}" = "$want" ] || fail "$name.tar.gz is damaged: its checksum is not the signed one; nothing was installed"

tar -xzf "$work/$name.tar.gz" -C "$work"
mkdir -p "$to"
cp "$work/$name/berth" "$to/.berth.new"
chmod 755 "$to/.berth.new"
mv "$to/.berth.new" "$to/berth"
"$to/berth" version
echo "installed $to/berth"
case :$PATH: in
  *:"$to":*) echo "next: berth init" ;;
  *) echo "next: add $to to your PATH, then berth init" ;;
esac
