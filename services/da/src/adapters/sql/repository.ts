import type { Sql } from '@zerog/ports'
import type { DisperserRepository } from '../../app/disperser/repository.ts'
import { blobQueries } from './blob-queries.ts'
import { bundleQueries } from './bundle-queries.ts'
import { MIGRATIONS, SCHEMA } from './migrations.ts'
import { windowQueries } from './window-queries.ts'

/** The repository in PostgreSQL; migrates first. */
export async function sqlDisperserRepository(sql: Sql): Promise<DisperserRepository> {
  await sql.migrate({ schema: SCHEMA, migrations: MIGRATIONS })
  return { ...blobQueries(sql), ...bundleQueries(sql), ...windowQueries(sql) }
}
