import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CACHE, imageExists, must } from '../../../tools/containers.ts'

export const SERVERS_IMAGE = 'localhost/zerog-servers:bookworm'

/** By first argument or variable the image behaves as the published image of that server does: same arguments, variables and folders. */
const ENTRY = `#!/bin/sh
set -eu
case "$0" in
*nats-entry) exec nats-server "$@" ;;
*redis-entry) exec redis-server --bind 0.0.0.0 --protected-mode no "$@" ;;
esac
bin=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  "$bin/initdb" -D "$PGDATA" -U postgres --pwfile=/tmp/password --auth=scram-sha-256 --no-sync > /dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp
`

/** Published images by their Debian stand-ins, which are made here from packages where they are missing. */
export function serverImages(
  published: Readonly<Record<'postgres' | 'nats' | 'redis', string>>,
): Readonly<Record<string, string>> {
  if (!imageExists(`${SERVERS_IMAGE}-nats`)) build()
  return Object.fromEntries(Object.entries(published).map(([name, image]) => [image, `${SERVERS_IMAGE}-${name}`]))
}

function build(): void {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-servers-image-'))
  const archive = join(CACHE, 'servers.tar')
  try {
    process.stderr.write('zerog: making an image with PostgreSQL, NATS and Redis of Debian\n')
    const include = '--include=ca-certificates,postgresql,nats-server,redis-server'
    must('mmdebstrap', ['--quiet', '--variant=minbase', include, 'bookworm', archive])
    must('podman', ['import', '--quiet', archive, SERVERS_IMAGE])
    writeFileSync(join(folder, 'entry'), ENTRY, { mode: 0o755 })
    for (const [name, uid, data] of SERVERS) {
      const lines = [
        `FROM ${SERVERS_IMAGE}`,
        `COPY entry /usr/local/bin/${name}-entry`,
        `RUN useradd --non-unique --no-create-home --uid ${uid} server; mkdir -p ${data} /var/run/postgresql && chown ${uid}:${uid} ${data} /var/run/postgresql`,
        `USER ${uid}:${uid}`,
        `ENTRYPOINT ["/usr/local/bin/${name}-entry"]`,
      ]
      writeFileSync(join(folder, 'Containerfile'), `${lines.join('\n')}\n`)
      must('buildah', ['build', '--quiet', '--isolation', 'chroot', '--tag', `${SERVERS_IMAGE}-${name}`, folder])
    }
  } finally {
    rmSync(archive, { force: true })
    rmSync(folder, { recursive: true })
  }
}

const SERVERS = [
  ['postgres', 999, '/var/lib/postgresql/data'],
  ['redis', 999, '/data'],
  ['nats', 65532, '/data'],
] as const
