import type { Sql } from '@zerog/ports'
import type { StorageRepository } from '../../app/repository.ts'
import { chainQueries } from './chain-queries.ts'
import { deletionQueries } from './deletion-queries.ts'
import { fileQueries } from './file-queries.ts'
import { holdingQueries } from './holding-queries.ts'
import { MIGRATIONS, SCHEMA } from './migrations.ts'

/** The repository in PostgreSQL; migrates first. */
export async function sqlRepository(sql: Sql): Promise<StorageRepository> {
  await sql.migrate({ schema: SCHEMA, migrations: MIGRATIONS })
  return { ...chainQueries(sql), ...fileQueries(sql), ...holdingQueries(sql), ...deletionQueries(sql) }
}
