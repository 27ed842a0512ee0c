#!/usr/bin/env bash
# Puts localhost/node:24-slim into buildah's store, for the Dockerfile's BASE: the public image where its registry is
# reached, else a stand-in of Debian's minimal system with Node and npm from the npm registry. Needs root.
set -euo pipefail
tag=localhost/node:24-slim
if [ -n "$(buildah images --quiet --filter reference="$tag" 2>/dev/null)" ]; then exit 0; fi

if timeout 240 buildah pull --quiet docker.io/library/node:24-slim >/dev/null 2>&1; then
  buildah tag docker.io/library/node:24-slim "$tag"
  exit 0
fi
echo "no image registry answers: making a stand-in for node:24-slim" >&2

case $(dpkg --print-architecture) in
  amd64) cpu=x64 ;;
  arm64) cpu=arm64 ;;
  *) echo "no Node package for $(dpkg --print-architecture)" >&2; exit 1 ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
debootstrap --variant=minbase bookworm "$root" >"$scratch/log" 2>&1 || { tail -20 "$scratch/log" >&2; exit 1; }

# Node's own binary and npm are npm packages; unpack each where the public image has it.
unpack() { # package, folder
  local archive
  archive=$(cd "$scratch" && npm pack --silent "$1")
  mkdir -p "$2"
  tar -xzf "$scratch/$archive" -C "$2" --strip-components=1 --no-same-owner
}
unpack "node-linux-$cpu@24" "$scratch/node"
install -m 755 "$scratch/node/bin/node" "$root/usr/local/bin/node"
unpack npm@11 "$root/usr/local/lib/node_modules/npm"
for tool in npm npx; do
  ln -s "../lib/node_modules/npm/bin/$tool-cli.js" "$root/usr/local/bin/$tool"
done
chroot "$root" useradd --uid 1000 --user-group --create-home node

# The build asks the npm registry as this machine does: with its certificate authorities.
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$root/root/.npmrc"
fi
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

container=$(buildah from scratch)
buildah add --quiet "$container" "$root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
buildah commit --quiet --rm "$container" "$tag" >/dev/null
